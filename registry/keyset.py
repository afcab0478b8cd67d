"""Paging by key: a page is asked for after the last key of the one before, never by a number."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from foundation.errors import Invalid
from registry.model import Page

Row = TypeVar("Row")
Item = TypeVar("Item")

MOST_ROWS = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_CHARACTER = "\U0010ffff"


class CursorInvalid(Invalid):
    """This is not a cursor of this list."""

    code = "cursor_invalid"
    remedy = "Take the cursor from the page before, with the same filters."

    def __init__(self) -> None:
        super().__init__(field="after")


def prefix_range(prefix: str | None) -> dict[str, str | None]:
    """A prefix as the range of texts that begin with it, which an index can find."""
    if not prefix:
        return {"prefix_low": None, "prefix_high": None}
    return {"prefix_low": prefix, "prefix_high": prefix + _LAST_CHARACTER}


def number(cursor: str) -> int:
    """The number that a cursor is; CursorInvalid where it is none, or beyond what is stored."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise CursorInvalid
    return int(cursor)


def instant(cursor: str) -> datetime:
    """The instant that a cursor is, as `of_instant` wrote it."""
    try:
        return _EPOCH + timedelta(microseconds=number(cursor))
    except OverflowError:
        raise CursorInvalid from None


def of_instant(instant: datetime) -> str:
    """An instant as (part of) a cursor."""
    return str((instant - _EPOCH) // timedelta(microseconds=1))


def rows_asked_for(limit: int) -> int:
    """How many rows to read for a page of `limit`: one more tells whether there is another page."""
    if not 1 <= limit <= MOST_ROWS:
        raise Invalid(f"A page has 1 to {MOST_ROWS} rows.", field="limit")
    return limit + 1


def page(
    rows: Sequence[Row], limit: int, item: Callable[[Row], Item], key: Callable[[Row], str]
) -> Page[Item]:
    """The page of the first `limit` rows, and the key of its last one if there are more."""
    more = len(rows) > limit
    return Page([item(row) for row in rows[:limit]], key(rows[limit - 1]) if more else None)
