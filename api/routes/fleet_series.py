"""What many terminals said: `/api/v1/telemetry/series` and `/telemetry/aggregate`."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import limits, measured
from api.dependencies import LooksBack, Transaction
from api.measured import AS_SERIES
from api.schemas.telemetry import SeriesOfManyAnswer, SetSeriesAnswer
from api.series_query import From, Metrics, Sampled, Terminals, To, listed, window
from api.strict import StrictRoute
from foundation.database import Pool, transaction
from registry import collections, group_clients, regions
from registry.model import MetricType
from registry.scope import Right, Scope
from telemetry import many_series, series, set_series
from telemetry.errors import SetInvalid
from telemetry.model import Across, Series
from telemetry.series import Asked

router = APIRouter(prefix="/api/v1/telemetry", tags=["telemetry"], route_class=StrictRoute)

Reader = Annotated[Scope, LooksBack(Right.TELEMETRY_READ)]


@router.get(
    "/series",
    operation_id="read_series_of_many",
    response_model=SeriesOfManyAnswer,
    responses=AS_SERIES,
)
@limits.expensive
async def read_series_of_many(
    scope: Reader,
    conn: Transaction,
    request: Request,
    terminals: Terminals,
    sampling: Sampled,
    metric: Metrics = None,
    start: From = None,
    end: To = None,
    chosen: measured.ChosenOfSeries = None,
) -> Response:
    """The series of up to 100 terminals, each as `read_series` has it, in the order of their names.

    One that is not yours to see refuses the whole request, as one that does not exist. As a table
    it has a line for each terminal and time.
    """
    since, until = window(start, end)
    prepared = await many_series.prepare(
        conn, scope, listed(terminals), listed(metric), since, until, sampling
    )
    found = _read(request.app.state.pool, scope, prepared)
    form = measured.wanted(request, chosen, of_series=True)
    if form == "json":
        return measured.json_streamed({"from": since, "to": until}, found)
    values = many_series.kinds_of(prepared)
    columns = {"terminal": MetricType.TEXT, "time": None, **values}
    return measured.streamed("telemetry", form, columns, _lines(found, list(values)))


async def _read(
    pool: Pool, scope: Scope, prepared: Sequence[Asked]
) -> AsyncIterator[Sequence[Series]]:
    """One series after the other, each in a transaction of its own."""
    for asked in prepared:
        async with transaction(pool, scope.settings()) as conn:
            found = await series.read(conn, scope, asked)
        yield [found]


async def _lines(
    found: AsyncIterator[Sequence[Series]], columns: Sequence[str]
) -> AsyncIterator[measured.Rows]:
    async for [one] in found:
        absent = [None] * len(one.times)
        values = [one.columns.get(name, absent) for name in columns]
        yield [(one.terminal, *row) for row in zip(one.times, *values, strict=True)]


@router.get(
    "/aggregate",
    operation_id="read_aggregate",
    response_model=SetSeriesAnswer,
    responses=AS_SERIES,
)
@limits.expensive
async def read_aggregate(
    scope: Reader,
    conn: Transaction,
    request: Request,
    sampling: Sampled,
    profile: Annotated[str, Query(max_length=64)],
    metric: Annotated[str, Query(max_length=64)],
    collection: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="In it now.")] = None,
    group_client: Annotated[
        str | None, Query(max_length=64, description="Owned by it or a client below it then.")
    ] = None,
    region: Annotated[int | None, Query(description="Installed in its subtree now.")] = None,
    across: Annotated[
        Across, Query(description="How the values of the terminals become one.")
    ] = Across.AVERAGE,
    start: From = None,
    end: To = None,
    chosen: measured.ChosenOfSeries = None,
) -> Response:
    """One value a step over all terminals of a collection, of a client or of a region.

    In each step every terminal has its `aggregate`; `across` makes one of them: the power of a
    fleet is `aggregate=avg&across=sum`.
    """
    if sum(given is not None for given in (collection, group_client, region)) != 1:
        raise SetInvalid(field="collection")
    owner, among = None, None
    if collection is not None:
        among = await collections.filters_of(conn, scope, collection)
        owner = among["group_client"]
    elif group_client is not None:
        owner = (await group_clients.find(conn, scope, group_client)).id
    else:
        assert region is not None
        among = {"region": (await regions.find(conn, scope, region)).range}
    since, until = window(start, end)
    found = await set_series.together(
        conn,
        scope,
        profile=profile,
        metric=metric,
        start=since,
        end=until,
        sampling=sampling,
        across=across,
        owned_by=owner,
        among=among,
    )
    form = measured.wanted(request, chosen, of_series=True)
    if form != "json":
        rows = zip(found.times, *found.columns.values(), strict=True)
        counts = dict.fromkeys(("readings", "terminals"), MetricType.BIGINT)
        columns = {"time": None, "value": MetricType.DOUBLE, **counts}
        return measured.table(f"{profile}-{metric}", form, columns, rows)
    return Response(measured.as_json(found), media_type=measured.JSON)
