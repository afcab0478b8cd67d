"""`/api/v1/terminals`: put on the roll, found, moved through their lives, let in and cut off."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import etags
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.paging import After, Limit, link_next
from api.schemas.shapes import PageOf
from api.schemas.terminals import (
    AttendedAnswer,
    CredentialAnswer,
    RegisteredAnswer,
    TerminalAnswer,
    TerminalBody,
    TerminalChange,
)
from api.strict import StrictRoute
from registry import credentials, group_clients, identifiers, regions, terminals
from registry.model import RegionCode, Sector, TerminalState
from registry.scope import Right, Scope
from telemetry import presence
from telemetry.model import SessionState
from telemetry.presence import Heard

router = APIRouter(prefix="/api/v1/terminals", tags=["terminals"], route_class=StrictRoute)


@router.get("", operation_id="list_terminals")
async def list_terminals(
    scope: Annotated[Scope, Needs(Right.TERMINALS_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    prefix: Annotated[str | None, Query(max_length=64, description="Of the code.")] = None,
    group_client: Annotated[
        str | None, Query(max_length=64, description="Owned by it or a client below it.")
    ] = None,
    region: Annotated[int | None, Query(description="Installed in its subtree.")] = None,
    state: TerminalState | None = None,
    profile: Annotated[str | None, Query(max_length=64)] = None,
    sector: Sector | None = None,
    data: Annotated[Heard | None, Query(description="`absent` is silent or never heard.")] = None,
    session: SessionState | None = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[AttendedAnswer]:
    """One page of the terminals in scope, each with its presence."""
    owner = None if group_client is None else await group_clients.find(conn, scope, group_client)
    page = await presence.list_terminals(
        conn,
        scope,
        data=data,
        session=session,
        sector=sector,
        prefix=prefix,
        group_client=None if owner is None else owner.id,
        region=None if region is None else (await regions.find(conn, scope, region)).range,
        state=state,
        profile=profile,
        after=after,
        limit=limit,
    )
    link_next(request, response, page.next_key)
    items = [AttendedAnswer.of(found) for found in page.items]
    return PageOf[AttendedAnswer](items=items, next=page.next_key)


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
    etags.tag(response, registered.terminal)
    return RegisteredAnswer.model_validate(registered)


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
) -> TerminalAnswer:
    """Put a terminal into another state; `retired` needs the right to retire, and is for good."""
    await if_match.before(terminals.find, conn, scope, code)
    terminal = await terminals.move_to(conn, scope, code, body.state)
    return TerminalAnswer.model_validate(if_match.after(response, terminal))


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
    await credentials.revoke(conn, scope, code)
