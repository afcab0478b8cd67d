"""Reads the tables and says what became of every message that was sent.

The invariants are those of reliability.md, section 3: nothing lost (L1), nothing invented (L2),
nothing twice (L3), every value as it was sent (L4), the books of the bridge closed (L8).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from deploy.ledger.ground import Ground
from deploy.ledger.script import METRICS, OUT_OF_RANGE, PROFILE, Kind, Script

_MOST_NAMED = 10  # examples of one fault of the books
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
    """The verdict on a run at rest, in which terminal k sent `counts[k]` messages."""
    verdict = Verdict(sent=sum(counts))
    expected_refusals = dict.fromkeys(_REFUSED_AS.values(), 0)
    ids = dict(ground.query("select code, id from registry.terminal"))
    for number, (code, count) in enumerate(zip(ground.codes, counts, strict=True)):
        said = script.messages(number, 1, count)
        for kind, reason in _REFUSED_AS.items():
            expected_refusals[reason] += int((said.kinds == kind).sum())
        kept = (said.kinds != Kind.CLOCK) & (said.kinds != Kind.CONFLICT)
        values = said.values[kept].copy()
        values[values == OUT_OF_RANGE] = np.nan
        _compare(verdict, ground, code, ids[code], said.times_ms[kept], values)
    verdict.quarantined = {
        str(reason): int(count)
        for reason, count in ground.query(
            "select reason, count(*) from telemetry.quarantine group by 1"
        )
    }
    for reason in sorted(expected_refusals.keys() | verdict.quarantined):
        wanted, found = expected_refusals.get(reason, 0), verdict.quarantined.get(reason, 0)
        if wanted != found:
            verdict.faults.append(
                f"L1: {wanted} messages are to be quarantined as {reason}, {found} are"
            )
    return verdict


def _compare(
    verdict: Verdict,
    ground: Ground,
    code: str,
    terminal_id: int,
    times_ms: np.ndarray[tuple[int], np.dtype[np.int64]],
    values: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> None:
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
        return
    found = np.array([row[1:] for row in rows], np.float64).reshape(-1, len(METRICS))
    same = (found == values) | (np.isnan(found) & np.isnan(values))
    if not same.all():
        wrong = times_ms[~same.all(axis=1)]
        verdict.faults.append(f"L4: {len(wrong)} rows of {code} hold other values: {_some(wrong)}")


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
