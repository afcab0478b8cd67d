"""`/api/v1/bindings`: which hardware SIMs may work in, whether they do, and asking for another."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api import etags
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.paging import After, Limit, link_next
from api.schemas.bindings import (
    BindingAnswer,
    BindingRequestAnswer,
    BindingRequestBody,
    BoundSimAnswer,
    CoverageAnswer,
    DecisionBody,
    HeardAnswer,
    RuleBody,
)
from api.schemas.shapes import PageOf
from api.schemas.telemetry import EventAnswer
from api.series_query import From, To
from api.strict import StrictRoute
from foundation.database import Connection
from registry import binding_lists, binding_requests, bindings, group_clients, regions
from registry.binding_errors import BindingNotFound
from registry.binding_lists import Search
from registry.binding_requests import RequestState
from registry.bindings import Binding, Mode, Verdict, Violation
from registry.identifiers import Iccid, Imei
from registry.scope import Right, Scope
from telemetry import identities
from telemetry.identities import IdentityKind

router = APIRouter(prefix="/api/v1", tags=["bindings"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.SIMS_READ)]
Number = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("/bindings", operation_id="list_bindings")
async def list_bindings(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    verdict: Verdict | None = None,
    violation: Violation | None = None,
    mode: Annotated[Mode | None, Query(description="Without it: all that are bound.")] = None,
    iccid: Annotated[str | None, Query(max_length=20, description="Its beginning.")] = None,
    group_client: Annotated[
        str | None, Query(max_length=64, description="Of it or a client below it.")
    ] = None,
    region: Annotated[int | None, Query(description="In its subtree.")] = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[BoundSimAnswer]:
    """One page of the rules that hold in scope, each with its verdict."""
    owner = None if group_client is None else await group_clients.find(conn, scope, group_client)
    search = Search(
        verdict=verdict,
        violation=violation,
        mode=mode,
        group_client=None if owner is None else owner.id,
        region=None if region is None else (await regions.find(conn, scope, region)).range,
        iccid=iccid,
    )
    page = await binding_lists.list_page(conn, scope, search, after=after, limit=limit)
    link_next(request, response, page.next_key)
    items = [BoundSimAnswer.of(bound) for bound in page.items]
    return PageOf[BoundSimAnswer](items=items, next=page.next_key)


@router.get("/bindings/coverage", operation_id="cover_bindings")
async def cover_bindings(scope: Reader, conn: Transaction) -> list[CoverageAnswer]:
    """By province: SIMs in use, how many are bound, and how many of these have a proven verdict."""
    return [CoverageAnswer.model_validate(c) for c in await binding_lists.cover(conn, scope)]


@router.get("/bindings/events", operation_id="list_identity_events")
async def list_identity_events(
    scope: Annotated[Scope, Needs(Right.TELEMETRY_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    kind: IdentityKind | None = None,
    start: From = None,
    end: To = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[EventAnswer]:
    """One page of what terminals' identities gave rise to, newest first; 31 days unless said."""
    page = await identities.list_events(
        conn, scope, kind=kind, start=start, end=end, after=after, limit=limit
    )
    link_next(request, response, page.next_key)
    return PageOf[EventAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.get("/bindings/requests", operation_id="list_binding_requests")
async def list_binding_requests(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    state: RequestState | None = None,
    iccid: Annotated[str | None, Query(max_length=40, description="Of this SIM.")] = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[BindingRequestAnswer]:
    """One page of the requests for another hardware in scope, newest first."""
    sim = None if iccid is None else Iccid.named(iccid)
    page = await binding_requests.list_page(
        conn, scope, state=state, iccid=sim, after=after, limit=limit
    )
    link_next(request, response, page.next_key)
    given = {"items": page.items, "next": page.next_key}
    return PageOf[BindingRequestAnswer].model_validate(given)


@router.post("/bindings/requests", operation_id="request_binding", status_code=201)
async def request_binding(
    scope: Annotated[Scope, Creates(Right.BINDINGS_REQUEST)],
    conn: Transaction,
    response: Response,
    body: BindingRequestBody,
) -> BindingRequestAnswer:
    """Ask that a bound SIM may work in other hardware; somebody else decides before it expires."""
    asked = await binding_requests.ask(
        conn,
        scope,
        Iccid.parse(body.iccid),
        Imei.parse(body.imei),
        reason=body.reason,
        lasting=timedelta(hours=body.expires_in_hours),
    )
    response.headers["Location"] = f"/api/v1/bindings/requests/{asked.id}"
    return BindingRequestAnswer.model_validate(etags.tag(response, asked))


@router.get("/bindings/requests/{request_id}", operation_id="find_binding_request")
async def find_binding_request(
    scope: Reader, conn: Transaction, response: Response, request_id: Number
) -> BindingRequestAnswer:
    """One request; the ETag is its version."""
    found = await binding_requests.find(conn, scope, request_id)
    return BindingRequestAnswer.model_validate(etags.tag(response, found))


@router.post("/bindings/requests/{request_id}/decision", operation_id="decide_binding_request")
async def decide_binding_request(
    scope: Annotated[Scope, Needs(Right.BINDINGS_APPROVE)],
    conn: Transaction,
    response: Response,
    request_id: Number,
    body: DecisionBody,
    if_match: IfMatch,
) -> BindingRequestAnswer:
    """Approve it, and a new rule holds from now on, or decline it; never your own."""
    await if_match.before(binding_requests.find, conn, scope, request_id)
    decide = binding_requests.approve if body.approve else binding_requests.decline
    decided = await decide(conn, scope, request_id, remark=body.remark)
    return BindingRequestAnswer.model_validate(if_match.after(response, decided))


@router.post("/bindings/requests/{request_id}/withdrawal", operation_id="withdraw_binding_request")
async def withdraw_binding_request(
    scope: Annotated[Scope, Needs(Right.BINDINGS_REQUEST)],
    conn: Transaction,
    response: Response,
    request_id: Number,
    if_match: IfMatch,
) -> BindingRequestAnswer:
    """Take your own request back; anybody else's is not there for this."""
    await if_match.before(binding_requests.find, conn, scope, request_id)
    withdrawn = await binding_requests.withdraw(conn, scope, request_id)
    return BindingRequestAnswer.model_validate(if_match.after(response, withdrawn))


@router.get("/bindings/{iccid}", operation_id="find_binding")
async def find_binding(
    scope: Reader, conn: Transaction, response: Response, iccid: str
) -> BindingAnswer:
    """The rule that holds for a SIM, and its verdict; the ETag counts the SIM's rules."""
    binding = await _held(conn, scope, Iccid.named(iccid))
    return BindingAnswer.model_validate(etags.tag(response, binding))


@router.put("/bindings/{iccid}", operation_id="set_binding")
async def set_binding(
    scope: Annotated[Scope, Needs(Right.BINDINGS_SET)],
    conn: Transaction,
    response: Response,
    iccid: str,
    body: RuleBody,
    if_match: IfMatch,
) -> BindingAnswer:
    """Let a rule hold for a SIM, in place of the one before; `off` is a rule, too."""
    await if_match.before(_held, conn, scope, Iccid.named(iccid))
    binding = await bindings.put(
        conn, scope, Iccid.named(iccid), body.rule(), reason=body.reason, at=body.at
    )
    return BindingAnswer.model_validate(if_match.after(response, binding))


@router.get("/bindings/{iccid}/history", operation_id="list_past_bindings")
async def list_past_bindings(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    iccid: str,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[BindingAnswer]:
    """One page of the rules that a SIM had, newest first; a client sees the one that holds."""
    page = await bindings.list_past(conn, scope, Iccid.named(iccid), after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[BindingAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.get("/terminals/{code}/identity", operation_id="find_identity")
async def find_identity(scope: Reader, conn: Transaction, code: str) -> HeardAnswer:
    """What a terminal said last of itself; all null where it never did."""
    return HeardAnswer.of(code, await identities.find(conn, scope, code))


async def _held(conn: Connection, scope: Scope, iccid: Iccid) -> Binding:
    binding = await bindings.find(conn, scope, iccid)
    if binding is None:
        raise BindingNotFound(f"No rule was ever set for the SIM {iccid}.")
    return binding
