"""Where a reader stands in the feed: of each source the last number that is done; no I/O.

Of the number after it some rows may be done, too, so that a reader may be cut off anywhere. As text
it is opaque, and any process can go on from it.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from telemetry.errors import BookmarkInvalid
from telemetry.model import at

LONGEST = 2000
_VERSION = "1"
_HEAD = re.compile(r"(\d{1,10})\.(\d{1,16})", re.ASCII)
_PART = re.compile(r"([A-Za-z0-9_-]{1,80}):(\d{1,18})(?:\.(\d{1,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bookmark:
    """What of each source is done: whole numbers, and `rows` of the next one of some.

    `mark` is of whose feed it is; until `at_us` (Unix us, of the database) all that it has not done
    was still to come.
    """

    mark: int
    at_us: int
    done: Mapping[str, int]
    rows: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def at(self) -> datetime:
        """From when on what is not done was committed."""
        return at(self.at_us)

    def __str__(self) -> str:
        parts = [
            f"{name}:{n}.{self.rows[name]}" if name in self.rows else f"{name}:{n}"
            for name, n in sorted(self.done.items())
        ]
        said = " ".join((_VERSION, f"{self.mark}.{self.at_us}", *parts))
        return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str, field: str) -> "Bookmark":
        """The bookmark that a text is; BookmarkInvalid of that field where it is none."""
        try:
            if len(text) > LONGEST:
                raise ValueError("too long")
            padded = text + "=" * (-len(text) % 4)
            said = base64.urlsafe_b64decode(padded.encode("ascii")).decode()
            version, head, *parts = said.split(" ")
            mark, at_us = _matched(_HEAD, head)
            found = [_matched(_PART, part) for part in parts]
            done = {name: int(n) for name, n, _ in found}
            rows = {name: int(k) for name, _, k in found if k}
            bookmark = cls(int(mark), int(at_us), done, rows)
            if version != _VERSION or str(bookmark) != text:
                raise ValueError("not as we write them")
        except ValueError as error:
            raise BookmarkInvalid(field=field) from error
        return bookmark

    def passed(self, source: str, n: int, at_us: int) -> "Bookmark":
        """The same, with all of a source up to that number done."""
        rows = {name: k for name, k in self.rows.items() if name != source}
        return Bookmark(self.mark, max(self.at_us, at_us), {**self.done, source: n}, rows)

    def within(self, source: str, n: int, rows: int) -> "Bookmark":
        """The same, with so many rows of that number of a source done."""
        return Bookmark(
            self.mark, self.at_us, {**self.done, source: n - 1}, {**self.rows, source: rows}
        )


def _matched(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError("not as we write them")
    return found.groups(default="")
