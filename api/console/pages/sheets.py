"""Lists: a page of rows, and under the same address with `file=csv` all of them as a file."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar, get_args

import orjson
from pydantic import BaseModel
from starlette.responses import Response

from api import streamed
from api.console.pages.screen import PAGE_ROWS, Screen
from api.schemas.shapes import Answer
from api.streamed import FileFormat
from foundation.database import Connection, Pool, transaction
from registry.model import Page
from registry.scope import Scope

Item = TypeVar("Item")

MOST_ROWS = 100_000


class Reads(Protocol[Item]):
    """A verb that lists, with its filters filled in."""

    async def __call__(
        self, conn: Connection, scope: Scope, /, *, after: str | None, limit: int
    ) -> Page[Item]: ...


async def page_or_file(
    screen: Screen,
    name: str,
    answer: type[Answer],
    read: Reads[Item],
    after: str | None,
    of: Callable[[Any], Answer] | None = None,
) -> Page[Item] | Response:
    """One page of a list; a file of it, MOST_ROWS at most, where the address asks for one.

    A file has a column for each field of the API's answer about a row (`a.b` for what is within),
    which `of` makes of it. The page offers the files beside its number of rows.
    """
    form = screen.request.query_params.get("file")
    if form not in set(FileFormat):
        screen.request.state.house["has_files"] = screen.request.method == "GET"
        return await read(screen.conn, screen.scope, after=after or None, limit=PAGE_ROWS)
    rows = streamed.ROWS_AT_ONCE
    first = await read(screen.conn, screen.scope, after=None, limit=rows)  # refused as a page is
    header = [".".join(path) for path in columns(answer)]
    batches = _batches(screen, answer, first, read, of or answer.model_validate)
    return await streamed.response(name, FileFormat(form), header, batches, marked=True)


def columns(answer: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where the fields of an answer lie, those within its parts, too."""
    for name, field in answer.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        part = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
        within = part if part is not None and not _is_many(field.annotation) else None
        if within is None:
            yield (*above, name)
        else:
            yield from columns(within, (*above, name))


async def _batches(
    screen: Screen,
    answer: type[Answer],
    page: Page[Item],
    read: Reads[Item],
    of: Callable[[Any], Answer],
) -> AsyncIterator[Sequence[Sequence[str]]]:
    """The lines of a file, each batch in a transaction of its own; the last says if it is cut."""
    pool: Pool = screen.request.app.state.pool
    paths, number = list(columns(answer)), 0
    while True:
        items = page.items[: MOST_ROWS - number]
        yield [_line(of(item).model_dump(mode="json"), paths) for item in items]
        number += len(items)
        if page.next_key is None:
            return
        if number >= MOST_ROWS:
            yield [[_cut(screen), *[""] * (len(paths) - 1)]]
            return
        async with transaction(pool, screen.scope.settings()) as conn:
            limit = streamed.ROWS_AT_ONCE
            page = await read(conn, screen.scope, after=page.next_key, limit=limit)


def _cut(screen: Screen) -> str:
    translations = screen.renderer.language(screen.request).translations
    told = translations.gettext(
        "There are more than %(num)s rows: narrow the filter, then ask anew."
    )
    return told % {"num": f"{MOST_ROWS:,}"}


def _line(row: dict[str, Any], paths: Sequence[tuple[str, ...]]) -> list[str]:
    return [_cell(row, path) for path in paths]


def _cell(row: dict[str, Any], path: tuple[str, ...]) -> str:
    value: Any = row
    for name in path:
        value = None if value is None else value[name]
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case [*items] if all(isinstance(item, str | int) for item in items):
            return "; ".join(map(str, items))
        case dict() | list():
            return orjson.dumps(value).decode()
        case _:
            return str(value)


def _is_many(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) in (list, dict, tuple)
