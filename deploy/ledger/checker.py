"""Reads the tables and says what became of every message that was sent.

The invariants are those of reliability.md, section 3: nothing lost (L1), nothing invented (L2),
nothing twice (L3), every value as it was sent (L4), latest values the latest (L6), the books of the
bridge closed (L8).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import psycopg

from deploy.embedded.processes import wait_until
from deploy.ledger.ground import Ground
from deploy.ledger.script import METRICS, OUT_OF_RANGE, PROFILE, Kind, Messages, Script

_MOST_NAMED = 10  # examples of one fault of the books
_LATEST_SECONDS = 120.0  # what the jobs may be behind
_CHUNK_MS = 86_400_000  # at least; a profile says how many days
_REFUSED_AS = {Kind.CLOCK: "clock", Kind.RANGE: "out_of_range", Kind.CONFLICT: "conflict"}


@dataclass(slots=True)
class Verdict:
    """What the checker found; `faults` is empty where the books close."""

    sent: int = 0
    stored: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def closed(self) -> bool:
        """Whether every message has its fate."""
        return not self.faults


def check(ground: Ground, script: Script, counts: Sequence[int]) -> Verdict:
    """The verdict on a run at rest, in which terminal k came to number `counts[k]`."""
    verdict = Verdict()
    expected_refusals = dict.fromkeys(_REFUSED_AS.values(), 0)
    ids = dict(ground.query("select code, id from registry.terminal"))
    newest: dict[tuple[str, str], int] = {}
    days: set[int] = set()
    for number, (code, count) in enumerate(zip(ground.codes, counts, strict=True)):
        said = script.messages(number, 1, count)
        given_up = said.kinds == Kind.GIVEN_UP
        verdict.sent += int((~given_up).sum())
        _compare_gaps(verdict, ground, code, ids[code], np.flatnonzero(given_up[:-1]) + 1)
        for kind, reason in _REFUSED_AS.items():
            expected_refusals[reason] += int((said.kinds == kind).sum())
        kept = ~np.isin(said.kinds, (Kind.CLOCK, Kind.CONFLICT, Kind.GIVEN_UP))
        order = np.argsort(said.times_ms[kept])
        times, values = said.times_ms[kept][order], said.values[kept][order]
        values[values == OUT_OF_RANGE] = np.nan
        rivals = _rivals(said)
        instead = _compare(verdict, ground, code, ids[code], times, values, rivals)
        _compare_conflicts(verdict, ground, code, ids[code], rivals, instead)
        for metric, column in zip(METRICS, values.T, strict=True):
            newest[code, metric] = int(times[~np.isnan(column)].max(initial=0))
        days.update(np.unique(times // _CHUNK_MS).tolist())
    visitor = ids[ground.visitor.code]
    verdict.quarantined = {
        str(reason): int(count)
        for reason, count in ground.query(
            "select reason, count(*) from telemetry.quarantine"
            " where terminal_id is distinct from %s group by 1",
            visitor,
        )
    }
    for reason in sorted(expected_refusals.keys() | verdict.quarantined):
        wanted, found = expected_refusals.get(reason, 0), verdict.quarantined.get(reason, 0)
        if wanted != found:
            verdict.faults.append(
                f"L1: {wanted} messages are to be quarantined as {reason}, {found} are"
            )
    wait_until(lambda: not _compare_latest(ground, newest), _LATEST_SECONDS)
    verdict.faults += _compare_latest(ground, newest)
    ((chunks,),) = ground.query(
        "select count(*) from timescaledb_information.chunks where hypertable_name = %s", PROFILE
    )
    if chunks > len(days) + 2:  # the visitor's, and a part of a day at an end
        verdict.faults.append(f"L6: {chunks} chunks are there for {len(days)} days")
    return verdict


class Rival(NamedTuple):
    """The second of two messages of one moment: its number, and its values."""

    number: int
    values: np.ndarray[tuple[int], np.dtype[np.float64]]


def _rivals(said: Messages) -> dict[int, Rival]:
    """Those among some messages, by their time (Unix ms)."""
    chosen = np.flatnonzero(said.kinds == Kind.CONFLICT)
    numbers = (said.first + chosen).tolist()
    each = zip(numbers, said.values[chosen], strict=True)
    return dict(zip(said.times_ms[chosen].tolist(), map(Rival._make, each), strict=True))


class Latest:
    """Latest values as they were last seen; the time of none of them ever goes back (L6)."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = {}

    def look(self, ground: Ground) -> list[str]:
        """What is older now than it was; nothing while the database is away."""
        try:
            before, self._seen = self._seen, _latest(ground)
        except psycopg.OperationalError:
            return []
        return [
            f"L6: the latest {metric} of {code} went back by {was - self._seen[code, metric]} ms"
            for (code, metric), was in before.items()
            if self._seen[code, metric] < was
        ][:_MOST_NAMED]


def _latest(ground: Ground) -> dict[tuple[str, str], int]:
    """Of what time the latest value of each metric of each terminal is (Unix ms)."""
    return {
        (code, metric): int(at)
        for code, metric, at in ground.query(
            "select t.code, l.metric, (extract(epoch from l.time) * 1000)::bigint"
            " from telemetry.latest l join registry.terminal t on t.id = l.terminal_id"
        )
    }


def _compare_latest(ground: Ground, wanted: Mapping[tuple[str, str], int]) -> list[str]:
    found = _latest(ground)
    wrong = [key for key, at in wanted.items() if at and found.get(key) != at]
    if not wrong:
        return []
    code, metric = wrong[0]
    return [f"L6: {len(wrong)} latest values are not the latest, as that of {metric} of {code}"]


def _compare_gaps(
    verdict: Verdict,
    ground: Ground,
    code: str,
    terminal_id: int,
    given_up: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> None:
    """What the terminal gave up is on record, number by number, and nothing else is."""
    rows = ground.query(
        "select generate_series(first_seq, last_seq) from telemetry.gap"
        " where terminal_id = %s and kind = 'given_up' order by 1",
        terminal_id,
    )
    found = [int(row[0]) for row in rows]
    if found != given_up.tolist():
        verdict.faults.append(
            f"L1: {code} gave up {len(given_up)} numbers, and {len(found)} are on record as gaps"
        )


def _compare(
    verdict: Verdict,
    ground: Ground,
    code: str,
    terminal_id: int,
    times_ms: np.ndarray[tuple[int], np.dtype[np.int64]],
    values: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    rivals: Mapping[int, Rival],
) -> set[int]:
    """Every row is there once, as it was sent; gives the times at which the rival's stands.

    Of two messages of one moment the one that reached us first stays: where a broker lost the first
    one, that is its rival, whole.
    """
    columns = ", ".join(METRICS)
    rows = ground.query(
        f"select (extract(epoch from time) * 1000)::bigint, {columns}"  # noqa: S608
        f" from telemetry.{PROFILE} where terminal_id = %s order by time",
        terminal_id,
    )
    verdict.stored += len(rows)
    found_ms = np.array([row[0] for row in rows], np.int64)
    lost = np.setdiff1d(times_ms, found_ms)
    invented = np.setdiff1d(found_ms, times_ms)
    if len(lost):
        verdict.faults.append(f"L1: {len(lost)} messages of {code} are lost: {_some(lost)}")
    if len(invented):
        verdict.faults.append(
            f"L2: {len(invented)} rows of {code} were never sent: {_some(invented)}"
        )
    twice = len(found_ms) - len(np.unique(found_ms))
    if twice:
        verdict.faults.append(f"L3: {twice} rows of {code} are there twice")
    if len(lost) or len(invented) or twice:
        return set()
    found = np.array([row[1:] for row in rows], np.float64).reshape(-1, len(METRICS))
    same = (found == values) | (np.isnan(found) & np.isnan(values))
    differ = np.flatnonzero(~same.all(axis=1)).tolist()
    at = times_ms.tolist()
    may_lose = bool(differ) and _has_lost(ground)
    instead = {
        at[k]
        for k in differ
        if may_lose and at[k] in rivals and np.array_equal(found[k], rivals[at[k]].values)
    }
    wrong = times_ms[[k for k in differ if at[k] not in instead]]
    if len(wrong):
        verdict.faults.append(f"L4: {len(wrong)} rows of {code} hold other values: {_some(wrong)}")
    return instead


def _has_lost(ground: Ground) -> bool:
    """Whether it is on record that a broker lost messages."""
    return bool(ground.query("select from telemetry.gap where kind <> 'given_up' limit 1"))


def _compare_conflicts(
    verdict: Verdict,
    ground: Ground,
    code: str,
    terminal_id: int,
    rivals: Mapping[int, Rival],
    instead: Collection[int],
) -> None:
    """Of two messages of one moment the one that is not stored is refused, and no other one is."""
    rows = ground.query(
        "select (convert_from(payload, 'UTF8')::jsonb ->> 'seq')::int from telemetry.quarantine"
        " where terminal_id = %s and reason = 'conflict' order by 1",
        terminal_id,
    )
    found = [int(row[0]) for row in rows]
    wanted = sorted(r.number - 1 if at in instead else r.number for at, r in rivals.items())
    if found != wanted:
        odd = np.array(sorted({*found} ^ {*wanted}) or found, np.int64)
        verdict.faults.append(f"L1: {code} has other conflicts than it sent: {_some(odd)}")


def check_books(metrics: Mapping[str, float]) -> list[str]:
    """L8 on a bridge that has come to rest: received is what it settled and what it holds."""
    names = ("received_total", "messages_total", "unsettled", "spool_messages")
    received, settled, unsettled, held = (metrics.get(f"muster_bridge_{n}", 0) for n in names)
    if unsettled or held:
        return [f"L7: {unsettled:.0f} messages are unsettled and {held:.0f} held, after everything"]
    return [] if received <= settled else [f"L8: {received:.0f} received, {settled:.0f} settled"]


# A broker that was struck so must have left a gap on record: one of these kinds.
_LEAVES_GAP = {
    "f5_bridge_away_beyond_the_queue": ("broker_dropped",),
    "f7_broker_killed": ("broker_restarted", "session_lost"),
    "f12_store_of_the_broker_torn": ("broker_restarted", "session_lost"),
}


def check_gaps(gaps: Mapping[str, int], struck: Collection[str]) -> list[str]:
    """What the broker may have lost is on record, whether terminals could mend it or not."""
    return [
        f"L1: {fault} struck, and there is no gap of {' or '.join(kinds)} on record"
        for fault, kinds in _LEAVES_GAP.items()
        if fault in struck and not any(gaps.get(kind) for kind in kinds)
    ]


def _some(numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> str:
    told = ", ".join(map(str, numbers[:_MOST_NAMED].tolist()))
    return told + (", ..." if len(numbers) > _MOST_NAMED else "")
