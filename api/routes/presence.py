"""Whether a terminal is there, `/api/v1/terminals/{code}/presence`, and why it is not."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from api.dependencies import LooksBack, Needs, Transaction
from api.paging import After, Limit, link_next
from api.schemas.diagnosis import DiagnosisAnswer
from api.schemas.shapes import PageOf
from api.schemas.terminals import PresenceChangeAnswer, TerminalPresenceAnswer
from api.series_query import From, To
from api.strict import StrictRoute
from registry import terminals
from registry.scope import Right, Scope
from telemetry import diagnosis, presence

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


@router.get("/diagnosis", operation_id="diagnose_terminal")
async def diagnose_terminal(scope: Present, conn: Transaction, code: str) -> DiagnosisAnswer:
    """Why a terminal is silent: one verdict, its evidence, and the next step.

    SIM and quarantine are evidence for who may read them; `not_yours` says what was left out.
    """
    return DiagnosisAnswer.of(code, await diagnosis.diagnose(conn, scope, code))


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
