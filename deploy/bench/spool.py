"""`muster bench spool`: how fast messages are taken in while the database is away.

A round is the bridge's usual turn at QoS 1 (see `ingest`), and the same with the database closed to
it: the clock runs from the load's first write to when the last message is on the disk, polled every
20 ms. Then the database is opened, and the turn fails unless every message is stored once the spool
is empty. The drain's rate is from the opening to the last commit, back-off included.

In a third turn half of the terminals fill the spool, and the other half send a quarter as much when
it begins to be drained: how fast their messages are stored while that goes on.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from deploy.bench import ingest
from deploy.bench.contenders import Contender, Who, contending
from deploy.bench.figures import Figure, figures
from deploy.bench.ingest import Measured, Plan
from deploy.bench.processes import RoundFailed, cpu_seconds, wait_until
from deploy.bench.stand import Stand, built

_POLL_SECONDS = 0.02
_SLOWEST_RATE = 1500.0
_SPOOLED_TO_LIVE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A turn without the database: messages a second, and the bridge's CPU (us) for each."""

    round: int
    messages: int
    rate: float
    cpu_us: float
    drain_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Others' messages a second while the spool was drained, and how many were `left` in it then.

    With none left the last of them had the bridge for themselves. `share` is of the durable ingest
    of the same round.
    """

    round: int
    messages: int
    rate: float
    share: float
    left: int


def run(plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure everything in the plan; the result as JSON, with the figures and every round."""
    tell("starting a throwaway broker and database")
    turns: list[Measured] = []
    held: list[Held] = []
    beside: list[Beside] = []
    with built(plan.terminals, plan.connections) as stand:
        for number in range(1, plan.rounds + 1):
            tell(f"round {number} of {plan.rounds}: with the database")
            turns.append(ingest.measure(stand, plan, Who.BRIDGE, 1, number))
            tell(f"round {number} of {plan.rounds}: without")
            held.append(_measure(stand, plan, number))
            tell(f"round {number} of {plan.rounds}: others, while the spool is drained")
            beside.append(_measure_beside(stand, plan, number, turns[-1].rate))
        machine = ingest.machine(stand)
    return {
        "benchmark": "spool",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "plan": asdict(plan),
        "figures": [asdict(figure) for figure in spool_figures(turns, held)],
        "turns": [asdict(turn) for turn in turns],
        "held": [asdict(turn) for turn in held],
        "beside": [asdict(turn) for turn in beside],
    }


def spool_figures(turns: Sequence[Measured], held: Sequence[Held]) -> list[Figure]:
    """What the turns without the database are against those with it, of the same round."""
    usual, cpu = [turn.rate for turn in turns], [turn.cpu_us for turn in held]
    return figures(
        [
            ("P1", "into the spool / durable ingest", ">=", 0.8, [h.rate for h in held], usual),
            (
                "P1",
                "out of the spool / durable ingest",
                ">=",
                0.8,
                [h.drain_rate for h in held],
                usual,
            ),
            ("P2", "CPU a message: spool / durable", "<=", 1.0, cpu, [t.cpu_us for t in turns]),
        ]
    )


def _measure(stand: Stand, plan: Plan, number: int) -> Held:
    messages = plan.per_terminal * plan.terminals
    stand.empty_tables()
    with ExitStack() as stack:
        broker = stack.enter_context(stand.fresh_broker(plan.broker_settings))
        bridge = stack.enter_context(
            contending(Who.BRIDGE, stand, broker, 1, messages, on_trial=True)
        )
        source = stack.enter_context(ingest.load(stand, plan, broker, 1))
        source.read()
        with _closed(stand):
            before = cpu_seconds(bridge.child.pid)
            source.tell()
            _wait_until_held(bridge, messages)
            held_us = time.time_ns() / 1000
            used = cpu_seconds(bridge.child.pid) - before
            sent = source.read()
        opened_us = time.time_ns() / 1000
        stored_us = bridge.finished_us(messages, _patience(messages))
        bridge.check_books(messages)
    return Held(
        round=number,
        messages=messages,
        rate=round(messages / (held_us - sent["first_us"]) * 1e6, 1),
        cpu_us=round(used / messages * 1e6, 2),
        drain_rate=round(messages / (stored_us - opened_us) * 1e6, 1),
    )


def _measure_beside(stand: Stand, plan: Plan, number: int, usual: float) -> Beside:
    spooled, live = _halves(stand)
    less = replace(plan, messages=plan.messages // _SPOOLED_TO_LIVE)
    behind = plan.per_terminal * len(spooled.terminals)
    messages = less.per_terminal * len(live.terminals)
    stand.empty_tables()
    with ExitStack() as stack:
        broker = stack.enter_context(stand.fresh_broker(plan.broker_settings))
        bridge = stack.enter_context(
            contending(Who.BRIDGE, stand, broker, 1, behind + messages, on_trial=True)
        )
        source = stack.enter_context(ingest.load(spooled, plan, broker, 1))
        others = stack.enter_context(ingest.load(live, less, broker, 1))
        source.read()
        others.read()
        with _closed(stand):
            source.tell()
            _wait_until_held(bridge, behind)
            source.read()

        def is_draining() -> bool:
            return bridge.figure("muster_bridge_drained_total") > 0

        def is_through() -> bool:
            return (
                bridge.figure("muster_bridge_received_total") >= behind + messages
                and bridge.figure("muster_bridge_unsettled") == 0
            )

        patience = _patience(behind + messages)
        wait_until(is_draining, bridge.child, patience, "the first of the spool")
        others.tell()
        wait_until(is_through, bridge.child, patience, "what the others sent")
        stored_us = time.time_ns() / 1000
        left = bridge.figure("muster_bridge_spool_messages")
        sent = others.read()
        bridge.finished_us(behind + messages, patience)
        bridge.check_books(behind + messages)
    rate = messages / (stored_us - sent["first_us"]) * 1e6
    return Beside(
        round=number,
        messages=messages,
        rate=round(rate, 1),
        share=round(rate / usual, 3),
        left=int(left),
    )


def _halves(stand: Stand) -> list[Stand]:
    """The stand as if it had every other account of the load, and its terminals."""
    accounts = stand.accounts_file.read_text("utf-8").splitlines(keepends=True)
    halves = []
    for k in range(2):
        file = stand.directory / f"accounts-{k}.jsonl"
        file.write_text("".join(accounts[k::2]), "utf-8")
        codes = [c for n, c in enumerate(stand.terminals) if n % len(stand.loads) % 2 == k]
        halves.append(replace(stand, accounts_file=file, terminals=codes))
    return halves


def _patience(messages: int) -> float:
    return 60.0 + messages / _SLOWEST_RATE


def _wait_until_held(bridge: Contender, messages: int) -> None:
    """Return when so many are on the disk."""
    deadline = time.monotonic() + _patience(messages)
    while bridge.figure("muster_bridge_held_total") < messages:
        if time.monotonic() > deadline:
            raise RoundFailed(f"{messages} messages are not on the disk in time.")
        time.sleep(_POLL_SECONDS)


@contextmanager
def _closed(stand: Stand) -> Iterator[None]:
    """The database lets the bridge in no more, and cuts what it has."""
    stand.query("alter role muster_bridge nologin")
    stand.query(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        " where usename = 'muster_bridge'"
    )
    try:
        yield
    finally:
        stand.query("alter role muster_bridge login")
