"""Keeps presence: follows the feed, looks who is silent by now, and writes what has changed.

Follows `telemetry.batch` under the name `presence`. What is known is in memory, and in the database
with its place in the feed; where the two do not agree (a turn that was not committed, or another
leader meanwhile), the database is read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np

from foundation import queries
from foundation.database import Connection
from telemetry import batches
from telemetry.batches import EVENTS, Batch
from telemetry.facts import DOWN, UNKNOWN, Changes, Facts, Hearing, Ids
from telemetry.model import at
from telemetry.rows import Flags, Int32s, Int64s
from telemetry.sight import unix_us

sql = queries.load("telemetry", "presence.sql")
tally_sql = queries.load("telemetry", "tally.sql")

FOLLOWER = "presence"
MOST_BATCHES = 200
LATE_SECONDS = 1800  # or a terminal's patience: older readings are history, no sign of presence
CHANGES_KEPT_DAYS = 400

_PATIENCE_TURNS = 150  # after which every terminal's patience is read again
_BRIDGE_COUNTS = timedelta(days=1)  # behind the others; one that is longer away is gone for good
_POSTGRES_EPOCH_US = 946_684_800_000_000
_NEVER = -(2**63)  # -infinity

_FACTS = np.dtype(
    [("id", ">i4"), ("data", ">i8"), ("silent", ">i8"), ("session", ">i2"), ("since", ">i8")]
)
_PATIENCE = np.dtype([("id", ">i4"), ("seconds", ">i4")])


@dataclass(frozen=True, slots=True)
class Seen:
    """What a turn of the watch has found; `hearing` is None where not all that came is known.

    Of sessions nothing is known that was said before `sessions_known_us` (Unix us).
    """

    facts: Facts
    followed: Sequence[Batch]
    changes: Changes
    hearing: Hearing | None
    sessions_known_us: int


class Beside(Protocol):
    """Who goes on from what the watch has found, in the same transaction."""

    def forget(self) -> None:
        """What is known by heart may not be what was committed."""

    async def ready(self, conn: Connection) -> Sequence[int]:
        """Get ready for a turn; of which profiles it is wanted what readings say."""

    async def turn(self, conn: Connection, seen: Seen) -> None:
        """Go on from there."""


class Watch:
    """One follower of the feed; `turn` in a transaction of its own, again and again."""

    def __init__(self, beside: Beside | None = None) -> None:
        self._facts = Facts()
        self._turn: int | None = None
        self._beside = beside

    async def turn(self, conn: Connection) -> int:
        """Take over the feed's next batches; returns how many came, 0 when there were no more."""
        clock = await _one(conn, sql.hold_clock)
        if clock["turn"] != self._turn:
            await self._load(conn)
            if self._beside is not None:
                self._beside.forget()
        elif clock["turn"] % _PATIENCE_TURNS == 0:
            await self._learn_patience(conn, None)
        self._turn = None  # until this one is done
        bridges = await (await conn.execute(sql.read_hearing)).fetchall()
        told_of = [] if self._beside is None else await self._beside.ready(conn)
        columns_of = [EVENTS, *told_of]
        followed = await batches.follow(conn, FOLLOWER, MOST_BATCHES, columns_of=columns_of)
        reached = {batch.bridge: batch.n for batch in followed}
        hearing = _hearing(bridges)
        changes = Changes()
        dirty = await self._take(conn, followed, hearing, changes)
        known_since = max((b["told_since"] for b in bridges if b["told_since"]), default=None)
        looked = hearing
        if not all(reached.get(b["name"], b["last_n"]) >= b["last_n"] for b in bridges):
            looked = None
        if looked is not None:
            due, _ = self._facts.due(looked)
            await excuse(conn, self._facts, looked, due)
            self._facts.look(looked, changes)
        await self._keep(conn, dirty, changes)
        if self._beside is not None:
            known_us = 0 if known_since is None else unix_us(known_since)
            seen = Seen(self._facts, followed, changes, looked, known_us)
            await self._beside.turn(conn, seen)
        if followed:
            await batches.advance(conn, FOLLOWER, followed)
        turn = clock["turn"] + 1
        await conn.execute(
            sql.advance_clock,
            {
                "turn": turn,
                "as_of": at(looked.until_us) if looked else None,
                "listening_since": at(hearing.since_us) if hearing else None,
                "sessions_known_since": known_since,
            },
        )
        self._turn = turn
        return len(followed)

    async def _take(
        self, conn: Connection, followed: Sequence[Batch], hearing: Hearing | None, changes: Changes
    ) -> Int32s:
        """What the batches say; returns of whom."""
        data = [_data(b) for b in followed if b.has_readings or b.profile_id == EVENTS]
        came = _sorted([(ids, received_us) for ids, received_us, _ in data])
        told = [_sessions(b) for b in followed if b.profile_id == EVENTS]
        said = [(ids[says], at_us[says], up[says]) for ids, at_us, says, up in told]
        heard = _sorted([came, *((ids[~says], at_us[~says]) for ids, at_us, says, _ in told)])
        ids: Int32s = _joined([came[0], *(s[0] for s in said)], np.int32)
        self._facts.make_room(_joined([ids, heard[0]], np.int32))
        await self._learn_patience(conn, self._facts.impatient(came[0]).tolist())
        current = _sorted([self._current(*part) for part in data])
        self._facts.take_data(*current, hearing or Hearing(0, 0), changes)
        self._facts.take_sessions(
            _joined([s[0] for s in said], np.int32),
            _joined([s[2] for s in said], np.bool_),
            _joined([s[1] for s in said], np.int64),
            heard,
            changes,
        )
        self._facts.pause[heard[0]] = 0
        return ids

    def _current(self, ids: Int32s, received_us: Int64s, times_us: Int64s) -> tuple[Int32s, Int64s]:
        """Of whom and when data came, without what tells of the past: kept back and sent late."""
        patience_us = self._facts.patience[ids].astype(np.int64) * 1_000_000
        current = received_us - times_us <= np.maximum(patience_us, LATE_SECONDS * 1_000_000)
        return ids[current], received_us[current]

    async def _keep(self, conn: Connection, dirty: Int32s, changes: Changes) -> None:
        """Write down who said something and whose facts changed."""
        facts = self._facts
        ids = np.unique(np.append(dirty, np.array(changes.terminal_ids, np.int32)))
        if not len(ids):
            return
        sessions = facts.session[ids].tolist()
        await conn.execute(
            sql.keep_presence,
            {
                "terminal_ids": ids.tolist(),
                "data_us": facts.data_us[ids].tolist(),
                "silent_us": facts.silent_us[ids].tolist(),
                "sessions": [None if s == UNKNOWN else s != DOWN for s in sessions],
                "session_us": facts.session_us[ids].tolist(),
            },
        )
        if changes.terminal_ids:
            await conn.execute(
                sql.note_changes,
                {
                    "terminal_ids": changes.terminal_ids,
                    "times_us": changes.times_us,
                    "facts": changes.facts,
                    "present": changes.present,
                },
            )
            await batches.publish(conn, batches.OF_PRESENCE, batches.presence_row(changes))
            pairs = zip(changes.terminal_ids, changes.facts, strict=True)
            heard = [terminal_id for terminal_id, fact in pairs if fact == "data"]
            await conn.execute(tally_sql.note_presence, {"terminal_ids": heard})

    async def _load(self, conn: Connection) -> None:
        self._facts = facts = Facts()
        row = await _one(conn, sql.pack_presence)
        known = np.frombuffer(row["packed"] or b"", _FACTS)
        ids = known["id"].astype(np.int32)
        facts.make_room(ids)
        facts.data_us[ids] = _unix(known["data"])
        facts.silent_us[ids] = _unix(known["silent"])
        facts.session[ids] = known["session"]
        facts.session_us[ids] = _unix(known["since"])
        await self._learn_patience(conn, None)

    async def _learn_patience(self, conn: Connection, wanted: Sequence[int] | None) -> None:
        """Read after how many seconds these terminals are silent; all of them for None."""
        if wanted is not None and not wanted:
            return
        ids, seconds = _patience(await _one(conn, sql.pack_patience, {"ids": wanted}))
        self._facts.make_room(ids)
        self._facts.patience[ids] = seconds


async def excuse(conn: Connection, facts: Facts, hearing: Hearing, ids: Ids) -> None:
    """Have more patience with those of these who would be silent now and are in a pause."""
    if len(ids):
        asked = {"ids": ids.tolist(), "until": at(hearing.until_us)}
        paused, seconds = _patience(await _one(conn, sql.pack_pauses, asked))
        facts.pause[paused] = seconds


async def forget_changes(conn: Connection) -> int:
    """Drop the changes that are too old to be of use; returns chunks dropped."""
    row = await _one(conn, sql.forget_changes, {"days": CHANGES_KEPT_DAYS})
    return int(row["dropped"])


def _patience(row: dict[str, Any]) -> tuple[Int32s, Int32s]:
    known = np.frombuffer(row["packed"] or b"", _PATIENCE)
    return known["id"].astype(np.int32), known["seconds"].astype(np.int32)


def _hearing(bridges: Sequence[dict[str, Any]]) -> Hearing | None:
    """How far all bridges have come; None where none has said yet."""
    heard: list[tuple[datetime, datetime]] = [
        (b["heard_until"], b["listening_since"]) for b in bridges if b["heard_until"]
    ]
    if not heard:
        return None
    newest = max(until for until, _ in heard)
    counted = [pair for pair in heard if pair[0] > newest - _BRIDGE_COUNTS]
    return Hearing(
        unix_us(min(until for until, _ in counted)), unix_us(max(since for _, since in counted))
    )


def _data(batch: Batch) -> tuple[Int32s, Int64s, Int64s]:
    """Of whom data came, when, and of which time: readings, and events out of frames."""
    ids, received_us, times_us = batch.terminal_ids, batch.received_us, batch.times_us
    if batch.profile_id != EVENTS:
        return ids, received_us, times_us
    column = batch.columns.get("framed")
    framed = np.zeros(len(ids), np.bool_) if column is None else column.present
    return ids[framed], received_us[framed], times_us[framed]


def _sessions(batch: Batch) -> tuple[Int32s, Int64s, Flags, Flags]:
    """Of events: of whom and when, which say something of a session, and what."""
    column = batch.columns.get("session")
    none = np.zeros(len(batch.terminal_ids), np.bool_)
    if column is None:
        return batch.terminal_ids, batch.received_us, none, none
    return batch.terminal_ids, batch.received_us, column.present, column.values


def _sorted(parts: Sequence[tuple[Int32s, Int64s]]) -> tuple[Int32s, Int64s]:
    """Numbers and times, by number and then by time."""
    ids = _joined([part[0] for part in parts], np.int32)
    times = _joined([part[1] for part in parts], np.int64)
    order = np.lexsort((times, ids))
    return ids[order], times[order]


def _joined(parts: Sequence[Any], kind: Any) -> Any:
    return np.concatenate(parts).astype(kind, copy=False) if parts else np.zeros(0, kind)


def _unix(postgres_us: Int64s) -> Int64s:
    """PostgreSQL's times as Unix us, -infinity as 0."""
    times = postgres_us.astype(np.int64)
    return np.where(times == _NEVER, 0, times + _POSTGRES_EPOCH_US)


async def _one(conn: Connection, query: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
    row = await (await conn.execute(query, given, binary=True)).fetchone()
    assert row is not None
    return row
