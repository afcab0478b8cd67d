"""The feed of committed batches, which everything derived follows: its columns, and following it.

A batch has the rows that were really inserted, and of extended rows the metrics that were added;
beside the readings of profiles it has entries of other kinds, in the same columns.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from foundation import queries
from foundation.database import Connection
from telemetry.facts import Changes
from telemetry.model import Event, Value
from telemetry.rows import Column, Flags, Int32s, Int64s, Rows, Values

sql = queries.load("telemetry")

MOST_AT_ONCE = 50

# Kinds of entries that are no profile's readings, in place of the profile's number.
MESSAGES = 0
EVENTS = -1
PRESENCE = -2
ALARMS = -3

# Who feeds besides the bridges.
OF_PRESENCE = "presence"
OF_CONDITIONS = "conditions"
OF_ALARMS = "alarms"

OF_MANY = 0
"""In place of a terminal's number: of no one terminal."""

_HEAD = struct.Struct("<BcB?")  # length of name, kind, decimals or 255, whether all are present
_NO_DECIMALS = 255
_EVENT_COLUMNS = {
    "code": np.dtype(np.object_),
    "severity": np.dtype(np.object_),
    "text": np.dtype(np.object_),
    "data": np.dtype(np.object_),
    "session": np.dtype(np.bool_),
    "framed": np.dtype(np.bool_),
}
_ALARM_COLUMNS = {
    "alarm": np.dtype(np.int64),
    "event": np.dtype(np.object_),
    "by": np.dtype(np.object_),
}
_KINDS = {"f": "<f8", "i": "<i8", "b": "|b1", "O": ""}  # by numpy kind; text is lengths and bytes


@dataclass(frozen=True, slots=True)
class FeedColumn(Column):
    """A metric of a batch; its numbers are scaled by 10^decimals where that is not None."""

    decimals: int | None

    def numbers(self) -> Values:
        """The values as people read them."""
        return self.values if self.decimals is None else self.values / 10.0**self.decimals

    def number(self, row: int) -> Value:
        """The value of one row as people read it."""
        one = FeedColumn(self.values[row : row + 1], self.present[row : row + 1], self.decimals)
        value: Value = one.numbers().tolist()[0]
        return value


@dataclass(frozen=True)
class Batch:
    """The rows of one profile, or kind, that bridge `bridge` committed as its `n`th batch."""

    bridge: str
    n: int
    committed_at: datetime
    profile_id: int
    terminal_ids: Int32s
    times_us: Int64s
    received_us: Int64s
    encoded: bytes

    @property
    def has_readings(self) -> bool:
        """Whether it is of a profile; else it is MESSAGES, EVENTS, PRESENCE or ALARMS."""
        return self.profile_id > 0

    @cached_property
    def columns(self) -> Mapping[str, FeedColumn]:
        """What the rows say, by name."""
        return decode_columns(self.encoded, len(self.terminal_ids))


def encode_columns(
    columns: Mapping[str, Column], decimals: Mapping[str, int | None] = MappingProxyType({})
) -> bytes:
    """Columns, each as a head, presence bits unless all are there, and values.

    Little-endian; absent values are left out.
    """
    parts: list[bytes] = []
    for name, column in columns.items():
        whole = bool(column.present.all())
        scale = decimals.get(name)
        kind = column.values.dtype.kind
        encoded = name.encode()
        parts += (
            _HEAD.pack(
                len(encoded), kind.encode(), _NO_DECIMALS if scale is None else scale, whole
            ),
            encoded,
        )
        values = column.values
        if not whole:
            parts.append(np.packbits(column.present).tobytes())
            values = values[column.present]
        if kind == "O":
            texts = [text.encode() for text in values]
            parts.append(np.fromiter(map(len, texts), "<u4", len(texts)).tobytes())
            parts += texts
        else:
            parts.append(values.astype(_KINDS[kind], copy=False).tobytes())
    return b"".join(parts)


def decode_columns(encoded: bytes, rows: int) -> dict[str, FeedColumn]:
    """The columns that `encode_columns` made of so many rows."""
    columns: dict[str, FeedColumn] = {}
    at = 0
    while at < len(encoded):
        length, kind, scale, whole = _HEAD.unpack_from(encoded, at)
        at += _HEAD.size
        name = encoded[at : at + length].decode()
        at += length
        present: Flags = np.ones(rows, np.bool_)
        if not whole:
            size = (rows + 7) // 8
            bits = np.frombuffer(encoded, np.uint8, size, at)
            present = np.unpackbits(bits, count=rows).astype(np.bool_)
            at += size
        count = int(present.sum())
        found: Values
        if kind == b"O":
            lengths = np.frombuffer(encoded, "<u4", count, at).tolist()
            at += 4 * count
            found = np.empty(count, np.object_)
            for k, size in enumerate(lengths):
                found[k] = encoded[at : at + size].decode()
                at += size
        else:
            found = np.frombuffer(encoded, _KINDS[kind.decode()], count, at)
            at += found.nbytes
        values = np.zeros(rows, found.dtype)
        values[present] = found
        decimals = None if scale == _NO_DECIMALS else scale
        columns[name] = FeedColumn(values, present, decimals)
    return columns


def feed_row(rows: Rows) -> dict[str, object]:
    """What `telemetry.batch` says of these rows."""
    return entry(
        rows.profile.id,
        rows.terminal_ids,
        rows.times_us,
        rows.received_us,
        encode_columns(
            {name: rows.columns[name] for name in rows.occupied()},
            {m.name: m.decimals for m in rows.profile.metrics},
        ),
    )


def events_row(events: Sequence[Event]) -> dict[str, object]:
    """What `telemetry.batch` says of these events, in their order.

    `code` and `severity` of each; `text`, `data`, `session` (up or not) and `framed`, where it says
    so.
    """
    columns = {
        name: Column(
            np.array([getattr(event, name) for event in events], kind),
            np.array([getattr(event, name) is not None for event in events], np.bool_),
        )
        for name, kind in _EVENT_COLUMNS.items()
    }
    return entry(
        EVENTS,
        np.array([event.terminal_id for event in events], np.int32),
        np.array([event.time_us for event in events], np.int64),
        np.array([event.received_us for event in events], np.int64),
        encode_columns({name: c for name, c in columns.items() if c.present.any()}),
    )


def presence_row(changes: Changes) -> dict[str, object]:
    """What `telemetry.batch` says of these changes: `fact` and `present` of each."""
    whole = np.ones(len(changes.terminal_ids), np.bool_)
    times = np.array(changes.times_us, np.int64)
    columns = {
        "fact": Column(np.array(changes.facts, np.object_), whole),
        "present": Column(np.array(changes.present, np.bool_), whole),
    }
    ids = np.array(changes.terminal_ids, np.int32)
    return entry(PRESENCE, ids, times, times, encode_columns(columns))


def alarms_row(turns: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """What `telemetry.batch` says of these turns of alarms: `alarm`, `event`, and `by` of each."""
    columns = {
        name: Column(
            np.array([turn[name] for turn in turns], kind),
            np.array([turn[name] is not None for turn in turns], np.bool_),
        )
        for name, kind in _ALARM_COLUMNS.items()
    }
    ids = np.array([turn["terminal_id"] for turn in turns], np.int32)
    times = np.array([turn["at_us"] for turn in turns], np.int64)
    return entry(ALARMS, ids, times, times, encode_columns(columns))


def entry(
    profile_id: int, terminal_ids: Int32s, times_us: Int64s, received_us: Int64s, columns: bytes
) -> dict[str, object]:
    """An entry of a batch: rows of a profile or kind, with their `encode_columns`."""
    return {
        "profile_id": profile_id,
        "rows": len(terminal_ids),
        "terminal_ids": terminal_ids.astype("<i4", copy=False).tobytes(),
        "times_us": times_us.astype("<i8", copy=False).tobytes(),
        "received_us": received_us.astype("<i8", copy=False).tobytes(),
        "columns": columns,
        "first_us": int(times_us.min()) if len(times_us) else None,
    }


def inserted_or_added(rows: Rows, inserted: Flags, added: Mapping[int, frozenset[str]]) -> Rows:
    """The rows that were inserted, and of the extended ones (`added` by row) what was added."""
    if not added:
        return rows if inserted.all() else rows.take(inserted)
    chosen = inserted.copy()
    chosen[list(added)] = True
    columns = {}
    for name, column in rows.columns.items():
        present = column.present.copy()
        for k, metrics in added.items():
            present[k] &= name in metrics
        columns[name] = Column(column.values, present)
    return Rows(rows.profile, rows.terminal_ids, rows.times_us, rows.received_us, columns).take(
        chosen
    )


async def follow(
    conn: Connection,
    follower: str,
    most: int = MOST_AT_ONCE,
    *,
    columns_of: Sequence[int] | None = None,
) -> Sequence[Batch]:
    """The next batches of every bridge for this follower, at most so many numbers of each.

    In order of (bridge, n); a batch is never cut. Call `advance` in the transaction that keeps what
    came of them. Where the feed has forgotten what the follower has not seen, it goes on with the
    oldest that there is. Who names the profiles or kinds `columns_of` which columns are of use gets
    no others.
    """
    cursor = await conn.execute(
        sql.read_feed,
        {
            "follower": follower,
            "most": most,
            "columns_of": None if columns_of is None else list(columns_of),
        },
        binary=True,
    )
    return [
        Batch(
            row["bridge"],
            row["n"],
            row["committed_at"],
            row["profile_id"],
            np.frombuffer(row["terminal_ids"], "<i4"),
            np.frombuffer(row["times_us"], "<i8"),
            np.frombuffer(row["received_us"], "<i8"),
            row["columns"],
        )
        async for row in cursor
    ]


async def publish(conn: Connection, source: str, said: Mapping[str, object]) -> None:
    """Feed an entry of ours; whoever else publishes for this source waits until the commit."""
    await conn.execute(sql.publish, {"source": source, **said})


async def advance(conn: Connection, follower: str, batches: Sequence[Batch]) -> None:
    """Note that this follower is done with these batches, which came from `follow`."""
    await skip_to(conn, follower, {batch.bridge: batch.n for batch in batches})


async def skip_to(conn: Connection, follower: str, reached: Mapping[str, int]) -> None:
    """Note that this follower wants no batch of these bridges up to these numbers any more."""
    await conn.execute(
        sql.advance_follower,
        {"follower": follower, "bridges": list(reached), "ns": list(reached.values())},
    )


async def forget(conn: Connection, older_than_seconds: float) -> int:
    """Drop old batches that every follower has read, after a day all; returns chunks dropped."""
    cursor = await conn.execute(sql.find_forgettable, {"seconds": older_than_seconds})
    cursor = await conn.execute(sql.forget_batches, await cursor.fetchone())
    row = await cursor.fetchone()
    return 0 if row is None else int(row["dropped"])
