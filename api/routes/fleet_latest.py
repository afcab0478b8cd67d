"""The newest values of many terminals: `/api/v1/telemetry/latest`."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import limits, measured
from api.dependencies import Needs, Transaction
from api.listing import Filtered
from api.measured import AS_TABLE
from api.paging import After, link_next
from api.schemas.telemetry import LatestOfManyAnswer
from api.series_query import Metrics, Terminals, listed
from api.strict import StrictRoute
from foundation.database import Pool, transaction
from registry.model import MetricType
from registry.scope import Right, Scope
from telemetry import latest_lists, many_series
from telemetry.latest_lists import LatestValues

router = APIRouter(prefix="/api/v1/telemetry", tags=["telemetry"], route_class=StrictRoute)

_AT_ONCE = 500


@router.get(
    "/latest",
    operation_id="latest_values_of_many",
    response_model=LatestOfManyAnswer,
    responses=AS_TABLE,
)
@limits.expensive
async def latest_values_of_many(
    scope: Annotated[Scope, Needs(Right.TELEMETRY_READ)],
    conn: Transaction,
    request: Request,
    filtered: Filtered,
    terminals: Terminals | None = None,
    metric: Metrics = None,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=latest_lists.MOST_TERMINALS)] = 50,
    chosen: measured.Chosen = None,
) -> Response:
    """The newest value of each metric of up to 100 named terminals, or of a page of a list.

    All filters that are given hold, in the order of the list of terminals. As a table it has a line
    for each value, so none for a terminal that was never heard.
    """
    if metrics := listed(metric):
        await latest_lists.check_metrics(conn, scope, metrics)
    if terminals is not None:
        filtered.refuse_beside_names(after)
        named = await many_series.find_all(conn, scope, listed(terminals))
        found, next_key = list(named.items()), None
    else:
        page = await latest_lists.list_terminals(
            conn,
            scope,
            after=after,
            limit=limit,
            **await filtered.filters(conn, scope),
        )
        found, next_key = list(page.items), page.next_key
    values = _read(request.app.state.pool, scope, found, metrics)
    form = measured.wanted(request, chosen)
    if form == "json":
        response = measured.json_streamed({"next": next_key}, values)
    else:
        text = MetricType.TEXT  # values of all kinds stand in one column
        columns = {"terminal": text, "metric": text, "time": None, "value": text}
        response = measured.streamed("latest", form, columns, _lines(values))
    link_next(request, response, next_key)
    return response


async def _read(
    pool: Pool, scope: Scope, found: Sequence[tuple[str, int]], metrics: Sequence[str]
) -> AsyncIterator[Sequence[LatestValues]]:
    for first in range(0, len(found), _AT_ONCE):
        async with transaction(pool, scope.settings()) as conn:
            some = await latest_lists.of(conn, scope, found[first : first + _AT_ONCE], metrics)
        yield some


async def _lines(
    batches: AsyncIterator[Sequence[LatestValues]],
) -> AsyncIterator[measured.Rows]:
    async for batch in batches:
        yield [
            (one.terminal, item.metric, item.time, item.value)
            for one in batch
            for item in one.items
        ]
