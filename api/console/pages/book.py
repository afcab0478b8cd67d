"""The book: what there is to do and to see of the clients that somebody serves."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.console.pages.hand_overs import people_of, people_who_serve
from api.console.pages.screen import Screen, Shows
from api.console.pages.sheets import page_or_file
from api.schemas.book import FileToKeepAnswer, RivalAnswer, SilentFleetAnswer, UsageAnswer
from api.schemas.shapes import Answer
from registry import sims
from registry.model import Page
from registry.scope import Right
from telemetry import book

OnScreen = Annotated[Screen, Shows(Right.BOOK_READ)]

router = APIRouter(prefix="/book")

_GLANCE_ROWS = 8
_LISTS: dict[str, tuple[Any, type[Answer]]] = {
    "files": (book.list_files, FileToKeepAnswer),
    "rivals": (book.list_rivals, RivalAnswer),
    "silent": (book.list_silent, SilentFleetAnswer),
    "usage": (book.list_usage, UsageAnswer),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for: whose book, and one list of it or a glance at each."""

    person: Annotated[str, Query(max_length=64)] = ""
    list: Annotated[str, Query(pattern="^(files|rivals|silent|usage)?$")] = ""
    after: Annotated[str, Query(max_length=256)] = ""


@router.get("")
async def show_book(screen: OnScreen, filters: Annotated[Filters, Depends()]) -> Response:
    """The first rows of each list, or a page of one."""
    conn, scope = screen.conn, screen.scope
    clients = await book.clients_of(conn, scope, filters.person or None)
    pages: dict[str, Page[Any]] = {}
    if filters.list:
        read, answer = _LISTS[filters.list]
        page = await page_or_file(
            screen, f"book-{filters.list}", answer, partial(read, clients=clients), filters.after
        )
        if isinstance(page, Response):
            return page
        pages[filters.list] = page
    else:
        for name, (read, _) in _LISTS.items():
            pages[name] = await read(conn, scope, clients=clients, limit=_GLANCE_ROWS)
    ahead = None
    if not filters.list and screen.may(Right.SIMS_READ):
        ahead = await sims.activations_ahead(screen.conn, screen.scope, clients=clients)
    people = await people_who_serve(screen)
    return screen.show(
        "book.html",
        filters=filters,
        pages=pages,
        ahead=ahead,
        counted_at=await book.as_of(screen.conn, screen.scope),
        people=people,
        is_own=screen.caller.name in {person.name for person in people},
        **await people_of(screen, filters.person or None, people),
    )
