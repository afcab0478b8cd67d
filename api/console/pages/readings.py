"""The readings of a terminal as they were stored, row by row."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.console.pages.screen import PAGE_ROWS, SPANS, Screen, Shows
from registry import profiles, terminals
from registry.scope import Right
from telemetry import readings

router = APIRouter()


@router.get("/terminals/{code}/readings")
async def list_readings(
    screen: Annotated[Screen, Shows(Right.TELEMETRY_READ)],
    code: str,
    since: Annotated[str, Query(pattern="^(1h|24h|7d)?$")] = "",
    after: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """One page of a terminal's rows, newest first; of the last 31 days unless it says less."""
    conn, scope = screen.conn, screen.scope
    terminal = await terminals.find(conn, scope, code)
    start = datetime.now(UTC) - SPANS[since] if since else None
    page = await readings.list_readings(
        conn, scope, code, start=start, after=after, limit=PAGE_ROWS
    )
    shown = {reading.profile for reading in page.items}
    metrics = {
        metric.name: metric
        for name in sorted(shown)
        for metric in (await profiles.find(conn, scope, name)).metrics
    }
    carried = {name for reading in page.items for name in reading.values}
    return screen.show(
        "readings.html",
        terminal=terminal,
        readings=page.items,
        next_key=page.next_key,
        metrics=[metric for name, metric in metrics.items() if name in carried],
        since=since,
        after=after,
        spans=SPANS,
    )
