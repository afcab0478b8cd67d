"""The feed for live streams: what is new of whom first, and what it says only where it is wanted.

Read in the scope of a process that shows each reader what is theirs: `moments` says what that is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundation import queries
from foundation.database import Connection
from registry.scope import Right, Scope
from telemetry.batches import ALARMS, OF_MANY, FeedColumn, decode_columns
from telemetry.bookmark import Bookmark
from telemetry.errors import BookmarkInvalid
from telemetry.model import Value, at
from telemetry.moments import Moments
from telemetry.rows import Flags, Int32s, Int64s

sql = queries.load("telemetry", "live.sql")

MOST_NUMBERS = 10

Items = NDArray[np.int64]
"""Rows of a page by their places in it, ascending."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Rows of one profile, or kind, of a number; in it come so many other `rows_before`."""

    source: str
    n: int
    kind: int
    committed_us: int
    rows_before: int
    terminal_ids: Int32s


@dataclass(frozen=True, slots=True)
class Body:
    """What the rows of an entry say."""

    times_us: Int64s
    received_us: Int64s
    columns: Mapping[str, FeedColumn]

    def said(self, row: int) -> dict[str, Value]:
        """What one row says, by name."""
        return {n: c.number(row) for n, c in self.columns.items() if c.present[row]}


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed in the registry: which terminals, and whether profiles or clients have."""

    position: str
    terminals: Int32s
    profiles: bool
    clients: bool


class Page:
    """The next numbers of every source after a bookmark; `end` is the bookmark after them.

    The feed has `forgotten` something that lay before the first of them where that says until when
    (Unix us).
    """

    def __init__(self, begin: Bookmark, entries: Sequence[Entry], end: Bookmark) -> None:
        self.begin = begin
        self.entries = entries
        self.end = end
        self.forgotten: int | None = None
        self._begins = self._walk()
        done = [
            max(0, before.rows.get(entry.source, 0) - entry.rows_before)
            for before, entry in zip(self._begins, entries, strict=True)
        ]
        ids = [e.terminal_ids[k:] for k, e in zip(done, entries, strict=True)]
        rows = [np.arange(k, k + len(part)) for k, part in zip(done, ids, strict=True)]
        self._ends = np.cumsum([0, *map(len, ids)])
        self._entry_of = np.repeat(np.arange(len(entries)), np.diff(self._ends))
        self._row_of = np.concatenate([np.zeros(0, np.int64), *rows])
        self._ids: Int32s = np.concatenate([np.zeros(0, np.int32), *ids])
        self._order = np.argsort(self._ids, kind="stable")
        self._terminals, self._first = np.unique(self._ids[self._order], return_index=True)
        self._is_of_alarms = np.array([entry.kind == ALARMS for entry in entries], np.bool_)
        self._bodies: dict[int, Body] = {}
        self._times: Int64s = np.zeros(len(self._ids), np.int64)
        self._is_open = np.zeros(len(entries), np.bool_)

    def _walk(self) -> list[Bookmark]:
        """The bookmark before the number of each entry."""
        begins: list[Bookmark] = []
        bookmark, last = self.begin, None
        for entry in self.entries:
            if last is None or (last.source, last.n) != (entry.source, entry.n):
                if last is not None:
                    bookmark = bookmark.passed(last.source, last.n, last.committed_us)
                if entry.n > bookmark.done.get(entry.source, 0) + 1:
                    self.forgotten = max(self.forgotten or 0, entry.committed_us)
                    bookmark = bookmark.passed(entry.source, entry.n - 1, entry.committed_us)
            begins.append(bookmark)
            last = entry
        return begins

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def profiles(self) -> frozenset[int]:
        """Of which profiles there are readings."""
        return frozenset(entry.kind for entry in self.entries if entry.kind > 0)

    def of(self, moments: Moments) -> Items:
        """The items of the terminals that somebody sees any moment of, and those of many.

        The smaller looks up.
        """
        own, here = np.insert(moments.terminals, 0, OF_MANY), self._terminals
        if not len(here):
            return np.zeros(0, np.int64)
        if len(own) < len(here):
            place = np.minimum(np.searchsorted(here, own), len(here) - 1)
            found = place[here[place] == own]
        else:
            place = np.minimum(np.searchsorted(own, here), len(own) - 1)
            found = np.flatnonzero(own[place] == here)
        if not len(found):
            return np.zeros(0, np.int64)
        behind = np.append(self._first, len(self._ids))
        spans = [self._order[self._first[k] : behind[k + 1]] for k in found.tolist()]
        return np.sort(np.concatenate(spans))

    async def open(self, conn: Connection, scope: Scope, wanted: Iterable[Items]) -> None:
        """Read what these items say, of which there is one at least."""
        scope.require(Right.TELEMETRY_READ)
        chosen = np.unique(np.concatenate([np.zeros(0, np.int64), *wanted]))
        places = np.unique(self._entry_of[chosen]).tolist()
        keys = {(e.source, e.n, e.kind): k for k, e in enumerate(self.entries)}
        entries = [self.entries[k] for k in places]
        asked = {
            "sources": [e.source for e in entries],
            "numbers": [e.n for e in entries],
            "kinds": [e.kind for e in entries],
            "since": at(min(e.committed_us for e in entries)),
        }
        async for row in await conn.execute(sql.read_bodies, asked, binary=True):
            place = keys[row["source"], row["n"], row["kind"]]
            body = self._bodies[place] = Body(
                np.frombuffer(row["times_us"], "<i8"),
                np.frombuffer(row["received_us"], "<i8"),
                decode_columns(row["columns"], len(self.entries[place].terminal_ids)),
            )
            first, behind = self._ends[place], self._ends[place + 1]
            self._times[first:behind] = body.times_us[len(body.times_us) - (behind - first) :]
            self._is_open[place] = True
        if not self._is_open[places].all():  # the feed was cut while it was read
            self.forgotten = max(self.forgotten or 0, *(e.committed_us for e in entries))

    def seen(self, moments: Moments, items: Items) -> list[tuple[int, str]]:
        """Those of these items that are of a moment that is seen, each with its terminal's code.

        But for the turns of alarms, of which what is known of the alarm says who sees them.
        """
        items = items[self._is_open[self._entry_of[items]] & ~self._tells_of_alarms(items)]
        which = moments.which(self._ids[items], self._times[items])
        inside = which >= 0
        return [
            (k, moments.codes[w])
            for k, w in zip(items[inside].tolist(), which[inside].tolist(), strict=True)
        ]

    def alarms(self, items: Items) -> dict[int, int]:
        """Those of these items that are turns of alarms, each with the number of its alarm."""
        items = items[self._is_open[self._entry_of[items]] & self._tells_of_alarms(items)]
        return {k: int(self.body(k).columns["alarm"].values[self.row(k)]) for k in items.tolist()}

    def _tells_of_alarms(self, items: Items) -> Flags:
        told: Flags = self._is_of_alarms[self._entry_of[items]]
        return told

    def entry(self, item: int) -> Entry:
        """What an item is a row of."""
        return self.entries[int(self._entry_of[item])]

    def body(self, item: int) -> Body:
        """What the rows of its entry say, which `open` has read."""
        return self._bodies[int(self._entry_of[item])]

    def row(self, item: int) -> int:
        """Which row of its entry it is."""
        return int(self._row_of[item])

    def bookmark(self, item: int) -> Bookmark:
        """The place right after an item."""
        entry = self.entry(item)
        before = self._begins[int(self._entry_of[item])]
        return before.within(entry.source, entry.n, entry.rows_before + self.row(item) + 1)


async def newest(conn: Connection, scope: Scope) -> Bookmark:
    """The end of the feed."""
    scope.require(Right.TELEMETRY_READ)
    rows = await (await conn.execute(sql.read_sources)).fetchall()
    marks = [row["mark"] for row in rows if row["mark"] is not None]
    return Bookmark(
        min(marks), max(row["now_us"] for row in rows), {row["name"]: row["last_n"] for row in rows}
    )


def check(bookmark: Bookmark, end: Bookmark, field: str) -> None:
    """BookmarkInvalid where a bookmark is of another feed, or beyond the end of this one."""
    beyond = [
        name
        for name, n in bookmark.done.items()
        if n + (name in bookmark.rows) > end.done.get(name, -1)
    ]
    if bookmark.mark != end.mark or beyond or bookmark.rows.keys() - bookmark.done.keys():
        raise BookmarkInvalid(field=field)


async def read(
    conn: Connection, scope: Scope, begin: Bookmark, until: Bookmark, most: int = MOST_NUMBERS
) -> Page:
    """The next numbers after a bookmark, so many of each source at most, and none after `until`."""
    scope.require(Right.TELEMETRY_READ)
    behind = [name for name, n in until.done.items() if begin.done.get(name, 0) < n]
    asked = {
        "sources": behind,
        "after": [begin.done.get(name, 0) for name in behind],
        "until": [until.done[name] for name in behind],
        "most": most,
    }
    entries: list[Entry] = []
    reached: dict[str, tuple[int, int]] = {}
    rows_before, number = 0, ("", 0)
    async for row in await conn.execute(sql.read_heads, asked, binary=True):
        if (row["source"], row["n"]) != number:
            number, rows_before = (row["source"], row["n"]), 0
        reached[row["source"]] = row["n"], row["committed_us"]
        ids = np.frombuffer(row["terminal_ids"] or b"", "<i4")
        entries.append(
            Entry(row["source"], row["n"], row["kind"], row["committed_us"], rows_before, ids)
        )
        rows_before += len(ids)
    end = begin
    for name in behind:
        n, committed_us = reached.get(name, (until.done[name], until.at_us))
        end = end.passed(name, n, committed_us)
    page = Page(begin, entries, end)
    if set(behind) - reached.keys():
        page.forgotten = until.at_us
    return page


async def position(conn: Connection, scope: Scope) -> str:
    """Where in the registry's changes one stands who reads the registry after this."""
    scope.require(Right.TELEMETRY_READ)
    row = await (await conn.execute(sql.read_position)).fetchone()
    assert row is not None
    return str(row["position"])


async def changes(conn: Connection, scope: Scope, since: str) -> Changes:
    """What has changed in the registry since a position."""
    scope.require(Right.TELEMETRY_READ)
    row: dict[str, Any] | None = await (
        await conn.execute(sql.read_changes, {"since": since})
    ).fetchone()
    assert row is not None
    return Changes(
        row["position"], np.array(row["terminals"], np.int32), row["profiles"], row["clients"]
    )
