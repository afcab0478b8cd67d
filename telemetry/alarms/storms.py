"""Storms: many terminals that fall silent together are one alarm, and theirs are quiet.

By what they share: of all that may be, that of which the greatest share is silent. A storm gathers
as long as many fall, and is over when fewer than half of what makes one are silent still; these
stand alone then. Silent is who has no data or no session any more, whichever went first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foundation import queries
from foundation.database import Connection
from telemetry.alarms.absence import SECOND_US
from telemetry.alarms.falls import Crowd, Falls, Shared, Threshold
from telemetry.facts import DOWN, Facts
from telemetry.model import at
from telemetry.rows import Flags, Int32s, Int64s
from telemetry.watch import Seen

sql = queries.load("telemetry", "alarms/storms.sql")

LONGEST_US = 3_600 * SECOND_US
MOST_AT_ONCE = 20
_MOST_OF_IT = 0.8
_GROWN = 1.05  # from when on a crowd that was no storm is weighed again


@dataclass(slots=True, eq=False)
class Storm:
    """An open one: of whom, and how many it has ever gathered."""

    id: int
    shared: Shared
    key: int
    ids: Int32s
    count: int


class Storms:
    """What is known by heart of the storms that are open, and of who fell lately."""

    def __init__(self) -> None:
        self._falls = Falls()
        self._open: dict[int, Storm] = {}
        self._parents: dict[int, int] = {}
        self._thresholds: dict[Shared, Threshold] = {}
        self._weighed: dict[tuple[Shared, int], int] = {}
        self._texts: list[str] = [""]
        self._keys: dict[str, int] = {}
        self._brokers = np.zeros(0, np.int64)

    def parent_of(self, terminal_id: int) -> int | None:
        """The storm that a terminal is in."""
        return self._parents.get(terminal_id)

    async def learn(self, conn: Connection, seen: Seen, now_us: int) -> None:
        """Begin with the storms that are open and with who fell within the longest window."""
        self._falls, self._open, self._parents = Falls(), {}, {}
        async for row in await conn.execute(sql.list_open):
            ids = np.array(row["ids"], np.int32)
            seen.facts.make_room(ids)
            key = self._key(row["shared_key"])
            storm = Storm(row["id"], Shared(row["shared"]), key, ids, row["count"])
            self._open[storm.id] = storm
            self._parents |= dict.fromkeys(ids.tolist(), storm.id)
        recent = _since(seen.facts, slice(None), seen.sessions_known_us) > now_us - LONGEST_US
        await self._fell(conn, seen, np.flatnonzero(recent).astype(np.int32))

    async def turn(self, conn: Connection, seen: Seen) -> None:
        """Who fell and who is back; storms begin, gather, and are over."""
        self._note_brokers(seen)
        touched = np.unique(np.array(seen.changes.terminal_ids, np.int32))
        gone = _since(seen.facts, touched, seen.sessions_known_us) > 0
        await self._fell(conn, seen, np.setdiff1d(touched[gone], self._falls.ids))
        if seen.hearing is None or not (len(self._falls.ids) or self._open):
            return
        now_us = seen.hearing.until_us
        falls = self._falls
        still = _since(seen.facts, falls.ids, seen.sessions_known_us) > 0
        falls.keep(still & (falls.at_us >= now_us - LONGEST_US))
        self._thresholds = {
            Shared(row["shared"]): Threshold(
                Shared(row["shared"]), row["least"], row["share"], row["window_seconds"] * SECOND_US
            )
            async for row in await conn.execute(sql.list_thresholds)
        }
        await self._gather(conn, now_us)
        await self._end(conn, seen, now_us)
        for _ in range(MOST_AT_ONCE):
            if not await self._begin(conn, now_us):
                break

    async def _fell(self, conn: Connection, seen: Seen, ids: Int32s) -> None:
        if not len(ids):
            return
        rows = await (await conn.execute(sql.list_shared, {"ids": ids.tolist()})).fetchall()
        known = np.array([row["id"] for row in rows], np.int32)
        keys: dict[Shared, Int64s] = {
            shared: np.array([self._key(row[shared.value]) for row in rows], np.int64)
            for shared in Shared
            if shared is not Shared.BROKER
        }
        room = max(0, int(known.max(initial=0)) + 1 - len(self._brokers))
        self._brokers = np.append(self._brokers, np.zeros(room, np.int64))
        keys[Shared.BROKER] = self._brokers[known]
        self._falls.add(known, _since(seen.facts, known, seen.sessions_known_us), keys)

    def _note_brokers(self, seen: Seen) -> None:
        """By which bridge each terminal is heard."""
        for batch in seen.followed:
            if not len(batch.terminal_ids):
                continue
            room = int(batch.terminal_ids.max()) + 1 - len(self._brokers)
            if room > 0:
                self._brokers = np.append(self._brokers, np.zeros(room * 5 // 4 + 1, np.int64))
            self._brokers[batch.terminal_ids] = self._key(batch.bridge)

    async def _end(self, conn: Connection, seen: Seen, now_us: int) -> None:
        over: dict[Storm, Int32s] = {}
        for storm in self._open.values():
            silent = storm.ids[_since(seen.facts, storm.ids, seen.sessions_known_us) > 0]
            if 2 * len(silent) < self._thresholds[storm.shared].least:
                over[storm] = silent
        if over:
            await self._close(conn, list(over), "return", now_us)
            silent = np.concatenate(list(over.values()))
            asked = {"ids": [storm.id for storm in over], "silent": silent.tolist()}
            await conn.execute(sql.let_stand_alone, asked)

    async def _gather(self, conn: Connection, now_us: int) -> None:
        """Let open storms gather who fell among many; those that somebody has ended do not."""
        if not self._open:
            return
        still_open = {row["id"] async for row in await conn.execute(sql.list_still_open)}
        for storm in [self._open[n] for n in self._open.keys() - still_open]:
            self._falls.keep(~np.isin(self._falls.ids, storm.ids))
            self._forget(storm)
        for storm in self._open.values():
            threshold = self._thresholds[storm.shared]
            crowd = self._falls.crowd(threshold, storm.key, now_us)
            if len(crowd.ids) >= threshold.least:
                await self._take_in(conn, storm, crowd.ids[~self._is_in_storm(crowd.ids)], now_us)

    async def _begin(self, conn: Connection, now_us: int) -> bool:
        """Begin the storm that explains best what nothing explains yet; False if there is none."""
        best: tuple[float, int, Crowd, list[Storm]] | None = None
        crowds = self._falls.crowds(self._thresholds.values(), now_us)
        weighed, self._weighed = self._weighed, {}
        for crowd in crowds:
            key = (crowd.shared, crowd.key)
            if len(crowd.ids) < _GROWN * weighed.get(key, 0):
                self._weighed[key] = weighed[key]
                continue
            within = self._within(crowd)
            alone = int((~self._is_in_storm(crowd.ids)).sum())
            if alone < self._thresholds[crowd.shared].least and len(within) < 2:
                continue
            share = await self._share(conn, crowd, now_us)
            if share < self._thresholds[crowd.shared].share:
                self._weighed[key] = len(crowd.ids)
            elif best is None or (share, len(crowd.ids)) > best[:2]:
                best = share, len(crowd.ids), crowd, within
        if best is None:
            return False
        _, _, crowd, within = best
        await self._open_storm(conn, crowd, within, now_us)
        return True

    async def _open_storm(
        self, conn: Connection, crowd: Crowd, within: Sequence[Storm], now_us: int
    ) -> None:
        """One alarm for all of them; storms that lie within it are over, and theirs are its own."""
        asked = {
            "shared": crowd.shared,
            "key": self._texts[crowd.key],
            "ids": crowd.ids.tolist(),
            "first_us": crowd.first_us,
            "now_us": now_us,
        }
        row = await (await conn.execute(sql.open_storm, asked)).fetchone()
        assert row is not None
        storm = Storm(row["id"], crowd.shared, crowd.key, np.zeros(0, np.int32), 0)
        taken_in = [other.id for other in within]
        others = [other.ids for other in within]
        await self._close(conn, within, "storm", now_us)
        ids = np.unique(np.concatenate([crowd.ids[~self._is_in_storm(crowd.ids)], *others]))
        self._open[storm.id] = storm
        await self._take_in(conn, storm, ids, now_us, taken_in)

    async def _take_in(
        self,
        conn: Connection,
        storm: Storm,
        ids: Int32s,
        now_us: int,
        taken_in: Sequence[int] = (),
    ) -> None:
        if not len(ids):
            return
        storm.ids = np.union1d(storm.ids, ids)
        storm.count = max(storm.count, len(storm.ids))
        self._parents |= dict.fromkeys(ids.tolist(), storm.id)
        asked: dict[str, Any] = {"id": storm.id, "ids": ids.tolist(), "taken_in": list(taken_in)}
        await conn.execute(sql.gather, asked | {"count": storm.count, "now_us": now_us})

    async def _close(
        self, conn: Connection, over: Sequence[Storm], because: str, now_us: int
    ) -> None:
        if over:
            asked = {"ids": [storm.id for storm in over], "because": because, "now_us": now_us}
            await conn.execute(sql.end_storms, asked)
        for storm in over:
            self._forget(storm)

    def _forget(self, storm: Storm) -> None:
        del self._open[storm.id]
        for terminal_id in storm.ids.tolist():
            if self._parents.get(terminal_id) == storm.id:
                del self._parents[terminal_id]

    async def _share(self, conn: Connection, crowd: Crowd, now_us: int) -> float:
        """Which part fell of those that spoke before and share the same."""
        threshold = self._thresholds[crowd.shared]
        if crowd.shared is Shared.BROKER:
            return len(crowd.ids) / max(1, int((self._brokers == crowd.key).sum()))
        text = self._texts[crowd.key]
        asked: dict[str, Any] = dict.fromkeys(shared.value for shared in Shared)
        asked[crowd.shared.value] = int(text) if crowd.shared is Shared.CITY else text
        most = int(len(crowd.ids) / threshold.share) + 1
        asked |= {"since": at(now_us - threshold.window_us), "most": most}
        row = await (await conn.execute(sql.count_sharing, asked)).fetchone()
        assert row is not None
        terminals: int = row["terminals"]
        return len(crowd.ids) / max(len(crowd.ids), terminals)

    def _within(self, crowd: Crowd) -> list[Storm]:
        """The smaller storms that lie within a crowd for the most part."""
        return [
            storm
            for storm in self._open.values()
            if 0 < len(storm.ids) < len(crowd.ids)
            and np.isin(storm.ids, crowd.ids).mean() >= _MOST_OF_IT
        ]

    def _is_in_storm(self, ids: Iterable[int]) -> Flags:
        inside = [int(n) in self._parents for n in ids]
        return np.array(inside, np.bool_)

    def _key(self, text: str | None) -> int:
        """A number that stands for a text; 0 for none."""
        if text is None:
            return 0
        if text not in self._keys:
            self._keys[text] = len(self._texts)
            self._texts.append(text)
        return self._keys[text]


def _since(facts: Facts, ids: Int32s | slice, sessions_known_us: int) -> Int64s:
    """Since when each has been without data or session, whichever went first; 0 where neither."""
    silent, session = facts.silent_us[ids], facts.session_us[ids]
    gone = (facts.session[ids] == DOWN) & (session >= sessions_known_us)
    first = np.where(
        (silent > 0) & gone, np.minimum(silent, session), np.where(gone, session, silent)
    )
    found: Int64s = first
    return found
