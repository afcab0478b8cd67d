"""Readings held against the rules as they come: what raises alarms, keeps them, ends them.

One process does it, in the transaction that takes batches over and before the newest values are
moved on: what a terminal told last, up to then, says which readings are late. How those stand that
do not stand well is kept in the database and known by heart.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from foundation import queries
from foundation.database import Connection
from telemetry import batches
from telemetry.alarms import rule_model
from telemetry.alarms.absence import Absent, Silence
from telemetry.alarms.criteria import BAD, GOOD, Change, Stands, Stuck
from telemetry.alarms.fitting import Fitting
from telemetry.alarms.life import Standing, Step, Turn, follow
from telemetry.alarms.rule_model import Happening, OfReadings
from telemetry.batches import Batch
from telemetry.rows import Flags, Int32s, Int64s, Values

sql = queries.load("telemetry", "alarms/judging.sql")

_LATE_EVENT_US = 3_600_000_000
_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Held:
    """A rule that readings of a profile are held against."""

    id: int
    profile_id: int
    watched: OfReadings
    for_us: int

    @property
    def is_endless(self) -> bool:
        """Whether no event ends what one has raised, but somebody does."""
        return isinstance(self.watched, Happening) and self.watched.clear is None


@dataclass(frozen=True, slots=True)
class _Judged:
    """How rows stand to a rule, in the order in which they came."""

    terminal_ids: Int32s
    times_us: Int64s
    stands: Stands
    numbers: Values

    def take(self, chosen: Values) -> "_Judged":
        """The chosen rows."""
        return _Judged(
            self.terminal_ids[chosen],
            self.times_us[chosen],
            self.stands[chosen],
            self.numbers[chosen],
        )


@dataclass(slots=True)
class _Episode:
    """An alarm, or the rest of one that is open (`raised_us` is None).

    `first_us` is the first time that is of it.
    """

    rule_id: int
    terminal_id: int
    metric: str | None
    raised_us: int | None
    first_us: int
    last_us: int | None
    count: int
    value: float | None
    cleared_us: int | None = None

    @property
    def key(self) -> tuple[int, int]:
        """Of which rule and terminal it is."""
        return self.rule_id, self.terminal_id


@dataclass(slots=True)
class _Round:
    """What is to be written of some batches."""

    episodes: list[_Episode] = field(default_factory=list)
    changed: dict[tuple[int, int], Standing] = field(default_factory=dict)


class Judge:
    """Knows the rules and how terminals stand to them, as of the last `turn` that was committed."""

    def __init__(self) -> None:
        self._as_of: object = None
        self._fitting = Fitting(by_time=False)
        self._rules: Mapping[int, Sequence[Held]] = {}
        self._standings: dict[tuple[int, int], Standing] = {}

    def forget(self) -> None:
        """A transaction failed: what is known by heart is read anew."""
        self._as_of = None
        self._fitting.forget()

    async def turn(self, conn: Connection, followed: Sequence[Batch]) -> int:
        """Hold these batches against the rules; how many alarms were raised."""
        await self._read_rules(conn)
        if not self._rules:
            return 0
        found = _Round()
        by_profile: dict[int, list[Batch]] = defaultdict(list)
        for batch in followed:
            by_profile[batch.profile_id].append(batch)
        for profile_id, rules in self._rules.items():
            for rule in rules:
                kind = batches.EVENTS if isinstance(rule.watched, Happening) else profile_id
                if kind in by_profile:
                    await self._judge(conn, rule, by_profile[kind], found)
        return await self._keep(conn, found)

    async def tidy(self, conn: Connection) -> int:
        """End alarms of terminals that a rule is not of any more; how many there were.

        And note which were not taken note of in time. Never beside a `turn`.
        """
        await self._read_rules(conn)
        await self._fitting.keep_time(conn)
        over = (await self._fitting.turn(conn)).over
        if over:
            await self._keep_standings(conn, dict.fromkeys(over, Standing()))
        return len(over)

    async def _read_rules(self, conn: Connection) -> None:
        as_of = await self._fitting.rules_as_of(conn)
        if as_of == self._as_of:
            return
        await self._fitting.end_what_was_held_otherwise(conn)
        await conn.execute(sql.forget_what_was_held_otherwise)
        rules: dict[int, list[Held]] = defaultdict(list)
        async for one in await conn.execute(sql.list_enabled):
            watched = rule_model.read(one["criterion"])
            assert not isinstance(watched, Absent | Silence)
            held = Held(one["id"], one["profile_id"], watched, one["for_seconds"] * _SECOND_US)
            rules[one["profile_id"]].append(held)
        self._rules = rules
        cursor = await conn.execute(sql.list_standings)
        self._standings = {
            (row.pop("rule_id"), row.pop("terminal_id")): Standing(**row) async for row in cursor
        }
        self._as_of = as_of

    async def _judge(
        self, conn: Connection, rule: Held, parts: Sequence[Batch], found: _Round
    ) -> None:
        """How the rows of these batches stand to one rule, and what becomes of its alarms."""
        judged, metric = await self._stands(conn, rule, parts)
        if judged is None:
            return
        known = self._of_rule(rule.id, judged.terminal_ids)
        bad = judged.terminal_ids[judged.stands == BAD]
        judged = judged.take(np.isin(judged.terminal_ids, np.append(bad, list(known))))
        if not len(judged.terminal_ids):
            return
        unknown = [n for n in np.unique(judged.terminal_ids).tolist() if n not in known]
        newest = {} if metric is None else await _newest(conn, unknown, _metrics(rule.watched))
        for terminal_id, rows in _by_terminal(judged):
            standing = known.get(terminal_id) or Standing(newest.get(terminal_id, (None, None))[0])
            numbers = dict(zip(rows.times_us.tolist(), rows.numbers.tolist(), strict=True))
            readings = zip(rows.times_us.tolist(), rows.stands.tolist(), strict=True)
            after, steps = follow(standing, readings, rule.for_us)
            if after != standing:
                found.changed[rule.id, terminal_id] = after
            found.episodes += _episodes(rule.id, terminal_id, metric, steps, numbers)

    async def _stands(
        self, conn: Connection, rule: Held, parts: Sequence[Batch]
    ) -> tuple[_Judged | None, str | None]:
        watched = rule.watched
        if isinstance(watched, Happening):
            return _happened(watched, parts), None
        names = _metrics(watched)
        told = _told(parts, names)
        if told is None:
            return None, names[0]
        ids, times, values = told
        if not isinstance(watched, Change | Stuck):
            return _Judged(ids, times, watched.stand(values), values[0]), names[0]
        before = await _newest(conn, np.unique(ids).tolist(), names)
        return _compared(watched, ids, times, values[0], before), names[0]

    def _of_rule(self, rule_id: int, terminal_ids: Int32s) -> dict[int, Standing]:
        """Those of these terminals that do not stand well to a rule."""
        asked = ((n, self._standings.get((rule_id, n))) for n in np.unique(terminal_ids).tolist())
        return {n: standing for n, standing in asked if standing is not None}

    async def _keep(self, conn: Connection, found: _Round) -> int:
        kept = [episode for episode in found.episodes if episode.raised_us is None]
        if kept:
            cursor = await conn.execute(sql.keep_alarms, _columns(kept))
            still = {(row["rule_id"], row["terminal_id"]) async for row in cursor}
            endless = {r.id for rules in self._rules.values() for r in rules if r.is_endless}
            for episode in kept:  # somebody has ended the alarm: what happens now is another
                if episode.rule_id in endless and episode.key not in still:
                    episode.raised_us = episode.first_us
        raised = [episode for episode in found.episodes if episode.raised_us is not None]
        done: set[tuple[int, int]] = set()
        count = 0
        if raised:
            async for row in await conn.execute(sql.raise_alarms, _columns(raised)):
                done.add((row["rule_id"], row["terminal_id"]))
                count += 1
        # A rule that is not of the terminal, now, may be when it is beyond it the next time.
        for key in {episode.key for episode in raised} - done:
            found.changed.pop(key, None)
        await self._keep_standings(conn, found.changed)
        return count

    async def _keep_standings(
        self, conn: Connection, changed: Mapping[tuple[int, int], Standing]
    ) -> None:
        bad = {k: s for k, s in changed.items() if s.is_raised or s.bad_since_us is not None}
        well = [key for key in changed if key not in bad and key in self._standings]
        if bad:
            await conn.execute(
                sql.keep_standings,
                {
                    "rules": [rule_id for rule_id, _ in bad],
                    "terminals": [terminal_id for _, terminal_id in bad],
                    "newest_us": [standing.newest_us for standing in bad.values()],
                    "since_us": [standing.bad_since_us for standing in bad.values()],
                    "raised": [standing.is_raised for standing in bad.values()],
                },
            )
        if well:
            rules, terminals = zip(*well, strict=True)
            await conn.execute(
                sql.drop_standings, {"rules": list(rules), "terminals": list(terminals)}
            )
        self._standings |= bad
        for key in well:
            del self._standings[key]


def _metrics(watched: OfReadings) -> tuple[str, ...]:
    if isinstance(watched, Happening):
        return ()
    return (watched.metric,) if isinstance(watched, Change | Stuck) else watched.metrics


def _told(
    parts: Sequence[Batch], names: Sequence[str]
) -> tuple[Int32s, Int64s, list[Values]] | None:
    """The rows that have all of these metrics, in the order in which they came."""
    ids, times, values = [], [], []
    for batch in parts:
        columns = [batch.columns.get(name) for name in names]
        present = [column.present for column in columns if column is not None]
        if len(present) < len(names):
            continue
        has_all = np.logical_and.reduce(present)
        ids.append(batch.terminal_ids[has_all])
        times.append(batch.times_us[has_all])
        values.append([c.numbers()[has_all].astype(np.float64) for c in columns if c is not None])
    if not ids:
        return None
    together = [np.concatenate(of) for of in zip(*values, strict=True)]
    return np.concatenate(ids), np.concatenate(times), together


def _happened(watched: Happening, parts: Sequence[Batch]) -> _Judged | None:
    """Events that the rule names, but not those that came an hour late."""
    ids, times, stands = [], [], []
    for batch in parts:
        codes = batch.columns["code"].values.tolist()
        fresh = (batch.received_us - batch.times_us <= _LATE_EVENT_US).tolist()
        rows = zip(batch.terminal_ids.tolist(), batch.times_us.tolist(), codes, fresh, strict=True)
        for terminal_id, time_us, code, is_fresh in rows:
            is_end = watched.clear is not None and code.startswith(watched.clear)
            if is_fresh and (is_end or code.startswith(watched.code)):
                ids.append(terminal_id)
                times.append(time_us)
                stands.append(GOOD if is_end else BAD)
    if not ids:
        return None
    none = np.full(len(ids), np.nan)
    return _Judged(
        np.array(ids, np.int32), np.array(times, np.int64), np.array(stands, np.int8), none
    )


def _compared(
    watched: Change | Stuck,
    ids: Int32s,
    times: Int64s,
    values: Values,
    before: Mapping[int, tuple[int, float | None]],
) -> _Judged | None:
    """How each row stands beside the one before it that was not late; a first one does not."""
    known = [(n, at_us, value) for n, (at_us, value) in before.items() if value is not None]
    all_ids = np.concatenate([np.array([n for n, _, _ in known], np.int32), ids])
    all_times = np.concatenate([np.array([at_us for _, at_us, _ in known], np.int64), times])
    all_values = np.concatenate([np.array([value for _, _, value in known]), values])
    order = np.argsort(all_ids, kind="stable")
    fresh = order[_is_newest_yet(all_ids[order], all_times[order])]
    ids, times, values = all_ids[fresh], all_times[fresh], all_values[fresh]
    if len(ids) < 2:
        return None
    follows = ids[1:] == ids[:-1]
    stands = np.zeros(len(ids) - 1, np.int8)
    with np.errstate(divide="ignore", invalid="ignore"):  # from one terminal to the next
        stands[follows] = watched.stand(times, values)[follows]
    return _Judged(ids[1:], times[1:], stands, values[1:]).take(follows)


def _is_newest_yet(ids: Int32s, times: Int64s) -> Flags:
    """Of rows grouped by terminal, whether each is newer than all of that terminal before it."""
    starts: Flags = np.append(True, ids[1:] != ids[:-1])
    # One line of numbers in which each group lies above the one before it.
    ranks = np.unique(times, return_inverse=True)[1]
    line = (np.cumsum(starts) - 1) * len(times) + ranks
    highest = np.maximum.accumulate(line)
    newer: Flags = np.append(True, line[1:] > highest[:-1])
    return newer | starts


async def _newest(
    conn: Connection, ids: Sequence[int], metrics: Sequence[str]
) -> dict[int, tuple[int, float | None]]:
    if not ids:
        return {}
    asked = {"ids": list(ids), "metrics": list(metrics)}
    cursor = await conn.execute(sql.list_newest, asked)
    return {row["terminal_id"]: (row["time_us"], row["number"]) async for row in cursor}


def _by_terminal(judged: _Judged) -> Iterable[tuple[int, _Judged]]:
    order = np.argsort(judged.terminal_ids, kind="stable")
    ids = judged.terminal_ids[order]
    edges = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    for at, end in zip(edges.tolist(), [*edges[1:].tolist(), len(ids)], strict=True):
        chosen = order[at:end]
        yield int(ids[at]), judged.take(chosen)


def _episodes(
    rule_id: int,
    terminal_id: int,
    metric: str | None,
    steps: Sequence[Step],
    numbers: Mapping[int, float],
) -> list[_Episode]:
    """The alarms that these steps make, the first perhaps the rest of one that is open."""
    found: list[_Episode] = []
    for step in steps:
        value = numbers[step.time_us]
        number = None if np.isnan(value) else value
        if step.turn is Turn.RAISED or not found or found[-1].cleared_us is not None:
            raised = step.time_us if step.turn is Turn.RAISED else None
            first = step.time_us
            found.append(_Episode(rule_id, terminal_id, metric, raised, first, None, 0, None))
        episode = found[-1]
        if step.turn is Turn.CLEARED:
            episode.cleared_us = step.time_us
        else:
            episode.last_us, episode.value = step.time_us, number
            episode.count += 1
    return found


def _columns(episodes: Sequence[_Episode]) -> dict[str, list[Any]]:
    return {
        "rules": [e.rule_id for e in episodes],
        "terminals": [e.terminal_id for e in episodes],
        "metrics": [e.metric for e in episodes],
        "values": [e.value for e in episodes],
        "raised_us": [e.raised_us for e in episodes],
        "lasts_us": [e.last_us for e in episodes],
        "counts": [e.count for e in episodes],
        "cleared_us": [e.cleared_us for e in episodes],
    }
