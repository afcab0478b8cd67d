"""`/api/v1/terminals`: put on the roll, found, moved through their lives, let in and cut off."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import etags
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.paging import After, Limit, link_next
from api.schemas.imports import OrderRef
from api.schemas.search import counted
from api.schemas.terminals import (
    AttendedAnswer,
    ChangedTerminalAnswer,
    CredentialAnswer,
    RegisteredAnswer,
    TerminalAnswer,
    TerminalBody,
    TerminalChange,
    TerminalsAnswer,
)
from api.strict import StrictRoute
from registry import (
    client_files,
    collections,
    credentials,
    group_clients,
    identifiers,
    particulars,
    regions,
    terminals,
)
from registry.model import RegionCode, Sector, TerminalState
from registry.particulars import Location
from registry.scope import Right, Scope
from registry.terminal_lists import Filters
from telemetry import presence, tally
from telemetry.model import SessionState
from telemetry.presence import Heard

router = APIRouter(prefix="/api/v1/terminals", tags=["terminals"], route_class=StrictRoute)


_Beginning = Annotated[str | None, Query(max_length=32, description="How it begins.")]


@router.get("", operation_id="list_terminals")
async def list_terminals(
    scope: Annotated[Scope, Needs(Right.TERMINALS_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    q: Annotated[
        str | None,
        Query(
            max_length=64,
            description="How the code or a number of it begins, or two characters of the name.",
        ),
    ] = None,
    prefix: Annotated[str | None, Query(max_length=64, description="Of the code.")] = None,
    imei: _Beginning = None,
    iccid: _Beginning = None,
    imsi: _Beginning = None,
    msisdn: _Beginning = None,
    wire_name: _Beginning = None,
    group_client: Annotated[
        str | None, Query(max_length=64, description="Owned by it or a client below it.")
    ] = None,
    region: Annotated[int | None, Query(description="Installed in its subtree.")] = None,
    state: TerminalState | None = None,
    profile: Annotated[str | None, Query(max_length=64)] = None,
    sector: Sector | None = None,
    tag: Annotated[str | None, Query(max_length=64)] = None,
    order_ref: OrderRef = None,
    collection: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="In it now.")] = None,
    data: Annotated[Heard | None, Query(description="`absent` is silent or never heard.")] = None,
    session: SessionState | None = None,
    count: Annotated[bool, Query(description="Whether to say how many there are.")] = False,
    after: After = None,
    limit: Limit = 50,
) -> TerminalsAnswer:
    """One page of the terminals in scope, each with its presence; all filters that are given hold.

    In an order that stays: of a client by owner, of a region by region, else by code.
    """
    owner = None if group_client is None else await group_clients.find(conn, scope, group_client)
    filters = Filters(
        q=q,
        prefix=prefix,
        imei=imei,
        iccid=iccid,
        imsi=imsi,
        msisdn=msisdn,
        wire_name=wire_name,
        group_client=None if owner is None else owner.id,
        region=None if region is None else (await regions.find(conn, scope, region)).range,
        state=state,
        profile=profile,
        sector=sector,
        tag=tag,
        order_ref=order_ref,
        also=None if collection is None else await collections.filters_of(conn, scope, collection),
    )
    page = await presence.list_terminals(
        conn, scope, data=data, session=session, after=after, limit=limit, **filters
    )
    number = None
    if count:
        number = counted(await tally.count(conn, scope, data=data, session=session, **filters))
    link_next(request, response, page.next_key)
    items = [AttendedAnswer.of(found) for found in page.items]
    return TerminalsAnswer(items=items, next=page.next_key, count=number)


@router.post("", operation_id="register_terminal", status_code=201)
async def register_terminal(
    scope: Annotated[Scope, Creates(Right.TERMINALS_REGISTER)],
    conn: Transaction,
    response: Response,
    body: TerminalBody,
) -> RegisteredAnswer:
    """Put a terminal on the roll; the answer holds its password, which is never shown again."""
    registered = await terminals.register(
        conn,
        scope,
        code=identifiers.TerminalCode.parse(body.code),
        profile=body.profile,
        region=RegionCode(body.region),
        group_client=body.group_client,
        name=body.name,
        imei=None if body.imei is None else identifiers.Imei.parse(body.imei),
        state=body.state,
    )
    response.headers["Location"] = f"/api/v1/terminals/{registered.terminal.code}"
    terminal = etags.tag(response, registered.terminal)
    return RegisteredAnswer(
        terminal=TerminalAnswer.model_validate(terminal),
        credential=CredentialAnswer.model_validate(registered.credential),
        warnings=list(await client_files.warnings_of(conn, scope, terminal.group_client_id)),
    )


@router.get("/{code}", operation_id="find_terminal")
async def find_terminal(
    scope: Annotated[Scope, Needs(Right.TERMINALS_READ)],
    conn: Transaction,
    response: Response,
    code: str,
) -> TerminalAnswer:
    """One terminal by its code; the ETag is its version."""
    terminal = await terminals.find(conn, scope, code)
    return TerminalAnswer.model_validate(etags.tag(response, terminal))


@router.patch("/{code}", operation_id="change_terminal")
async def change_terminal(
    scope: Annotated[Scope, Needs(Right.TERMINALS_READ)],
    conn: Transaction,
    response: Response,
    code: str,
    body: TerminalChange,
    if_match: IfMatch,
) -> ChangedTerminalAnswer:
    """Put a terminal into another state, or note its name, region, place and tags.

    `retired` needs the right to retire, and is for good; who isolates gives a reason; an isolated
    terminal returns to the state in which it was isolated.
    """
    await if_match.before(terminals.find, conn, scope, code)
    if body.state is not None:
        changed = await terminals.move_to(conn, scope, code, body.state, reason=body.reason)
    else:
        noted = body.model_dump(exclude_unset=True)
        place = "latitude" in noted
        changed = await particulars.change(
            conn,
            scope,
            code,
            name=body.name,
            nameless="name" in noted,
            region=None if body.region is None else RegionCode(body.region),
            location=Location(body.latitude, body.longitude) if place else None,
            tags=body.tags,
        )
    warnings = await client_files.warnings_of(conn, scope, changed.group_client_id)
    return ChangedTerminalAnswer.of(if_match.after(response, changed), warnings)


@router.post("/{code}/credential", operation_id="issue_credential", status_code=201)
async def issue_credential(
    scope: Annotated[Scope, Creates(Right.CREDENTIALS_ISSUE)], conn: Transaction, code: str
) -> CredentialAnswer:
    """Give a terminal a new password; the one it had is cut off within 5 seconds."""
    return CredentialAnswer.model_validate(await credentials.issue(conn, scope, code))


@router.delete("/{code}/credential", operation_id="revoke_credential", status_code=204)
async def revoke_credential(
    scope: Annotated[Scope, Needs(Right.CREDENTIALS_REVOKE)], conn: Transaction, code: str
) -> None:
    """Cut a terminal off from the broker within 5 seconds."""
    await credentials.cut_off(conn, scope, code)
