"""`/api/v1/group-clients`"""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import etags
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.paging import After, Limit, link_next
from api.schemas.group_clients import ClientTierBody, GroupClientAnswer, GroupClientBody
from api.schemas.shapes import PageOf
from api.strict import StrictRoute
from registry import client_tiers, group_clients, regions
from registry.identifiers import CreditCode
from registry.model import RegionCode
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1/group-clients", tags=["group clients"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.GROUP_CLIENTS_READ)]


@router.get("", operation_id="list_group_clients")
async def list_group_clients(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    prefix: Annotated[str | None, Query(max_length=64, description="Of the code.")] = None,
    region: Annotated[int | None, Query(description="Supervised in its subtree.")] = None,
    industry: Annotated[str | None, Query(max_length=64)] = None,
    tier: Annotated[str | None, Query(max_length=64)] = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[GroupClientAnswer]:
    """One page of the group clients in scope, by code."""
    within = None if region is None else (await regions.find(conn, scope, region)).range
    page = await group_clients.list_page(
        conn,
        scope,
        prefix=prefix,
        region=within,
        industry=industry,
        tier=tier,
        after=after,
        limit=limit,
    )
    link_next(request, response, page.next_key)
    return PageOf[GroupClientAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.get("/{code}", operation_id="find_group_client")
async def find_group_client(
    scope: Reader, conn: Transaction, response: Response, code: str
) -> GroupClientAnswer:
    """One group client by its code; the ETag is its version."""
    client = await group_clients.find(conn, scope, code)
    return GroupClientAnswer.model_validate(etags.tag(response, client))


@router.put("/{code}/tier", operation_id="put_on_tier")
async def put_on_tier(
    scope: Annotated[Scope, Needs(Right.TIERS_ASSIGN)],
    conn: Transaction,
    response: Response,
    code: str,
    body: ClientTierBody,
    if_match: IfMatch,
) -> GroupClientAnswer:
    """Let a client be on a tier from now on, or try the one that it tries for longer."""
    await if_match.before(group_clients.find, conn, scope, code)
    changed = await client_tiers.put_on(conn, scope, code, body.tier, until=body.until)
    return GroupClientAnswer.model_validate(if_match.after(response, changed))


@router.post("", operation_id="register_group_client", status_code=201)
async def register_group_client(
    scope: Annotated[Scope, Creates(Right.GROUP_CLIENTS_REGISTER)],
    conn: Transaction,
    response: Response,
    body: GroupClientBody,
) -> GroupClientAnswer:
    """Put a group client on the roll; its file begins as surveyed."""
    client = await group_clients.register(
        conn,
        scope,
        **body.model_dump(exclude={"region", "credit_code"}),
        region=RegionCode(body.region),
        credit_code=None if body.credit_code is None else CreditCode.parse(body.credit_code),
    )
    response.headers["Location"] = f"/api/v1/group-clients/{client.code}"
    return GroupClientAnswer.model_validate(etags.tag(response, client))
