"""`/api/v1/assignments` and `/api/v1/account-managers`: who serves whom, from when to when."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from api.dependencies import Creates, Needs, Transaction
from api.paging import After, Limit, link_next
from api.schemas.assignments import (
    AssignmentAnswer,
    AssignmentBody,
    HandedOverAnswer,
    HandOverBody,
    ServingAnswer,
)
from api.schemas.shapes import Instant, PageOf
from api.strict import StrictRoute
from registry import assignments
from registry.assignments import Order
from registry.scope import Right, Role, Scope

router = APIRouter(prefix="/api/v1", tags=["assignments"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.ASSIGNMENTS_READ)]
ServingRole = Literal[Role.ACCOUNT_MANAGER, Role.AGENT]
Number = Annotated[int, Path(ge=1, lt=2**63)]


@router.get("/account-managers", operation_id="list_account_managers")
async def list_account_managers(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    role: ServingRole | None = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[ServingAnswer]:
    """Account managers and agents by name: those of your clients; all for who may assign."""
    page = await assignments.list_people(conn, scope, role=role, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[ServingAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.get("/assignments", operation_id="list_assignments")
async def list_assignments(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    group_client: Annotated[str | None, Query(max_length=64, description="Its code.")] = None,
    person: Annotated[str | None, Query(max_length=64)] = None,
    role: ServingRole | None = None,
    at: Annotated[Instant | None, Query(description="In effect at this instant.")] = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[AssignmentAnswer]:
    """One page of who serves and served your clients, what was put on record last first."""
    page = await assignments.list_page(
        conn,
        scope,
        group_client=group_client,
        person=person,
        role=role,
        at=at,
        after=after,
        limit=limit,
    )
    link_next(request, response, page.next_key)
    return PageOf[AssignmentAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.post("/assignments", operation_id="assign_clients", status_code=201)
async def assign_clients(
    scope: Annotated[Scope, Creates(Right.ASSIGNMENTS_CHANGE)],
    conn: Transaction,
    body: AssignmentBody,
) -> HandedOverAnswer:
    """Let somebody serve clients whom nobody of their role serves."""
    number = await assignments.assign(conn, scope, body.to, body.order())
    return HandedOverAnswer(group_clients=number)


@router.post("/assignments/hand-overs", operation_id="hand_clients_over", status_code=201)
async def hand_clients_over(
    scope: Annotated[Scope, Creates(Right.ASSIGNMENTS_CHANGE)],
    conn: Transaction,
    body: HandOverBody,
) -> HandedOverAnswer:
    """Let another person serve clients: now, from a time that is to come, or on record late."""
    codes = body.group_clients or await assignments.list_served(conn, scope, body.giving)
    order = Order(codes, body.effective_at, body.note)
    number = await assignments.hand_over(conn, scope, body.giving, body.receiving, order)
    return HandedOverAnswer(group_clients=number)


@router.delete("/assignments/{number}", operation_id="call_assignment_off", status_code=204)
async def call_assignment_off(
    scope: Annotated[Scope, Needs(Right.ASSIGNMENTS_CHANGE)], conn: Transaction, number: Number
) -> None:
    """Undo one that lies ahead: who serves the client until then serves it on."""
    await assignments.call_off(conn, scope, number)
