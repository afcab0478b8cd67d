"""`muster bench peers`: the bridge beside what one would use instead of it (P3, P4).

Speed is measured as `muster bench ingest` does it. Then each contender carries a steady QoS 1 load,
its session kept by the broker, through faults: it is killed with -9, or the database is away. A
contender that ends is started again, as a supervisor would. What counts is what lies in its table
when everything has come to rest: messages that are missing, and messages that are there twice.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from deploy.bench import ingest, telegraf
from deploy.bench.contenders import TABLES, Contender, Who, contending
from deploy.bench.figures import Figure, figures
from deploy.bench.ingest import Measured, Plan, load
from deploy.bench.processes import RoundFailed
from deploy.bench.stand import Stand, built
from deploy.embedded.mosquitto import Broker

_RESTART_SECONDS = 1.0
_FOREVER = 10**12


class Fault(StrEnum):
    """What happens to a contender while it carries a load."""

    KILLED = "killed"
    DATABASE_AWAY = "database_away"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A load of `messages` at `rate` a second; `kills` or one outage fall into it.

    Everything has come to rest when nothing has changed for `rest_seconds`.
    """

    messages: int = 120_000
    rate: float = 1000.0
    kills: int = 3
    outage_seconds: float = 120.0
    rest_seconds: float = 15.0
    faults: Sequence[Fault] = tuple(Fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a contender made of a fault."""

    who: Who
    fault: Fault
    sent: int
    lost: int
    twice: int
    starts: int


@dataclass(slots=True)
class _Kept:
    """A contender that is started again when it ends."""

    stand: Stand
    broker: Broker
    who: Who
    starts: int = 0
    running: Contender | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def look_after(self) -> None:
        """Start it if it does not run; one attempt, for the database may be away."""
        if self.running is not None and self.running.child.runs():
            return
        self._stack.close()
        self.running = None
        time.sleep(_RESTART_SECONDS if self.starts else 0)
        self.starts += 1
        try:
            self.running = self._stack.enter_context(
                contending(self.who, self.stand, self.broker, 1, _FOREVER, on_trial=True)
            )
        except RoundFailed:
            return

    def kill(self) -> None:
        """Kill -9."""
        if self.running is not None and self.running.child.runs():
            os.kill(self.running.child.pid, signal.SIGKILL)

    def end(self) -> None:
        """Stop it for good."""
        self._stack.close()


def run(
    plan: Plan, trial: Trial, binary: Path | None, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Measure everything; the result as JSON. `binary` is Telegraf's, or it takes no part."""
    who = [Who.BRIDGE, Who.PLAIN, Who.COPYING, *([Who.TELEGRAF] if binary else [])]
    turns: list[Measured] = []
    outcomes: list[Outcome] = []
    tell("starting a throwaway broker and database")
    with built(plan.terminals, plan.connections) as bare:
        stand = replace(bare, telegraf=binary)
        if binary:
            telegraf.prepare(stand)
        for number in range(1, plan.rounds + 1):
            for qos in plan.levels:
                for one in who:
                    tell(f"round {number} of {plan.rounds}: {one} at QoS {qos}")
                    empty(stand)
                    turns.append(ingest.measure(stand, plan, one, qos, number))
        for fault in trial.faults:
            for one in who:
                tell(f"{one}: {fault.replace('_', ' ')}")
                outcomes.append(try_out(stand, plan, trial, one, fault))
        described = ingest.machine(stand) | {"telegraf": telegraf.version(binary)}
    return {
        "benchmark": "peers",
        "machine": described,
        "plan": asdict(plan),
        "trial": asdict(trial),
        "figures": [asdict(figure) for figure in peers_figures(turns)],
        "turns": [asdict(turn) for turn in turns],
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }


def try_out(stand: Stand, plan: Plan, trial: Trial, who: Who, fault: Fault) -> Outcome:
    """One contender through one fault."""
    per_terminal = int(trial.messages) // plan.terminals
    sent = per_terminal * plan.terminals
    empty(stand)
    with (
        stand.fresh_broker(plan.broker_settings) as broker,
        _kept(stand, broker, who) as contender,
        load(stand, replace(plan, messages=sent), broker, 1, rate=trial.rate) as source,
    ):
        source.read()
        source.tell()
        began = time.monotonic()
        length = sent / trial.rate
        if fault is Fault.KILLED:
            due = [length * (k + 1) / (trial.kills + 1) for k in range(trial.kills)]
        else:
            due = [length / 3]
        while not source.has_said():
            contender.look_after()
            if due and time.monotonic() - began > due[0]:
                del due[0]
                if fault is Fault.KILLED:
                    contender.kill()
                else:
                    _go_without_database(stand, contender, trial.outage_seconds)
            time.sleep(0.1)
        source.read()
        if due:
            raise RoundFailed(f"{who}: the load was over before every fault had struck.")
        _rest(stand, contender, trial.rest_seconds)
    table = TABLES[who]
    key = "time, terminal" if who is Who.TELEGRAF else "time, terminal_id"
    rows, distinct = stand.query(
        f"select count(*), count(distinct ({key})) from telemetry.{table}"  # noqa: S608
    )[0]
    return Outcome(
        who=who,
        fault=fault,
        sent=sent,
        lost=sent - int(distinct),
        twice=int(rows) - int(distinct),
        starts=contender.starts,
    )


def empty(stand: Stand) -> None:
    """Every turn begins with nothing in any contender's table."""
    stand.empty_tables()
    if stand.telegraf:
        stand.query(f"truncate telemetry.{telegraf.TABLE}")


@contextmanager
def _kept(stand: Stand, broker: Broker, who: Who) -> Iterator[_Kept]:
    kept = _Kept(stand, broker, who)
    try:
        kept.look_after()
        if kept.running is None:
            raise RoundFailed(f"{who} does not start.")
        yield kept
    finally:
        kept.end()


def _go_without_database(stand: Stand, contender: _Kept, seconds: float) -> None:
    stand.cluster.stop()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        contender.look_after()
        time.sleep(0.1)
    stand.cluster.start()


def _rest(stand: Stand, contender: _Kept, seconds: float) -> None:
    """Wait until the table has not grown for so long."""
    table = TABLES[contender.who]
    rows, since = -1, time.monotonic()
    while time.monotonic() - since < seconds:
        contender.look_after()
        now = stand.count(table)
        if now != rows:
            rows, since = now, time.monotonic()
        time.sleep(0.5)


def peers_figures(turns: Sequence[Measured]) -> list[Figure]:
    """The goals' figures that these turns allow."""

    def rates(who: Who, qos: int) -> list[float]:
        return [turn.rate for turn in turns if turn.who is who and turn.qos == qos]

    wanted = {
        ("P3", Who.TELEGRAF, "Telegraf"): (3.0, 1.5),
        ("P4", Who.PLAIN, "aiomqtt + executemany"): (8.0, 3.0),
        ("-", Who.COPYING, "paho + COPY"): (1.0, 1.0),
    }
    return figures(
        (goal, f"QoS {qos}: bridge / {title}", ">=", bound, rates(Who.BRIDGE, qos), rates(who, qos))
        for (goal, who, title), bounds in wanted.items()
        for qos, bound in enumerate(bounds)
        if rates(who, qos) and rates(Who.BRIDGE, qos)
    )
