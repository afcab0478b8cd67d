"""`muster bench flood`: what others notice of a terminal, or a client, that sends far too much.

Readings of terminals that nobody else speaks for are published and asked for by key, while others
send at a steady rate: once with nothing else going on, once beside one terminal with 10,000
messages/s, and once beside the terminals of one client at ten times its tier. The books of each
turn close: what is stored and what is counted as flood are what was sent.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from deploy.bench import ingest
from deploy.bench.contenders import Who, contending
from deploy.bench.figures import figures
from deploy.bench.ingest import Plan, load
from deploy.bench.probe import Prober, milliseconds
from deploy.bench.processes import Child, RoundFailed
from deploy.bench.stand import PROFILE, Stand, built
from deploy.embedded.mosquitto import Broker

_GOAL = 1.5
_BOOKS_SECONDS = 300
_OFFENDER, _STEADY, _OWN = range(3)  # whom the accounts of the load speak for


class Turn(StrEnum):
    """Beside what the probes are made."""

    CALM = "calm"
    TERMINAL = "a terminal"
    CLIENT = "a client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flooding:
    """Messages a second: of those who send as they may, of the offenders, and of the tier.

    Everybody sends for `seconds`; the probes have to be made in that time.
    """

    probes: int = 200
    seconds: float = 50
    steady_rate: float = 1000
    terminal_rate: float = 10_000
    tier_rate: int = 500
    client_terminals: int = 50

    def rate(self, turn: Turn) -> float:
        """What offends in this turn."""
        return {
            Turn.CALM: 0.0,
            Turn.TERMINAL: self.terminal_rate,
            Turn.CLIENT: 10.0 * self.tier_rate,
        }[turn]


def run(plan: Plan, flooding: Flooding, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure; the result as JSON."""
    rounds: list[dict[str, Any]] = []
    tell("starting a throwaway broker and database")
    with built(plan.terminals, len((_OFFENDER, _STEADY, _OWN))) as stand:
        for number in range(1, plan.rounds + 1):
            for turn in Turn:
                tell(f"round {number} of {plan.rounds}: {turn}")
                rounds.append({"round": number, **measure(stand, plan, flooding, turn)})
        described = ingest.machine(stand)

    def p99(turn: Turn) -> list[float]:
        return [one["p99"] for one in rounds if one["turn"] == turn]

    goals = [
        ("flood", f"others' p99 beside {turn} / calm", "<=", _GOAL, p99(turn), p99(Turn.CALM))
        for turn in (Turn.TERMINAL, Turn.CLIENT)
    ]
    return {
        "benchmark": "flood",
        "machine": described,
        "plan": asdict(plan) | asdict(flooding),
        "figures": [asdict(figure) for figure in figures(goals)],
        "rounds": rounds,
    }


def measure(stand: Stand, plan: Plan, flooding: Flooding, turn: Turn) -> dict[str, Any]:
    """The probes of one turn in ms, how many messages were flood, and books that close."""
    stand.empty_tables()
    stand.query("truncate telemetry.quarantine_fault")
    lent = [stand.terminals_of(3)[k::3] for k in range(3)]
    offenders = lent[_OFFENDER][: 1 if turn is Turn.TERMINAL else flooding.client_terminals]
    _bind(stand, offenders if turn is Turn.CLIENT else (), flooding.tier_rate)
    with ExitStack() as stack:
        broker = stack.enter_context(stand.fresh_broker(plan.broker_settings))
        contender = stack.enter_context(contending(Who.BRIDGE, stand, broker, 1, 0))
        own = stack.enter_context(Prober.connected(stand, broker, stand.loads[_OWN], lent[_OWN]))
        own.seconds()  # the first one pays for what is made once
        loads = [(lent[_STEADY], stand.loads[_STEADY], flooding.steady_rate)]
        if rate := flooding.rate(turn):
            loads.append((offenders, stand.loads[_OFFENDER], rate))
        sent = 0
        sources = []
        for codes, account, rate in loads:
            each = int(rate * flooding.seconds / len(codes))
            sent += each * len(codes)
            sources.append(
                stack.enter_context(_loading(stand, plan, broker, codes, account, each, rate))
            )
        for source in sources:
            source.read()
        for source in sources:
            source.tell()
        found = own.series(flooding.probes)
        if any(source.has_said() for source in sources):
            raise RoundFailed("A load was over before the probes were.")
        for source in sources:
            source.read(600)
        stored, flood = _books(stand, sent + own.sent, contender.child)
    if (flood > 0) != bool(flooding.rate(turn)):
        raise RoundFailed(f"Beside {turn} {flood} messages were refused as flood.")
    return {"turn": turn.value, **milliseconds(found), "stored": stored, "flood": flood}


@contextmanager
def _loading(
    stand: Stand,
    plan: Plan,
    broker: Broker,
    codes: Sequence[str],
    account: str,
    each: int,
    rate: float,
) -> Iterator[Child]:
    """A load of these terminals alone, over one connection."""
    file = stand.directory / f"{account}.jsonl"
    given = {"username": account, "password": "bench", "terminals": list(codes)}
    file.write_text(json.dumps(given) + "\n", "utf-8")
    alone = replace(plan, messages=each * len(codes), terminals=len(codes))
    with load(replace(stand, accounts_file=file), alone, broker, 1, rate=rate) as source:
        yield source


def _bind(stand: Stand, codes: Sequence[str], rate: int) -> None:
    """Let these terminals, and no others, be of a client whose tier allows them so much."""
    stand.query(
        "insert into registry.industry values ('bench', 'b', 'b', 'other') on conflict do nothing"
    )
    stand.query(
        "insert into registry.tier (code, title_zh, title_en, messages_per_second)"
        " values ('bench', 'b', 'b', %s) on conflict do nothing",
        rate,
    )
    stand.query(
        "insert into registry.group_client (code, name, region_code, level, industry_code,"
        " tier_code) values ('bench', 'b', 0, 'headquarters', 'bench', 'bench')"
        " on conflict do nothing"
    )
    stand.query(
        "update registry.terminal t set group_client_id = case when t.code = any (%s)"
        " then (select id from registry.group_client) end",
        list(codes),
    )


def _books(stand: Stand, sent: int, bridge: Child) -> tuple[int, int]:
    """How many messages are stored and how many are flood, when that is all that were sent."""
    deadline = time.monotonic() + _BOOKS_SECONDS
    while True:
        flood = stand.query("select coalesce(sum(messages), 0) from telemetry.quarantine_fault")
        stored, refused = stand.count(PROFILE), int(flood[0][0])
        if stored + refused == sent:
            return stored, refused
        if time.monotonic() > deadline or not bridge.runs():
            raise RoundFailed(f"{sent} were sent, {stored} are stored and {refused} are flood.")
        time.sleep(0.2)
