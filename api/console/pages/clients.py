"""Group clients: who owns terminals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.console.pages import client_files, client_tiers
from api.console.pages.hand_overs import people_of
from api.console.pages.screen import PAGE_ROWS, Screen, Shows
from api.console.pages.sheets import page_or_file
from api.problems import Problem
from api.schemas.group_clients import GroupClientAnswer
from registry import assignments, group_clients, regions, supervision
from registry.model import GroupClient, Region, RegionCode
from registry.scope import Right
from registry.supervision import Parentage, Supervision
from telemetry import completeness
from telemetry.completeness import By

OnScreen = Annotated[Screen, Shows(Right.GROUP_CLIENTS_READ)]

router = APIRouter(prefix="/group-clients")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for."""

    q: Annotated[str | None, Query(max_length=64)] = None
    after: Annotated[str | None, Query(max_length=256)] = None


@dataclass(frozen=True, slots=True)
class Standpoint:
    """Where a client stood and stands; `choices` are where it may be moved to, None by nobody."""

    supervision: Sequence[Supervision]
    parents: Sequence[Parentage]
    named: Mapping[RegionCode, Region]
    choices: Sequence[Region] | None


@router.get("")
async def list_clients(screen: OnScreen, filters: Annotated[Filters, Depends()]) -> Response:
    """One page of clients, by code."""
    read = partial(group_clients.list_page, prefix=filters.q)
    page = await page_or_file(screen, "group-clients", GroupClientAnswer, read, filters.after)
    if isinstance(page, Response):
        return page
    named = {region.code: region for region in await regions.list_all(screen.conn, screen.scope)}
    return screen.show(
        "clients.html",
        filters=filters,
        clients=page.items,
        next_key=page.next_key,
        regions=named,
        may_import=screen.may(Right.IMPORTS_RUN),
    )


@router.get("/{code}")
async def client(screen: OnScreen, code: str) -> Response:
    """One client's file, where it stands, who serves it, and the way to its terminals."""
    return await show(screen, code)


async def show(
    screen: Screen, code: str, problem: Problem | None = None, parent: str = ""
) -> Response:
    """The same, or with what is wrong; `parent` is what a form named."""
    found = await group_clients.find(screen.conn, screen.scope, code)
    standpoint = await _standpoint(screen, found)
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
        status=problem.status if problem else 200,
        problem=problem,
        parent=parent,
        client=found,
        region=standpoint.named[found.region_code],
        standpoint=standpoint,
        sums=sums.items[::-1],
        shown=await client_files.shown(screen, code),
        tiered=await client_tiers.shown(screen, found),
        **await _serving(screen, code),
    )


async def _standpoint(screen: Screen, found: GroupClient) -> Standpoint:
    conn, scope = screen.conn, screen.scope
    tree = await regions.list_all(conn, scope)
    return Standpoint(
        await supervision.list_supervision(conn, scope, found.code),
        await supervision.list_parents(conn, scope, found.code),
        {region.code: region for region in tree},
        [
            region
            for region in tree
            if region.code != found.region_code
            and (scope.region is None or scope.region.low <= region.code <= scope.region.high)
        ]
        if screen.may(Right.GROUP_CLIENTS_MOVE)
        else None,
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
