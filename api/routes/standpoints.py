"""`/api/v1/group-clients/{code}/supervision` and `/parent`: where a client stands, and stood."""

from typing import Annotated

from fastapi import APIRouter, Response

from api.dependencies import Needs, Transaction
from api.etags import IfMatch
from api.schemas.group_clients import GroupClientAnswer
from api.schemas.standpoints import ParentBody, StandpointsAnswer, SupervisionBody
from api.strict import StrictRoute
from registry import group_clients, supervision
from registry.model import RegionCode
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1/group-clients", tags=["group clients"], route_class=StrictRoute)

Mover = Annotated[Scope, Needs(Right.GROUP_CLIENTS_MOVE)]


@router.get("/{code}/supervision", operation_id="list_supervision")
async def list_supervision(
    scope: Annotated[Scope, Needs(Right.GROUP_CLIENTS_READ)], conn: Transaction, code: str
) -> StandpointsAnswer:
    """Who supervised a client, and below whom it was, from when to when."""
    return StandpointsAnswer.model_validate(
        {
            "supervision": await supervision.list_supervision(conn, scope, code),
            "parents": await supervision.list_parents(conn, scope, code),
        }
    )


@router.put("/{code}/supervision", operation_id="move_group_client")
async def move_group_client(
    scope: Mover,
    conn: Transaction,
    response: Response,
    code: str,
    body: SupervisionBody,
    if_match: IfMatch,
) -> GroupClientAnswer:
    """Let another region of yours supervise it from now on, at that region's level."""
    await if_match.before(group_clients.find, conn, scope, code)
    moved = await supervision.move(conn, scope, code, RegionCode(body.region))
    return GroupClientAnswer.model_validate(if_match.after(response, moved))


@router.put("/{code}/parent", operation_id="put_group_client_below")
async def put_group_client_below(
    scope: Mover,
    conn: Transaction,
    response: Response,
    code: str,
    body: ParentBody,
    if_match: IfMatch,
) -> GroupClientAnswer:
    """Put it, with all below it, below another client, or below none."""
    await if_match.before(group_clients.find, conn, scope, code)
    moved = await supervision.put_below(conn, scope, code, body.parent)
    return GroupClientAnswer.model_validate(if_match.after(response, moved))
