"""What one terminal said: `/api/v1/terminals/{code}/latest`, `/telemetry` and `/events`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api import limits, measured, spreadsheets
from api.dependencies import LooksBack, Needs, Transaction
from api.measured import AS_SERIES
from api.paging import After, Limit, link_next
from api.schemas.shapes import PageOf
from api.schemas.telemetry import EventAnswer, LatestValuesAnswer, SeriesAnswer
from api.series_query import From, Metrics, Sampled, To, listed, window
from api.strict import StrictRoute
from registry.conditions import Severity
from registry.scope import Right, Scope
from telemetry import reader, series

router = APIRouter(prefix="/api/v1/terminals/{code}", tags=["telemetry"], route_class=StrictRoute)

Present = Annotated[Scope, Needs(Right.TELEMETRY_READ)]
Reader = Annotated[Scope, LooksBack(Right.TELEMETRY_READ)]
_AS_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}}
}


@router.get("/latest", operation_id="latest_values")
async def latest_values(scope: Present, conn: Transaction, code: str) -> LatestValuesAnswer:
    """The newest value of each metric; late data never moves it back."""
    values = await reader.latest(conn, scope, code)
    return LatestValuesAnswer.model_validate({"terminal": code, "items": values})


@router.get(
    "/telemetry", operation_id="read_series", response_model=SeriesAnswer, responses=AS_SERIES
)
@limits.expensive
async def read_series(
    scope: Reader,
    conn: Transaction,
    request: Request,
    code: str,
    sampling: Sampled,
    metric: Metrics = None,
    start: From = None,
    end: To = None,
    chosen: measured.ChosenOfSeries = None,
) -> Response:
    """The values of a terminal between two instants, by default of the last hour.

    Raw as they came; with `points` those of them that a chart needs; or, with a `step`, one
    `aggregate` for each step.
    """
    form = measured.wanted(request, chosen, of_series=True)
    asked = await series.prepare(conn, scope, code, listed(metric), *window(start, end), sampling)
    found = await series.read(conn, scope, asked)
    if form != "json":
        rows = zip(found.times, *found.columns.values(), strict=True)
        columns = {"time": None, **asked.kinds}
        return measured.table(f"{code}-telemetry", form, columns, rows)
    # Ten thousand points pass as they are: checking each again would cost more than reading them.
    return Response(measured.as_json(found), media_type=measured.JSON)


@router.get(
    "/events", operation_id="list_events", response_model=PageOf[EventAnswer], responses=_AS_CSV
)
async def list_events(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    code: str,
    start: From = None,
    end: To = None,
    code_begins: Annotated[
        str | None, Query(alias="code", max_length=64, description="How their codes begin.")
    ] = None,
    severity: Severity | None = None,
    after: After = None,
    limit: Limit = 50,
    chosen: Annotated[spreadsheets.Format, Query(alias="format")] = None,
) -> PageOf[EventAnswer] | Response:
    """One page of what happened at a terminal, newest first."""
    page = await reader.list_events(
        conn,
        scope,
        code,
        start=start,
        end=end,
        code=code_begins,
        severity=severity,
        after=after,
        limit=limit,
    )
    if spreadsheets.is_wanted(request, chosen):
        fields = ("time", "terminal", "delay_seconds", "code", "severity", "text")
        rows = [[getattr(event, field) for field in fields] for event in page.items]
        response = spreadsheets.response(f"{code}-events", fields, rows)
        link_next(request, response, page.next_key)
        return response
    link_next(request, response, page.next_key)
    return PageOf[EventAnswer].model_validate({"items": page.items, "next": page.next_key})
