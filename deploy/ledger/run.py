"""A ledger run: load, faults in an order drawn from the seed, rest, verdict."""

import json
import os
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, Self

import psycopg

from deploy.embedded.processes import wait_until
from deploy.ledger import checker, faults, mutations, trials
from deploy.ledger.ground import Ground, built
from deploy.ledger.player import Player
from deploy.ledger.script import Script
from deploy.ledger.trials import Broken, NeverStruck
from foundation.errors import MusterError

_POLL_SECONDS = 0.2
_STILL_SECONDS = 3.0
_IN_FLIGHT_SECONDS = 10.0
_QUEUE_SECONDS = 10  # of load in the broker's queue, where it is to overflow
_FIRST_MESSAGE_DAYS_AGO = 20  # within the accepted clock, with room for a million a terminal


class Standstill(Exception):
    """Something that must go on again does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long and how hard: at `rate` messages a second, one fault after the other with a pause of
    up to `calm_seconds` between, each of `faults` in turn, in shuffled rounds; until `messages` are
    sent and so many `rounds` are over.

    `plain` terminals forget a message at its PUBACK, and wait for no receipt: what a broker that is
    killed has acknowledged and forgotten is lost to them, and only then.
    `mutation` names one of `mutations.ALL`: with it the books must not close.
    """

    seed: int
    messages: int = 60_000
    rate: float = 1000.0
    terminals: int = 50
    rounds: int = 1
    calm_seconds: float = 6.0
    rest_seconds: float = 240.0
    faults: Sequence[str] = tuple(faults.ALL)
    plain: bool = False
    mutation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One fault as it struck: `in_flight` messages were on their way (kept by terminals)."""

    fault: str
    at_seconds: float
    lasted_seconds: float
    in_flight: int
    unsettled: int
    struck: bool
    broken: str | None = None
    """A promise of its own that did not hold."""


class Books:
    """What happened, line by line, each with its checksum, on disk before the run goes on."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def note(self, kind: str, what: dict[str, Any]) -> None:
        """One line."""
        line = json.dumps({"kind": kind, "at": time.time(), **what}).encode()
        self._file.write(b"%08x %s\n" % (zlib.crc32(line), line))
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def run(plan: Plan, books: Books, tell: Callable[[str], None]) -> dict[str, Any]:
    """Play the plan; the result as JSON, with every strike and the verdict.

    Of a run whose books do not close the logs are kept, in the directory that the result names.
    """
    base_ms = int(time.time() * 1000) - _FIRST_MESSAGE_DAYS_AGO * 86_400_000
    script = Script(plan.seed, base_ms)
    strikes: list[Strike] = []
    latest = checker.Latest()
    trouble: list[str] = []
    books.note("plan", asdict(plan) | {"base_ms": base_ms})
    tell("starting a throwaway broker, database, bridge and jobs")
    mutation = mutations.ALL[plan.mutation] if plan.mutation else mutations.NONE
    chosen = {faults.ALL[name] for name in plan.faults}
    queue = (
        int(plan.rate * _QUEUE_SECONDS) if trials.f5_bridge_away_beyond_the_queue in chosen else 0
    )
    on_disks = bool(chosen & set(faults.NEED_DISKS))
    with built(plan.terminals, mutation, broker_queue=queue, on_disks=on_disks) as ground:
        began = time.monotonic()
        player = Player(
            ground, plan.seed, base_ms, plan.rate, plain=plan.plain or mutation.terminals_are_plain
        )
        try:
            try:
                for strike in _strikes(ground, player, plan):
                    strikes.append(strike)
                    books.note("strike", asdict(strike))
                    trouble += [strike.broken] if strike.broken else []
                    trouble += latest.look(ground)
                    told = player.told()
                    tell(
                        f"{len(strikes)} of {plan.rounds * len(plan.faults)} faults,"
                        f" {told['sent']:,} of {plan.messages:,} messages,"
                        f" {told['kept']:,} without a receipt"
                    )
                tell("waiting for the last receipts")
                _rest(ground, player, plan.rest_seconds)
            except Standstill as standstill:
                trouble.append(f"L7: {standstill}")
            told = player.told()
            tell("checking")
            verdict = checker.check(ground, script, told["counts"])
            verdict.faults += trouble + checker.check_books(ground.metrics())
            gaps = dict(ground.query("select kind, count(*) from telemetry.gap group by 1"))
            verdict.faults += checker.check_gaps(gaps, {s.fault for s in strikes if s.struck})
        finally:
            player.kill()
        ground.at_rest = verdict.closed or plan.mutation is not None
        result = {
            "benchmark": "ledger",
            "plan": asdict(plan),
            "seconds": round(time.monotonic() - began, 1),
            "terminals": {k: v for k, v in told.items() if k != "counts"},
            "bridge_starts": ground.bridge_starts,
            "strikes": [asdict(strike) for strike in strikes],
            "hits": dict(Counter(s.fault for s in strikes if s.struck and s.in_flight)),
            "gaps": {str(kind): int(count) for kind, count in gaps.items()},
            "verdict": asdict(verdict),
            "closed": verdict.closed,
            "logs": None if ground.at_rest else str(ground.directory),
        }
    books.note("verdict", {k: result[k] for k in ("closed", "verdict", "hits", "terminals")})
    return result


def _strikes(ground: Ground, player: Player, plan: Plan) -> Iterator[Strike]:
    """Strike, until everything planned is done; raises `Standstill`."""
    chance = Random(plan.seed)  # noqa: S311
    began = time.monotonic()
    order: list[str] = []
    due = plan.rounds * len(plan.faults)
    while due > 0 or int(player.told().get("sent", 0)) < plan.messages:
        _calm(ground, player, plan, chance.uniform(0.2, 1) * plan.calm_seconds)
        if not order:
            order = list(plan.faults)
            chance.shuffle(order)
        if order:
            yield _strike(ground, player, order.pop(), chance, began)
            due -= 1


def _calm(ground: Ground, player: Player, plan: Plan, seconds: float) -> None:
    """Wait until receipts come again, and then for so long: every fault strikes a house at work."""
    before = int(player.told().get("receipted", 0))
    deadline = time.monotonic() + plan.rest_seconds
    while int(player.told().get("receipted", 0)) <= before:
        ground.look_after()
        if time.monotonic() > deadline:
            raise Standstill(f"no receipt came for {plan.rest_seconds:.0f} s after a fault")
        time.sleep(_POLL_SECONDS)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ground.look_after()
        time.sleep(_POLL_SECONDS)


def _strike(ground: Ground, player: Player, name: str, chance: Random, began: float) -> Strike:
    wait_until(lambda: int(player.told().get("kept", 0)) > 0, _IN_FLIGHT_SECONDS)
    unsettled = ground.metrics().get("muster_bridge_unsettled", 0)
    in_flight = int(player.told().get("kept", 0))
    at = time.monotonic()
    struck, broken = True, None
    try:
        faults.ALL[name](ground, chance)
    except NeverStruck:
        struck = False
    except Broken as promise:
        broken = f"{name}: {promise}"
    except (MusterError, psycopg.Error) as error:
        broken = f"{name} could not be played: {error}"
    ground.look_after()
    return Strike(
        fault=name,
        at_seconds=round(at - began, 1),
        lasted_seconds=round(time.monotonic() - at, 1),
        in_flight=in_flight,
        unsettled=int(unsettled),
        struck=struck,
        broken=broken,
    )


def _rest(ground: Ground, player: Player, seconds: float) -> None:
    """Return when every message has its receipt and the bridge is still; raises `Standstill`."""
    player.end()
    kept, deadline = -1, 0.0
    while player.runs:
        ground.look_after()
        if player.told().get("kept") != kept:
            kept, deadline = player.told().get("kept", -1), time.monotonic() + seconds
        if time.monotonic() > deadline:
            raise Standstill(f"{kept} messages had no receipt, and none came in {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)
    received, since = -1.0, time.monotonic()
    deadline = since + seconds
    while time.monotonic() - since < _STILL_SECONDS:
        ground.look_after()
        metrics = ground.metrics()
        now = metrics.get("muster_bridge_received_total", -1.0)
        if now < 0 or now != received or metrics.get("muster_bridge_unsettled"):
            received, since = now, time.monotonic()
        if time.monotonic() > deadline:
            raise Standstill("the bridge does not come to rest")
        time.sleep(_POLL_SECONDS)
