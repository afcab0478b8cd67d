"""`/api/v1/quarantine`: what could never be stored, raw, with the reason, and taking it again."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import Creates, LooksBack, Needs, Transaction
from api.paging import After, Limit, link_next
from api.schemas.quarantine import (
    OutcomeAnswer,
    QuarantinedAnswer,
    QuarantinedMessageAnswer,
    ReplayAnswer,
    ReplayBody,
    StormAnswer,
)
from api.schemas.shapes import PageOf
from api.series_query import From, To
from api.strict import StrictRoute
from registry.scope import Right, Scope
from telemetry import reader, replays
from telemetry.model import Reason, Search

router = APIRouter(prefix="/api/v1/quarantine", tags=["quarantine"], route_class=StrictRoute)

Reader = Annotated[Scope, LooksBack(Right.QUARANTINE_READ)]
Replayer = Annotated[Scope, Needs(Right.QUARANTINE_REPLAY)]
OfTerminal = Annotated[str | None, Query(max_length=64)]


@router.get("", operation_id="list_quarantine")
async def list_quarantine(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    reason: Reason | None = None,
    terminal: OfTerminal = None,
    topic: Annotated[str | None, Query(max_length=200, description="How it begins.")] = None,
    start: From = None,
    end: To = None,
    resolved: Annotated[bool, Query(description="Also what a replay could store since.")] = False,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[QuarantinedAnswer]:
    """One page of the refused messages in scope, newest first."""
    search = Search(terminal, reason, topic, start, end, resolved)
    page = await reader.list_quarantine(conn, scope, search, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[QuarantinedAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.get("/storms", operation_id="list_storms")
async def list_storms(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    reason: Reason | None = None,
    terminal: OfTerminal = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[StormAnswer]:
    """One page of the storms of the last 31 days, the one that went on last first.

    Of one terminal, reason and day so many messages are kept raw; the others are counted here.
    """
    page = await reader.list_storms(
        conn, scope, terminal_code=terminal, reason=reason, after=after, limit=limit
    )
    link_next(request, response, page.next_key)
    return PageOf[StormAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.post("/replays", operation_id="request_replay", status_code=202)
async def request_replay(
    scope: Annotated[Scope, Creates(Right.QUARANTINE_REPLAY)],
    conn: Transaction,
    response: Response,
    body: ReplayBody,
) -> ReplayAnswer:
    """Have refused messages taken again by a bridge, after a profile or the roll was corrected."""
    which = body.items if body.items is not None else body.search()
    replay = await replays.request(conn, scope, which)
    response.headers["Location"] = f"/api/v1/quarantine/replays/{replay.id}"
    return ReplayAnswer.model_validate(replay)


@router.get("/replays/{replay}", operation_id="find_replay")
async def find_replay(scope: Replayer, conn: Transaction, replay: int) -> ReplayAnswer:
    """How far a replay has come; for who asked for it."""
    return ReplayAnswer.model_validate(await replays.find(conn, scope, replay))


@router.get("/replays/{replay}/outcomes", operation_id="list_outcomes")
async def list_outcomes(
    scope: Replayer,
    conn: Transaction,
    request: Request,
    response: Response,
    replay: int,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[OutcomeAnswer]:
    """One page of what became of each item of a replay."""
    page = await replays.list_outcomes(conn, scope, replay, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[OutcomeAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.get("/{item}", operation_id="find_quarantined")
async def find_quarantined(scope: Reader, conn: Transaction, item: int) -> QuarantinedMessageAnswer:
    """One refused message with its bytes."""
    return QuarantinedMessageAnswer.model_validate(await reader.find_quarantined(conn, scope, item))
