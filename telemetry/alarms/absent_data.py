"""One rule of absent data: which of its terminals sent nothing, or no value of a metric, too long.

By our clock, and in the time in which somebody listened: what is sent late is no sign of life, and
an outage of ours leaves everybody the whole patience. Who never sent any is not missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foundation import queries
from foundation.database import Connection
from telemetry.alarms.absence import SECOND_US, Absent, Dues
from telemetry.alarms.found import MOST_AT_ONCE, Found, Turns
from telemetry.batches import Batch
from telemetry.facts import Facts, Hearing
from telemetry.rows import Int32s, Int64s
from telemetry.watch import LATE_SECONDS, Seen, excuse

sql = queries.load("telemetry", "alarms/vigil.sql")

_GRACE_US = 60 * SECOND_US
_ID = np.dtype(">i4")
_TOLD = np.dtype([("id", ">i4"), ("us", ">i8")])


@dataclass(frozen=True, slots=True)
class AbsentRule:
    """A rule of the terminals of a profile, which report so often."""

    id: int
    profile_id: int
    watched: Absent
    interval_seconds: int
    for_us: int


class AbsentData:
    """What is known by heart of the terminals of one rule, and whose alarm is `open` since when."""

    def __init__(self, rule: AbsentRule) -> None:
        self.rule = rule
        self.metric = rule.watched.metric
        self.open: dict[int, int] = {}
        self._patience_us = rule.watched.patience_us(rule.interval_seconds)
        self._ids: Int32s = np.zeros(0, np.int32)
        self._told_us: Int64s = np.zeros(0, np.int64)
        self._dues = Dues()
        self._turns = Turns(self._ids)
        self._refused: set[int] = set()
        self._unheard: Int32s = np.zeros(0, np.int32)

    async def learn(self, conn: Connection, facts: Facts, now_us: int) -> None:
        """Whom the rule is of now; who was so before goes on, all others begin."""
        row = await (
            await conn.execute(sql.pack_members, {"rule": self.rule.id}, binary=True)
        ).fetchone()
        assert row is not None
        ids = np.sort(np.frombuffer(row["packed"] or b"", _ID).astype(np.int32))
        facts.make_room(ids)
        new = np.setdiff1d(ids, self._ids)
        told = np.zeros(len(ids), np.int64)
        if self.metric is not None:
            _, at, was = np.intersect1d(ids, self._ids, return_indices=True)
            told[at] = self._told_us[was]
            await self._read_told(conn, ids, new, told)
        self._ids, self._told_us = ids, told
        self._turns = Turns(np.array(sorted(self._refused), np.int32))
        self._refused.clear()
        # What the feed has and `latest` has not yet may still come.
        grace_us = 0 if self.metric is None else _GRACE_US
        heard = self._unheard[self._last(facts, self._unheard) > 0]
        self._unheard = np.setdiff1d(self._unheard, heard)
        ids = np.append(new, heard)
        self._dues.put(ids, np.full(len(ids), now_us + grace_us))

    async def _read_told(self, conn: Connection, ids: Int32s, new: Int32s, told: Int64s) -> None:
        asked = {"ids": new.tolist(), "metric": self.metric}
        row = await (await conn.execute(sql.pack_told, asked, binary=True)).fetchone()
        assert row is not None
        known = np.frombuffer(row["packed"] or b"", _TOLD)
        told[np.searchsorted(ids, known["id"].astype(np.int32))] = known["us"]

    def take(self, followed: Sequence[Batch]) -> None:
        """Note who told the metric in these batches."""
        if self.metric is None or not len(self._ids):
            return
        late_us = max(self._patience_us, LATE_SECONDS * SECOND_US)
        for batch in followed:
            if batch.profile_id != self.rule.profile_id or self.metric not in batch.columns:
                continue
            column = batch.columns[self.metric]
            told = column.present & (batch.received_us - batch.times_us <= late_us)
            ids, came_us = batch.terminal_ids[told], batch.received_us[told]
            place = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
            own = self._ids[place] == ids
            np.maximum.at(self._told_us, place[own], came_us[own])

    async def look(self, conn: Connection, seen: Seen, changed: Int32s, found: Found) -> None:
        """Find who is missed by now, of those whose time has come, and who is not any more."""
        assert seen.hearing is not None
        self._find_over(seen.facts, found)
        until_us = seen.hearing.until_us
        parts = (self._dues.take(until_us, MOST_AT_ONCE), self._turns.next(), changed)
        asked = np.intersect1d(np.unique(np.concatenate(parts)), self._ids)
        due = self._due(seen.facts, seen.hearing, asked)
        missed = asked[(due > 0) & (due <= until_us)]
        await excuse(conn, seen.facts, seen.hearing, missed)
        due = self._due(seen.facts, seen.hearing, asked)
        self._unheard = np.union1d(self._unheard, asked[due == 0]).astype(np.int32)
        later = due > until_us
        self._dues.put(asked[later], due[later])
        now = (due > 0) & ~later
        last = self._last(seen.facts, asked[now])
        for terminal_id, *times in zip(
            asked[now].tolist(), last.tolist(), due[now].tolist(), strict=True
        ):
            if terminal_id not in self.open:
                found.raised[self.rule.id, terminal_id] = times[0], times[1]
                self._refused.add(terminal_id)

    def raised(self, terminal_id: int, raised_us: int) -> None:
        """An alarm that was found is raised, or was before."""
        self.open[terminal_id] = raised_us
        self._refused.discard(terminal_id)

    def _find_over(self, facts: Facts, found: Found) -> None:
        ids = np.fromiter(self.open, np.int32, len(self.open))
        since = np.fromiter(self.open.values(), np.int64, len(self.open))
        facts.make_room(ids)
        last = self._last(facts, ids)
        back = last > since
        for terminal_id, at_us in zip(ids[back].tolist(), last[back].tolist(), strict=True):
            found.over[self.rule.id, terminal_id] = at_us
            del self.open[terminal_id]
        self._dues.put(ids[back], last[back])

    def _last(self, facts: Facts, ids: Int32s) -> Int64s:
        """When each of these was heard last, or told the metric; 0 for never."""
        if self.metric is None:
            return facts.data_us[ids]
        if not len(self._ids):
            return np.zeros(len(ids), np.int64)
        place = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return np.where(self._ids[place] == ids, self._told_us[place], 0)

    def _due(self, facts: Facts, hearing: Hearing, ids: Int32s) -> Int64s:
        """When an alarm of each is to be raised; 0 where nothing is awaited.

        In a pause it is waited as much longer as the terminal may be silent for longer.
        """
        last = self._last(facts, ids)
        pause, usual = facts.pause[ids], facts.patience[ids]
        longer = np.where((pause > 0) & (usual > 0), pause / np.maximum(usual, 1), 1.0)
        waits = (self._patience_us * np.maximum(longer, 1.0)).astype(np.int64) + self.rule.for_us
        return np.where(last > 0, np.maximum(last, hearing.since_us) + waits, 0)
