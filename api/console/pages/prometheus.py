"""The alerting engineer's page: keys, targets, series and their caps, rules and dashboards."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api import handouts
from api.console.pages.api_keys import address_of
from api.console.pages.screen import PAGE_ROWS, Screen, Shows
from api.console.pages.users import named_regions
from registry import api_keys
from registry.scope import Right, Role
from telemetry import exposition

OnScreen = Annotated[Screen, Shows(Right.API_KEYS_READ)]

router = APIRouter(prefix="/prometheus")


@router.get("")
async def show(screen: OnScreen) -> Response:
    """Which keys let a Prometheus in, what to write into its configuration, what to download."""
    keys = await api_keys.list_page(
        screen.conn, screen.scope, role=Role.SCRAPER, in_force=True, limit=PAGE_ROWS
    )
    return screen.show(
        "prometheus.html",
        keys=keys.items,
        more=keys.next_key,
        regions=await named_regions(screen),
        may_issue=screen.may(Right.API_KEYS_ISSUE),
        url=screen.request.url,
        address=address_of(screen),
        handouts=handouts.list_all(),
    )


@router.get("/series")
async def series(screen: OnScreen, after: Annotated[str, Query(max_length=256)] = "") -> Response:
    """How many series each client's terminals are at most, and its cap."""
    page = await exposition.list_use(
        screen.conn, screen.scope, after=after or None, limit=PAGE_ROWS
    )
    return screen.show(
        "prometheus_series.html", uses=page.items, next_key=page.next_key, after=after
    )


@router.get("/files/{name}")
async def download(_screen: OnScreen, name: str) -> Response:
    """A file of rules, of configuration or of a dashboard, as it is shipped."""
    file = handouts.find(name)
    named = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return Response(file.text, media_type=file.media_type, headers=named)
