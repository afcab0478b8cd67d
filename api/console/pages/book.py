"""The book: what there is to do and to see of the clients that somebody serves."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.console.pages.hand_overs import people_of, people_who_serve
from api.console.pages.screen import PAGE_ROWS, Screen, Shows
from registry import sims
from registry.scope import Right
from telemetry import book

OnScreen = Annotated[Screen, Shows(Right.BOOK_READ)]

router = APIRouter(prefix="/book")

_GLANCE_ROWS = 8
_LISTS: dict[str, Any] = {
    "files": book.list_files,
    "rivals": book.list_rivals,
    "silent": book.list_silent,
    "usage": book.list_usage,
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
    clients = await book.clients_of(screen.conn, screen.scope, filters.person or None)
    wanted = [filters.list] if filters.list else list(_LISTS)
    pages = {
        name: await _LISTS[name](
            screen.conn,
            screen.scope,
            clients,
            after=filters.after or None if filters.list else None,
            limit=PAGE_ROWS if filters.list else _GLANCE_ROWS,
        )
        for name in wanted
    }
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
