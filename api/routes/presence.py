"""Whether a terminal is there: `/api/v1/terminals/{code}/presence`, and how that changed."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from api.dependencies import LooksBack, Needs, Transaction
from api.paging import After, Limit, link_next
from api.schemas.shapes import PageOf
from api.schemas.terminals import PresenceChangeAnswer, TerminalPresenceAnswer
from api.series_query import From, To
from api.strict import StrictRoute
from registry import terminals
from registry.scope import Right, Scope
from telemetry import presence

router = APIRouter(prefix="/api/v1/terminals/{code}", tags=["presence"], route_class=StrictRoute)

Present = Annotated[Scope, Needs(Right.TELEMETRY_READ)]
Reader = Annotated[Scope, LooksBack(Right.TELEMETRY_READ)]


@router.get("/presence", operation_id="find_presence")
async def find_presence(scope: Present, conn: Transaction, code: str) -> TerminalPresenceAnswer:
    """Whether data comes from a terminal and whether it has a session, and since when."""
    terminal = await terminals.find(conn, scope, code)
    known = (await presence.of(conn, scope, [terminal.id]))[terminal.id]
    pauses = await presence.list_pauses(conn, scope, terminal.id)
    return TerminalPresenceAnswer.of(code, known, await presence.clock(conn, scope), pauses)


@router.get("/presence/changes", operation_id="list_presence_changes")
async def list_presence_changes(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    code: str,
    start: From = None,
    end: To = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[PresenceChangeAnswer]:
    """One page of when that changed, newest first; of the last 31 days unless `from` says."""
    page = await presence.list_changes(
        conn, scope, code, start=start, end=end, after=after, limit=limit
    )
    link_next(request, response, page.next_key)
    return PageOf[PresenceChangeAnswer].model_validate({"items": page.items, "next": page.next_key})
