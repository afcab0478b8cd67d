"""`/api/v1/supervision`: roll-ups of what the caller sees, now and by day, and as a file."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import fields
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import streamed
from api.dependencies import Needs, Transaction
from api.limits import expensive
from api.paging import After, Limit, link_next
from api.schemas.supervision import RollUpAnswer, SupervisionDaysAnswer
from api.streamed import FileFormat
from api.strict import StrictRoute
from foundation.database import Pool, transaction
from registry import regions
from registry.model import Region
from registry.scope import Right, Scope
from telemetry import supervision
from telemetry.supervision_model import Counts, Rate, RollUpBy, Row

router = APIRouter(prefix="/api/v1/supervision", tags=["supervision"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.SUPERVISION_READ)]
Within = Annotated[int | None, Query(description="What is in this region only, by its code.")]
OfDay = Annotated[date | None, Query(description="As this day had ended; now without it.")]
ComparedWith = Annotated[date | None, Query(description="With this day, as it had ended.")]

_COUNTS = ("terminals", *(one.name for one in fields(Counts)), *(rate.value for rate in Rate))
HEADER = ("key", "title_zh", "title_en", *_COUNTS, "grown", "customers_grown",
          *(f"{name}_then" for name in _COUNTS))  # fmt: skip


@router.get("", operation_id="roll_up")
@expensive
async def roll_up(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    by: RollUpBy = RollUpBy.REGION,
    within: Within = None,
    day: OfDay = None,
    compared_with: ComparedWith = None,
    after: After = None,
    limit: Limit = 50,
) -> RollUpAnswer:
    """One page of terminals, SIMs, messages and clients by key; what has none has 0.

    Terminals, SIMs and messages count where the terminals are, clients where they are supervised.
    By region the rows are `within` (or your own) and the regions right below it.
    """
    found = await supervision.roll_up(
        conn,
        scope,
        by,
        within=None if within is None else await regions.find(conn, scope, within),
        day=day,
        compared_with=compared_with,
        after=after,
        limit=limit,
    )
    link_next(request, response, found.next_key)
    return RollUpAnswer.model_validate(
        {
            "as_of": found.as_of,
            "bindings_at": found.bindings_at,
            "items": found.rows,
            "next": found.next_key,
        }
    )


@router.get("/days", operation_id="list_supervision_days")
async def list_days(scope: Reader, conn: Transaction) -> SupervisionDaysAnswer:
    """The days that were taken, newest first."""
    return SupervisionDaysAnswer.model_validate({"items": await supervision.list_days(conn, scope)})


@router.get("/file", operation_id="export_roll_up", response_class=Response)
@expensive
async def export_roll_up(
    scope: Reader,
    conn: Transaction,
    request: Request,
    by: RollUpBy = RollUpBy.REGION,
    within: Within = None,
    day: OfDay = None,
    compared_with: ComparedWith = None,
    form: Annotated[FileFormat | None, Query(alias="format")] = None,
) -> Response:
    """All rows of a roll-up as a file, a column for each count and rate, now and then."""
    place = None if within is None else await regions.find(conn, scope, within)
    for asked, field in ((day, "day"), (compared_with, "compared_with")):
        if asked is not None:
            await supervision.find_day(conn, scope, asked, field)
    rows = file_rows(request.app.state.pool, scope, by, place, day, compared_with)
    form = streamed.wanted(request, form)
    return await streamed.response(f"supervision-{by.value}", form, HEADER, rows)


async def file_rows(
    pool: Pool,
    scope: Scope,
    by: RollUpBy,
    within: Region | None,
    day: date | None,
    compared_with: date | None,
) -> AsyncIterator[Sequence[Sequence[str]]]:
    """The lines of the file, each page in a transaction of its own."""
    after: str | None = None
    while True:
        async with transaction(pool, scope.settings()) as conn:
            found = await supervision.roll_up(
                conn,
                scope,
                by,
                within=within,
                day=day,
                compared_with=compared_with,
                after=after,
                limit=streamed.ROWS_AT_ONCE,
            )
        yield [_cells(row) for row in found.rows]
        after = found.next_key
        if after is None:
            return


def _cells(row: Row) -> list[str]:
    grown = (row.grown, row.customers_grown)
    values = (row.key, row.title_zh, row.title_en, *_values(row.counts), *grown, *_values(row.then))
    return ["" if value is None else str(value) for value in values]


def _values(counts: Counts | None) -> list[object]:
    shown = [None if counts is None else getattr(counts, name) for name in _COUNTS]
    return [round(value, 6) if isinstance(value, float) else value for value in shown]
