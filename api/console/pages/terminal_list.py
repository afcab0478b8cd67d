"""Terminals: the list with its filters, and one search for whatever people have in hand."""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import RedirectResponse, Response

from api.console import fleet, numbered
from api.console.pages.screen import Screen, Shows
from api.console.pages.sheets import page_or_file
from api.console.words import Data
from api.schemas.terminals import AttendedAnswer
from registry import (
    collections,
    group_clients,
    profiles,
    regions,
    search,
    terminal_lists,
    terminals,
)
from registry.errors import TerminalNotFound
from registry.model import RegionLevel, Sector, TerminalState
from registry.scope import Right
from registry.search import Kind
from registry.terminal_lists import TooFewLetters, TooManyFound
from telemetry import tally
from telemetry.model import SessionState

router = APIRouter()

OnScreen = Annotated[Screen, Shows(Right.TERMINALS_READ)]

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; an empty field of the form asks for nothing."""

    q: Annotated[str, Query(max_length=64)] = ""
    data: Annotated[str, Query(pattern="^(reporting|silent|never)?$")] = ""
    session: Annotated[str, Query(pattern="^(online|offline|unknown)?$")] = ""
    state: Annotated[str, Query(max_length=32)] = ""
    sector: Annotated[str, Query(max_length=32)] = ""
    profile: Annotated[str, Query(max_length=64)] = ""
    region: Annotated[str, Query(pattern="^[0-9]{0,6}$")] = ""
    client: Annotated[str, Query(max_length=64)] = ""
    tag: Annotated[str, Query(max_length=64)] = ""
    order: Annotated[str, Query(max_length=64)] = ""
    collection: Annotated[str, Query(pattern="^[0-9]{0,9}$")] = ""
    after: Annotated[str, Query(max_length=256)] = ""

    @property
    def any(self) -> bool:
        """Whether something narrows the list."""
        return any(getattr(self, name) for name in self.__slots__ if name != "after")


@router.get("/terminals")
async def list_terminals(screen: OnScreen, asked: Annotated[Asked, Depends()]) -> Response:
    """One page of terminals; how many there are is counted beside it."""
    conn, scope = screen.conn, screen.scope
    rows, next_key, trouble = [], None, None
    try:
        filters = await _filters(screen, asked)
        data = Data(asked.data) if asked.data else None
        session = SessionState(asked.session) if asked.session else None
        read = partial(fleet.list_rows, data=data, session=session, **filters)
        page = await page_or_file(
            screen, "terminals", AttendedAnswer, read, asked.after, AttendedAnswer.of
        )
        if isinstance(page, Response):
            return page
        rows, next_key = list(page.items), page.next_key
    except (TooFewLetters, TooManyFound) as error:
        trouble = error.code
    tree = await regions.list_all(conn, scope)
    return screen.show(
        "terminals.html",
        filters=asked,
        found=asked.q,
        rows=rows,
        trouble=trouble,
        next_key=next_key,
        profiles=await profiles.list_all(conn, scope),
        regions=[region for region in tree if region.level is not RegionLevel.CITY],
        may_register=screen.may(Right.TERMINALS_REGISTER),
    )


@router.get("/counts/terminals")
async def count_terminals(screen: OnScreen, asked: Annotated[Asked, Depends()]) -> Response:
    """How many terminals a list has, which does not wait for it."""
    count = None
    with suppress(TooFewLetters, TooManyFound):
        filters = await _filters(screen, asked)
        heard, narrowed = fleet.asked(Data(asked.data) if asked.data else None, filters)
        session = SessionState(asked.session) if asked.session else None
        count = await tally.count(
            screen.conn, screen.scope, data=heard, session=session, **narrowed
        )
    return screen.show("terminal_count.html", count=count)


async def _filters(screen: Screen, asked: Asked) -> terminal_lists.Filters:
    conn, scope = screen.conn, screen.scope
    owner = await group_clients.find(conn, scope, asked.client) if asked.client else None
    region = await regions.find(conn, scope, int(asked.region)) if asked.region else None
    return terminal_lists.Filters(
        q=asked.q.strip(),
        group_client=None if owner is None else owner.id,
        region=None if region is None else region.range,
        state=TerminalState(asked.state) if asked.state in set(TerminalState) else None,
        profile=asked.profile,
        sector=Sector(asked.sector) if asked.sector in set(Sector) else None,
        tag=asked.tag,
        order_ref=asked.order,
        also=(
            await collections.filters_of(conn, scope, int(asked.collection))
            if asked.collection
            else None
        ),
    )


@router.get("/search")
async def find_anything(screen: OnScreen, q: Annotated[str, Query(max_length=64)] = "") -> Response:
    """What is called or numbered so, wherever it is; a whole code opens its terminal."""
    text, trouble, found = q.strip(), None, []
    if text and await _is_a_code(screen, text):
        return RedirectResponse(f"/terminals/{text}", 303)
    try:
        found = await search.look_up(screen.conn, screen.scope, text, most=_SHOWN)
    except TooFewLetters as error:
        trouble = error.code
    return screen.show(
        "search.html",
        found=text,
        numbered=await numbered.look_up(screen.conn, screen.scope, text) if text else [],
        kinds=[(kind, [one for one in found if one.kind is kind]) for kind in Kind],
        trouble=trouble,
    )


async def _is_a_code(screen: Screen, text: str) -> bool:
    try:
        await terminals.find(screen.conn, screen.scope, text)
    except TerminalNotFound:
        return False
    return True
