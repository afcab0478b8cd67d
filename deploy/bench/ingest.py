"""`muster bench ingest`: durable ingest against a client that throws everything away and against
the plain way (P1, P2, P4), and what a message costs on disk (the plain figure of P10).

How it is measured. A round is one contender on a broker of its own with nothing in it, an empty
table, and a load process that has encoded everything before it is told to go. The clock runs from
the load's first write to the contender's last receipt (discarding) or last commit (bridge: as the
server's commit log has it). Contenders take turns within a round, so that what the machine does
besides falls on all of them; a ratio is formed within each round, and the median of the rounds
counts. At QoS 0 the load floods: TCP holds it back when the broker is busy, and what the contender
cannot take waits in the broker's memory without a bound that would drop it, so that every message
must arrive and the rate is the contender's own. At QoS 1 the load keeps a window of
unacknowledged messages. Each turn fails unless rows stored equal messages sent.
"""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from deploy.bench.contenders import Contender, Who, contending
from deploy.bench.figures import Figure, figures
from deploy.bench.processes import Child, cpu_seconds, machine_cpu_seconds, resident_megabytes
from deploy.bench.stand import PROFILE, Stand, built
from deploy.embedded.mosquitto import Broker

CONTENDERS = (Who.DISCARDING, Who.BRIDGE, Who.PLAIN)
_STEP_MS = 1000
_SLOWEST_RATE = 1500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured: `messages` in all of each turn, `connections` of the load.

    `disk_messages` (0: none) go to the bridge in one turn more, to be weighed: where a terminal's
    keys do not fill some pages of the index, half of it is air.
    `broker_settings` override what the embedded stack gives Mosquitto.
    """

    rounds: int = 5
    messages: int = 300_000
    terminals: int = 1000
    connections: int = 8
    window: int = 2000
    disk_messages: int = 1_000_000
    broker_settings: Mapping[str, str] = field(default_factory=dict)
    levels: Sequence[int] = (0, 1)
    contenders: Sequence[Who] = CONTENDERS

    @property
    def per_terminal(self) -> int:
        """Messages of each terminal."""
        return self.messages // self.terminals


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One contender's turn: CPU in microseconds a message, of the contender and of the others.

    `foreign_share` is what part of the machine's CPU time was used by work that is not ours: from
    a tenth on, rates say little, and CPU figures are what to look at.
    """

    round: int
    qos: int
    who: Who
    messages: int
    seconds: float
    rate: float
    cpu_us: float
    broker_cpu_us: float
    database_cpu_us: float
    load_cpu_us: float
    foreign_share: float
    resident_mb: float
    bytes_per_row: float | None


def run(plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure everything in the plan; the result as JSON, with the figures and every round."""
    tell("starting a throwaway broker and database")
    turns: list[Measured] = []
    with built(plan.terminals, plan.connections) as stand:
        for number in range(1, plan.rounds + 1):
            for qos in plan.levels:
                for who in plan.contenders:
                    tell(f"round {number} of {plan.rounds}: {who} at QoS {qos}")
                    turns.append(measure(stand, plan, who, qos, number))
        weighed: list[Measured] = []
        if plan.disk_messages and Who.BRIDGE in plan.contenders:
            tell(f"weighing {plan.disk_messages} messages on disk")
            more = replace(plan, messages=plan.disk_messages)
            weighed.append(measure(stand, more, Who.BRIDGE, 0, plan.rounds + 1))
        described = machine(stand)
    return {
        "benchmark": "ingest",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "plan": asdict(plan),
        "figures": [asdict(figure) for figure in ingest_figures(turns, weighed)],
        "turns": [asdict(turn) for turn in turns],
        "weighed": [asdict(turn) for turn in weighed],
    }


def machine(stand: Stand) -> dict[str, Any]:
    """On what it was measured."""
    versions = stand.query(
        "select current_setting('server_version'), extversion from pg_extension"
        " where extname = 'timescaledb'"
    )[0]
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "postgresql": versions[0],
        "timescaledb": versions[1],
    }


def measure(stand: Stand, plan: Plan, who: Who, qos: int, number: int) -> Measured:
    """One contender's turn on a broker and a table with nothing in them."""
    stand.empty_tables()
    return taken_in(stand, plan, who, qos, number)


def taken_in(stand: Stand, plan: Plan, who: Who, qos: int, number: int) -> Measured:
    """The same where the tables are empty already, and somebody may be reading them."""
    messages = plan.per_terminal * plan.terminals
    with ExitStack() as stack:
        broker = stack.enter_context(stand.fresh_broker(plan.broker_settings))
        contender = stack.enter_context(contending(who, stand, broker, qos, messages))
        source = stack.enter_context(load(stand, plan, broker, qos))
        source.read()
        before = _accounts(stand, broker, contender)
        source.tell()
        finished_us = contender.finished_us(messages, 60.0 + messages / _SLOWEST_RATE)
        after = _accounts(stand, broker, contender)
        sent = source.read()
        resident = resident_megabytes(contender.child.pid) if contender.child.runs() else 0.0
        contender.check_books(messages)
    seconds = (finished_us - sent["first_us"]) / 1e6
    *spent, machine = (b - a for a, b in zip(before, after, strict=True))
    used = [seconds_spent * 1e6 / messages for seconds_spent in spent]
    ours = sum(spent) + sent["sending_cpu_us"] / 1e6
    return Measured(
        round=number,
        qos=qos,
        who=who,
        messages=messages,
        seconds=round(seconds, 3),
        rate=round(messages / seconds, 1),
        cpu_us=round(used[0], 2),
        broker_cpu_us=round(used[1], 2),
        database_cpu_us=round(used[2], 2),
        load_cpu_us=round(sent["sending_cpu_us"] / messages, 2),
        foreign_share=round(max(0.0, 1.0 - ours / max(machine, 1e-6)), 3),
        resident_mb=round(resident, 1),
        bytes_per_row=_bytes_per_row(stand, messages) if who is Who.BRIDGE else None,
    )


def load(
    stand: Stand,
    plan: Plan,
    broker: Broker,
    qos: int,
    *,
    rate: float | None = None,
    connections: int | None = None,
) -> Child:
    """The process that sends a turn's messages once it is told to.

    As many a second as it can, or `rate`; with all of the stand's accounts, or the first so many.
    """
    base_ms = int(time.time() * 1000) - plan.per_terminal * _STEP_MS - 60_000
    return Child(
        "deploy.simulator.load",
        [
            *("--broker", f"mqtt://{broker.host}:{broker.port}"),
            *("--accounts", str(stand.accounts_file), "--messages", str(plan.per_terminal)),
            *("--qos", str(qos), "--window", str(plan.window)),
            *("--base-ms", str(base_ms), "--step-ms", str(_STEP_MS), "--wait"),
            *(("--rate", str(rate)) if rate else ()),
            *(("--connections", str(connections)) if connections else ()),
        ],
    )


def _accounts(stand: Stand, broker: Broker, contender: Contender) -> tuple[float, ...]:
    """CPU seconds so far of the contender, the broker, the database, and the whole machine."""
    assert broker.pid is not None
    assert stand.cluster.pid is not None
    return (
        cpu_seconds(contender.child.pid),
        cpu_seconds(broker.pid),
        cpu_seconds(stand.cluster.pid, with_children=True),
        machine_cpu_seconds(),
    )


def _bytes_per_row(stand: Stand, rows: int) -> float:
    """Table, index and overhead of the bridge's hypertable, once everything is written out."""
    stand.query("checkpoint")
    size = stand.query(f"select public.hypertable_size('telemetry.{PROFILE}')")[0][0]
    return round(float(size) / rows, 1)


def ingest_figures(turns: Sequence[Measured], weighed: Sequence[Measured]) -> list[Figure]:
    """The goals' figures that these turns allow; what was `weighed` counts for the disk only."""

    def of(who: Who, qos: int) -> list[Measured]:
        return [turn for turn in turns if turn.who is who and turn.qos == qos]

    def rates(who: Who, qos: int) -> list[float]:
        return [turn.rate for turn in of(who, qos)]

    def cpu(who: Who, qos: int) -> list[float]:
        return [turn.cpu_us for turn in of(who, qos)]

    bridge, discarding, plain = Who.BRIDGE, Who.DISCARDING, Who.PLAIN
    sizes = [turn.bytes_per_row for turn in weighed if turn.bytes_per_row is not None]
    return figures(
        [
            (
                "P1",
                "QoS 1: bridge / discarding",
                ">=",
                0.95,
                rates(bridge, 1),
                rates(discarding, 1),
            ),
            (
                "P2",
                "QoS 0: bridge / discarding",
                ">=",
                0.85,
                rates(bridge, 0),
                rates(discarding, 0),
            ),
            ("P2", "QoS 0: bridge CPU, us a message", "<=", 9.0, cpu(bridge, 0), None),
            ("P4", "QoS 0: bridge / plain way", ">=", 8.0, rates(bridge, 0), rates(plain, 0)),
            ("P4", "QoS 1: bridge / plain way", ">=", 3.0, rates(bridge, 1), rates(plain, 1)),
            ("P4", "QoS 0: CPU of bridge / plain", "<=", 0.1, cpu(bridge, 0), cpu(plain, 0)),
            ("P4", "QoS 1: CPU of bridge / plain", "<=", 0.1, cpu(bridge, 1), cpu(plain, 1)),
            ("P10", "bytes on disk a message, plain", "<=", 125.0, sizes, None),
        ]
    )
