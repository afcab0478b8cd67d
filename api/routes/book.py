"""`/api/v1/book`: what there is to do and to see of the clients that somebody serves."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import Needs, Transaction
from api.paging import After, Limit, link_next
from api.schemas.book import BookAnswer, BookList
from api.strict import StrictRoute
from foundation.errors import Invalid
from registry import sims
from registry.scope import Right, Scope
from telemetry import book

router = APIRouter(prefix="/api/v1", tags=["book"], route_class=StrictRoute)

_LISTS: dict[BookList, Any] = {
    BookList.FILES: book.list_files,
    BookList.RIVALS: book.list_rivals,
    BookList.SILENT: book.list_silent,
    BookList.USAGE: book.list_usage,
}


@router.get("/book", operation_id="read_book")
async def read_book(
    scope: Annotated[Scope, Needs(Right.BOOK_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    only: Annotated[BookList | None, Query(alias="list", description="One of them.")] = None,
    person: Annotated[
        str | None, Query(max_length=64, description="Of the clients that they serve now.")
    ] = None,
    after: After = None,
    limit: Limit = 50,
) -> BookAnswer:
    """The first page of each list, or with `list` a page of one of them."""
    if after is not None and only is None:
        raise Invalid("A cursor is of one list.", field="after", remedy="Name it, with `list`.")
    clients = await book.clients_of(conn, scope, person)
    told: dict[str, Any] = {"person": person, "as_of": await book.as_of(conn, scope)}
    for name in [only] if only else list(BookList):
        page = await _LISTS[name](conn, scope, clients, after=after, limit=limit)
        told[name] = {"items": page.items, "next": page.next_key}
        if only is not None:
            link_next(request, response, page.next_key)
    if only is None and Right.SIMS_READ in scope.rights:
        ahead = await sims.activations_ahead(conn, scope, clients=clients)
        told["activations"] = [{"day": day, "sims": number} for day, number in ahead.days]
    return BookAnswer.model_validate(told)
