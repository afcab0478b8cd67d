"""Bookmarks of the feed: what is written is read back, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.bookmark import Bookmark
from telemetry.errors import BookmarkInvalid

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)
NUMBERS = st.integers(0, 10**17)


@given(
    mark=st.integers(0, 2**31 - 1),
    at_us=st.integers(0, 10**15),
    done=st.dictionaries(NAMES, st.tuples(NUMBERS, st.none() | st.integers(0, 10**8)), max_size=5),
)
def test_what_is_written_is_read_back(
    mark: int, at_us: int, done: dict[str, tuple[int, int | None]]
) -> None:
    """All of it, whatever the sources; and the text is good in an address and in a header."""
    bookmark = Bookmark(
        mark,
        at_us,
        {name: n for name, (n, _) in done.items()},
        {name: rows for name, (_, rows) in done.items() if rows is not None},
    )
    text = str(bookmark)

    assert Bookmark.parse(text, "after") == bookmark
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda b: b.hex()))
def test_what_is_no_bookmark_is_refused(text: str) -> None:
    """Any text is read as what it is, or refused with the field that it came in."""
    field = None
    try:
        read = str(Bookmark.parse(text, "after"))
    except BookmarkInvalid as error:
        read, field = text, error.field

    assert (read, field) in ((text, None), (text, "after"))


def test_a_bookmark_that_was_touched_is_refused() -> None:
    """Padded, cut, with a source twice, too long: each is another text for what we write once."""
    text = str(Bookmark(7, 1, {"bridge-1": 41}, {"bridge-1": 3}))
    for touched in (f"{text}=", text[:-1], f" {text}", "", text * 200, text.swapcase()):
        with pytest.raises(BookmarkInvalid):
            Bookmark.parse(touched, "after")


def test_a_place_within_a_number_is_before_its_end() -> None:
    """Rows that are done are of the number after the last whole one, until that is done, too."""
    start = Bookmark(7, 1, {"bridge-1": 40, "presence": 5})
    within = start.within("bridge-1", 41, 3)

    assert (within.done["bridge-1"], within.rows) == (40, {"bridge-1": 3})
    assert within.passed("bridge-1", 41, 9) == Bookmark(7, 9, {"bridge-1": 41, "presence": 5})
