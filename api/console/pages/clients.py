"""Group clients: who owns terminals."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.console.pages import client_files, client_tiers
from api.console.pages.hand_overs import people_of
from api.console.pages.screen import PAGE_ROWS, Screen, Shows
from registry import assignments, group_clients, regions
from registry.scope import Right
from telemetry import completeness
from telemetry.completeness import By

OnScreen = Annotated[Screen, Shows(Right.GROUP_CLIENTS_READ)]

router = APIRouter(prefix="/group-clients")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for."""

    q: Annotated[str | None, Query(max_length=64)] = None
    after: Annotated[str | None, Query(max_length=256)] = None


@router.get("")
async def list_clients(screen: OnScreen, filters: Annotated[Filters, Depends()]) -> Response:
    """One page of clients, by code."""
    page = await group_clients.list_page(
        screen.conn, screen.scope, prefix=filters.q, after=filters.after, limit=PAGE_ROWS
    )
    named = {region.code: region for region in await regions.list_all(screen.conn, screen.scope)}
    return screen.show(
        "clients.html", filters=filters, clients=page.items, next_key=page.next_key, regions=named
    )


@router.get("/{code}")
async def client(screen: OnScreen, code: str) -> Response:
    """One client's file, and the way to its terminals."""
    found = await group_clients.find(screen.conn, screen.scope, code)
    region = await regions.find(screen.conn, screen.scope, found.region_code)
    last = completeness.today()
    sums = await completeness.sums(
        screen.conn,
        screen.scope,
        By.DAY,
        last - timedelta(days=6),
        last,
        group_client=found.id,
    )
    return screen.show(
        "client.html",
        client=found,
        region=region,
        sums=sums.items[::-1],
        shown=await client_files.shown(screen, code),
        tiered=await client_tiers.shown(screen, found),
        **await _serving(screen, code),
    )


async def _serving(screen: Screen, code: str) -> dict[str, Any]:
    """Who serves and served a client, and whom to hand it over to."""
    if not screen.may(Right.ASSIGNMENTS_READ):
        return {"assigned": None}
    listed = await assignments.list_page(
        screen.conn, screen.scope, group_client=code, limit=PAGE_ROWS
    )
    now = datetime.now(UTC)
    present = {
        one.role.value: one.person
        for one in listed.items
        if one.valid_from <= now and (one.valid_to is None or one.valid_to > now)
    }
    return {"assigned": listed.items, "present": present, **await people_of(screen)}
