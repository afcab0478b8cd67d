"""How complete the days are: `/api/v1/completeness` by sum, and of one terminal."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import LooksBack, Transaction
from api.paging import After, Limit, link_next
from api.schemas.completeness import SumAnswer, TerminalCompletenessAnswer
from api.schemas.shapes import PageOf
from api.strict import StrictRoute
from registry import group_clients, regions
from registry.scope import Right, Scope
from telemetry import completeness
from telemetry.completeness import By

router = APIRouter(prefix="/api/v1", tags=["completeness"], route_class=StrictRoute)

Reader = Annotated[Scope, LooksBack(Right.TELEMETRY_READ)]
FirstDay = Annotated[date | None, Query(alias="from", description="First day, in UTC.")]
LastDay = Annotated[date | None, Query(alias="to", description="Last day, in UTC.")]

_WEEK = timedelta(days=6)


@router.get("/terminals/{code}/completeness", operation_id="read_completeness")
async def read_completeness(
    scope: Reader, conn: Transaction, code: str, first: FirstDay = None, last: LastDay = None
) -> TerminalCompletenessAnswer:
    """What came of a terminal's readings day by day, newest first, and what is missing.

    Of the last seven days unless `from` and `to` say otherwise.
    """
    window = _window(first, last)
    days = await completeness.days_of(conn, scope, code, *window)
    gaps = await completeness.gaps_of(conn, scope, code, *window)
    return TerminalCompletenessAnswer.model_validate(
        {"terminal": code, "items": days, "gaps": gaps}
    )


@router.get("/completeness", operation_id="sum_completeness")
async def sum_completeness(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    by: By = By.DAY,
    first: FirstDay = None,
    last: LastDay = None,
    group_client: Annotated[
        str | None, Query(max_length=64, description="Owned by it then, by its code.")
    ] = None,
    region: Annotated[int | None, Query(description="Installed in its subtree.")] = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[SumAnswer]:
    """One page of sums by day, group client or province, of the last seven days by default."""
    owner = await group_clients.find(conn, scope, group_client) if group_client else None
    within = None if region is None else (await regions.find(conn, scope, region)).range
    page = await completeness.sums(
        conn,
        scope,
        by,
        *_window(first, last),
        group_client=None if owner is None else owner.id,
        region=within,
        after=after,
        limit=limit,
    )
    link_next(request, response, page.next_key)
    return PageOf[SumAnswer].model_validate({"items": page.items, "next": page.next_key})


def _window(first: date | None, last: date | None) -> tuple[date, date]:
    last = last or completeness.today()
    return first or last - _WEEK, last
