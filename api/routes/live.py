"""What comes, as it comes: `/api/v1/live`, server-sent events."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Header, Query, Request, Response

from api import auth, limits
from api.dependencies import LooksBack, Transaction, Who
from api.listing import Filtered, Listed
from api.live.response import MEDIA_TYPE, LiveResponse
from api.live.stream import Asked
from api.series_query import Terminals, listed
from api.strict import StrictRoute
from foundation.database import Connection
from registry.scope import Right, Scope
from telemetry import bookmark, latest_lists, many_series
from telemetry.bookmark import Bookmark
from telemetry.errors import TooManyFollowed
from telemetry.rows import Int32s

router = APIRouter(prefix="/api/v1", tags=["telemetry"], route_class=StrictRoute)

# Each event, as a reader of server-sent events takes it apart (HTML, 9.2.6); `data` is JSON.
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "id": {"type": "string"},
        "data": {"type": "string"},
        "retry": {"type": "integer"},
    },
}
_AS_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: `open`, `reading`, `event`, `presence`, `alarm`, `gap`,"
        " `end`.",
        "content": {MEDIA_TYPE: {"schema": _EVENT}},
    }
}
_PLACE = "An `id` that a stream gave: go on after it."


@router.get("/live", operation_id="follow_live", response_class=Response, responses=_AS_EVENTS)
@limits.expensive
async def follow_live(
    scope: Annotated[Scope, LooksBack(Right.TELEMETRY_READ)],
    caller: Who,
    conn: Transaction,
    request: Request,
    filtered: Filtered,
    terminals: Terminals | None = None,
    after: Annotated[
        str | None, Query(max_length=bookmark.LONGEST, description=f"{_PLACE} Before the header.")
    ] = None,
    last_event_id: Annotated[
        str | None, Header(max_length=bookmark.LONGEST, description=_PLACE)
    ] = None,
    seconds: Annotated[
        int | None, Query(ge=0, le=86_400, description="End after so long; 0: when caught up.")
    ] = None,
) -> Response:
    """Readings, events, changes of presence and of alarms, of named or filtered terminals.

    Without terminals and filters those of everything that you see. An alarm of many comes to
    whoever sees it. Each has an `id` from which any process goes on, within about an hour. What is
    not yours at its own time does not come.
    """
    place = after or last_event_id or None
    codes = None if terminals is None else listed(terminals)
    most = request.app.state.settings.live_terminals
    if codes is not None:
        filtered.refuse_beside_names()
    find = partial(_find, codes, filtered, most)
    asked = Asked(
        scope=scope,
        credential=auth.credential_of(caller, request),
        terminals=find,
        ids=await find(conn, scope),
        after=None if place is None else Bookmark.parse(place, "after"),
        seconds=seconds,
    )
    return LiveResponse(request.app.state.live, asked)


async def _find(
    codes: Sequence[str] | None, filtered: Listed, most: int, conn: Connection, scope: Scope
) -> Int32s:
    """The terminals that are followed."""
    if codes is not None:
        named = await many_series.find_all(conn, scope, codes)
        return np.array(list(named.values()), np.int32)
    filters = await filtered.filters(conn, scope)
    page = await latest_lists.list_terminals(conn, scope, limit=most, **filters)
    if page.next_key is not None:
        raise TooManyFollowed(f"These are more than {most} terminals.", field="terminals")
    return np.array([number for _, number in page.items], np.int32)
