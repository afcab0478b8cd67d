"""`muster bench latency`: from publishing to being found by a query, at half the maximum rate (P6).

The maximum is measured first, in the same run: durable QoS 1 ingest, as `muster bench ingest` has
it. Then single readings of terminals that the load leaves alone are published and asked for by key,
once with nothing else going on and once while the load runs at half that rate.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any

from deploy.bench import ingest
from deploy.bench.contenders import Who, contending
from deploy.bench.figures import figures
from deploy.bench.ingest import Plan, load
from deploy.bench.probe import Prober, milliseconds
from deploy.bench.processes import RoundFailed
from deploy.bench.stand import PROFILE, Stand, built

_GOAL_MS = 300.0
_PROBE_SECONDS = 0.25  # what one probe may take when the load's length is chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How many readings are probed in each round."""

    probes: int = 500


def run(plan: Plan, latency: Latency, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure; the result as JSON."""
    rounds: list[dict[str, Any]] = []
    tell("starting a throwaway broker and database")
    with built(plan.terminals, plan.connections + 1) as stand:
        for number in range(1, plan.rounds + 1):
            tell(f"round {number} of {plan.rounds}: the maximum rate")
            most = ingest.measure(stand, plan, Who.BRIDGE, 1, number)
            for rate in (None, most.rate / 2):
                tell(f"round {number} of {plan.rounds}: at {rate or 0:,.0f} messages/s")
                found = _probe(stand, plan, latency.probes, rate)
                rounds.append({"round": number, "rate": rate, **milliseconds(found)})
        described = ingest.machine(stand)
    loaded = [one["p99"] for one in rounds if one["rate"]]
    goal = figures([("P6", "publish to query, p99 in ms, half rate", "<=", _GOAL_MS, loaded, None)])
    return {
        "benchmark": "latency",
        "machine": described,
        "plan": asdict(plan) | asdict(latency),
        "figures": [asdict(figure) for figure in goal],
        "rounds": rounds,
    }


def _probe(stand: Stand, plan: Plan, probes: int, rate: float | None) -> list[float]:
    """The probes' seconds, while a load of `rate` runs; every message is counted at the end."""
    stand.empty_tables()
    lent, own = set(stand.terminals_of(plan.connections)), stand.loads[-1]
    per_terminal = max(1, int((rate or 0) * probes * _PROBE_SECONDS / len(lent)))
    expected = per_terminal * len(lent) if rate else 0
    with ExitStack() as stack:
        broker = stack.enter_context(stand.fresh_broker(plan.broker_settings))
        contender = stack.enter_context(contending(Who.BRIDGE, stand, broker, 1, 0))
        codes = [code for code in stand.terminals if code not in lent]
        prober = stack.enter_context(Prober.connected(stand, broker, own, codes))
        prober.seconds()  # the first one pays for what is made once
        source = None
        if rate:
            longer = replace(plan, messages=per_terminal * plan.terminals)
            source = stack.enter_context(
                load(stand, longer, broker, 1, rate=rate, connections=plan.connections)
            )
            source.read()
            source.tell()
        found = prober.series(probes)
        if source is not None:
            if source.has_said():
                raise RoundFailed("The load was over before the probes were.")
            source.read(600)
        contender.finished_us(expected + prober.sent, 120)
    stored = stand.count(PROFILE)
    if stored != expected + prober.sent:
        raise RoundFailed(f"{expected + prober.sent} messages were sent and {stored} are stored.")
    return found
