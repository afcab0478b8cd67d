"""What happened at a terminal: alarms of its zones, ignition, last gasps, hellos."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.console.pages.screen import SPANS, Screen, Shows
from api.console.pages.sheets import page_or_file
from api.schemas.telemetry import EventAnswer
from registry import terminals
from registry.conditions import SEVERITIES
from registry.scope import Right
from telemetry import reader

router = APIRouter()


@router.get("/terminals/{code}/events")
async def list_events(
    screen: Annotated[Screen, Shows(Right.TELEMETRY_READ)],
    code: str,
    begins: Annotated[str, Query(alias="code", max_length=64)] = "",
    severity: Annotated[str, Query(max_length=16)] = "",
    since: Annotated[str, Query(pattern="^(1h|24h|7d)?$")] = "",
    after: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """One page of a terminal's events, newest first; of the last 31 days unless it says less."""
    conn, scope = screen.conn, screen.scope
    terminal = await terminals.find(conn, scope, code)
    read = partial(
        reader.list_events,
        terminal_code=code,
        start=datetime.now(UTC) - SPANS[since] if since else None,
        code=begins,
        severity=severity if severity in SEVERITIES else None,
    )
    page = await page_or_file(screen, f"{code}-events", EventAnswer, read, after)
    if isinstance(page, Response):
        return page
    return screen.show(
        "events.html",
        terminal=terminal,
        events=page.items,
        next_key=page.next_key,
        begins=begins,
        severity=severity,
        since=since,
        after=after,
        spans=SPANS,
    )
