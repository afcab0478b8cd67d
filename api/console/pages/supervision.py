"""The supervisor's overview: rates from the headquarters down to the cities, and what got worse."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api import streamed
from api.console.pages.screen import PAGE_ROWS, Screen, Shows
from api.routes.supervision import HEADER, file_rows
from api.streamed import FileFormat
from registry import regions
from registry.model import Region, RegionLevel
from registry.scope import Right
from telemetry import supervision
from telemetry.supervision_model import NOBODY, Counts, Day, Rate, RollUpBy, Row

router = APIRouter(prefix="/supervision")

OnScreen = Annotated[Screen, Shows(Right.SUPERVISION_READ)]

_WORST = 8
_SMALLEST_CHANGE = 0.0005
_AGO = {"yesterday": 0, "week": 6, "month": 29}
"""How many days before the newest one that was taken."""


@dataclass(frozen=True, slots=True)
class View:
    """What the address asks for."""

    by: Annotated[RollUpBy, Query()] = RollUpBy.REGION
    rate: Annotated[Rate, Query()] = Rate.ONLINE
    within: Annotated[str, Query(pattern="^[0-9]{0,6}$")] = ""
    against: Annotated[str, Query(pattern="^(yesterday|week|month)$")] = "yesterday"
    after: Annotated[str, Query(max_length=256)] = ""


@router.get("")
async def show_supervision(screen: OnScreen, view: Annotated[View, Depends()]) -> Response:
    """The five rates, a tile for each region, what got worse first, and a table by anything."""
    conn, scope = screen.conn, screen.scope
    tree = await regions.list_all(conn, scope)
    within = await regions.find(conn, scope, int(view.within)) if view.within else None
    days = choices(await supervision.list_days(conn, scope))
    then = days.get(view.against, days.get("yesterday"))
    areas = await supervision.roll_up(
        conn, scope, RollUpBy.REGION, within=within, compared_with=then
    )
    table = areas
    if view.by is not RollUpBy.REGION:
        table = await supervision.roll_up(
            conn,
            scope,
            view.by,
            within=within,
            compared_with=then,
            after=view.after or None,
            limit=PAGE_ROWS if view.by is RollUpBy.CLIENT else streamed.ROWS_AT_ONCE,
        )
    named = {str(region.code): region for region in tree}
    return screen.show(
        "supervision.html",
        view=view,
        days=days,
        then=then,
        as_of=areas.as_of,
        bindings_at=areas.bindings_at,
        whole=_total(areas.rows),
        root=areas.root,
        above=_above(areas.root, named, scope.region),
        areas=areas.rows,
        named=named,
        flows=areas.root is not None and areas.root.level is not RegionLevel.HEADQUARTERS,
        worse=worst(table.rows, view.rate),
        rows=table.rows if view.by is RollUpBy.CLIENT else by_change(table.rows, view.rate),
        next_key=table.next_key,
        rates=list(Rate),
        nobody=NOBODY,
    )


@router.get("/file")
async def export(
    screen: OnScreen, view: Annotated[View, Depends()], form: FileFormat = FileFormat.CSV
) -> Response:
    """The table, all of it, as a file."""
    scope = screen.scope
    within = await regions.find(screen.conn, scope, int(view.within)) if view.within else None
    days = choices(await supervision.list_days(screen.conn, scope))
    then = days.get(view.against, days.get("yesterday"))
    rows = file_rows(screen.request.app.state.pool, scope, view.by, within, None, then)
    name = f"supervision-{view.by.value}"
    return await streamed.response(name, form, HEADER, rows, marked=True)


def choices(taken: Sequence[Day]) -> dict[str, date]:
    """The days to compare with: the newest, and the last one a week and a month before it."""
    found: dict[str, date] = {}
    for name, ago in _AGO.items():
        for one in taken:
            if one.day <= taken[0].day - timedelta(days=ago):
                found[name] = one.day
                break
    return found


def worst(rows: Sequence[Row], rate: Rate) -> list[Row]:
    """The rows whose rate fell most, the worst first."""
    fell = [row for row in rows if (row.change(rate) or 0) <= -_SMALLEST_CHANGE]
    return by_change(fell, rate)[:_WORST]


def by_change(rows: Sequence[Row], rate: Rate) -> list[Row]:
    """What got worse first; then what is known no change of, as it was."""
    return sorted(rows, key=lambda row: min(row.change(rate) or 0, 0))


def _total(rows: Sequence[Row]) -> Row:
    """Everything in sight, as one row."""
    before = [row.then for row in rows if row.then is not None]
    return Row(
        None,
        None,
        None,
        Counts.total(row.counts for row in rows),
        Counts.total(before) if before else None,
    )


def _above(
    root: Region | None, named: dict[str, Region], reach: tuple[int, int] | None
) -> list[Region]:
    """The regions above one that the reader may go back up to, the highest first."""
    found: list[Region] = []
    while root is not None and root.parent_code is not None and root.range != reach:
        root = named[str(root.parent_code)]
        found.insert(0, root)
    return found
