"""`muster bench rules`: what a rule on every terminal costs ingest (of P2).

In each round the bridge takes the same flood at QoS 0 thrice, each time on new servers with the
jobs process beside it: without a rule, with one that hardly any reading is beyond, and with one
that every terminal is beyond now and then. Afterwards every reading beyond a rule must be counted
by an alarm, or the run has failed.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from deploy.bench import ingest
from deploy.bench.contenders import Who
from deploy.bench.figures import figures
from deploy.bench.processes import Child, RoundFailed, cpu_seconds, wait_until
from deploy.bench.stand import PROFILE, Stand, built
from deploy.embedded.ports import free_port
from deploy.simulator.numbered import GAUGES
from foundation.database import open_pool, transaction
from registry.model import RegionCode
from registry.scope import Scope
from telemetry.alarms import rules as alarm_rules

_SCOPE = Scope.system("bench")
_GAUGE = GAUGES[0]
_PATIENCE_SECONDS = 120.0
_SLOWEST_RATE = 1500.0
# What share of the readings, which are spread evenly over the gauge's range, is beyond the rule.
BEYOND = {"none": None, "seldom": 0.001, "often": 0.05}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured: `messages` in all of each turn."""

    rounds: int = 5
    messages: int = 300_000
    terminals: int = 1000


def run(plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure and compare; the result as JSON."""
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in BEYOND}
    described: dict[str, Any] = {}
    for number in range(1, plan.rounds + 1):
        for name, share in BEYOND.items():
            tell(f"round {number} of {plan.rounds}: {name}")
            with built(plan.terminals, 8) as stand:
                turns[name].append(_turn(stand, plan, share, number))
                described = ingest.machine(stand)
    rates = {name: [turn["rate"] for turn in of] for name, of in turns.items()}
    return {
        "benchmark": "rules",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "plan": asdict(plan),
        "figures": [
            asdict(figure)
            for figure in figures(
                [
                    (
                        "P2",
                        f"rate, {name} beyond a rule / without a rule",
                        ">=",
                        0.85,
                        rates[name],
                        rates["none"],
                    )
                    for name in ("seldom", "often")
                ]
            )
        ],
        "turns": turns,
    }


def _turn(stand: Stand, plan: Plan, share: float | None, number: int) -> dict[str, Any]:
    """One flood; what is beyond the rule is counted before and after."""
    limit = None if share is None else _GAUGE.high - share * (_GAUGE.high - _GAUGE.low)
    stand.cluster.set_password("muster_jobs")
    if limit is not None:
        asyncio.run(_ruled(stand, limit))
    environment = {
        "MUSTER_DATABASE_URL": stand.dsn("muster_jobs"),
        "MUSTER_METRICS_LISTEN": f"127.0.0.1:{free_port()}",
        "MUSTER_LOG_LEVEL": "warning",
    }
    flood = ingest.Plan(messages=plan.messages, terminals=plan.terminals, disk_messages=0)
    with Child("deploy.jobs", environment=environment) as jobs:
        wait_until(lambda: _leads(stand), jobs, _PATIENCE_SECONDS, "The lead")
        used, began = cpu_seconds(jobs.pid), time.monotonic()
        measured = ingest.taken_in(stand, flood, Who.BRIDGE, 0, number)
        beyond = 0
        if limit is not None:
            beyond = int(stand.query(_BEYOND, limit)[0][0])
            patience = _PATIENCE_SECONDS + plan.messages / _SLOWEST_RATE
            what = f"The count of {beyond} readings by alarms"
            wait_until(lambda: _counted(stand) == beyond, jobs, patience, what)
        wait_until(lambda: _is_followed(stand), jobs, _PATIENCE_SECONDS, "The end of the feed")
        spent, seconds = cpu_seconds(jobs.pid) - used, time.monotonic() - began
    if share is not None and beyond == 0:
        raise RoundFailed("No reading was beyond the rule: nothing was measured.")
    return asdict(measured) | {
        "beyond": beyond,
        "alarms": stand.count("alarm"),
        "jobs_cpu_us": round(1e6 * spent / plan.messages, 2),
        "caught_up_seconds": round(seconds, 1),
    }


_BEYOND = f"select count(*) from telemetry.{PROFILE} where {_GAUGE.name} > %s"  # noqa: S608


def _counted(stand: Stand) -> int:
    return int(stand.query("select coalesce(sum(count), 0) from telemetry.alarm")[0][0])


def _leads(stand: Stand) -> bool:
    return bool(
        stand.query(
            "select exists (select from pg_stat_activity a join pg_locks l using (pid)"
            " where starts_with(a.application_name, 'muster jobs') and l.locktype = 'advisory')"
        )[0][0]
    )


def _is_followed(stand: Stand) -> bool:
    """Whether the newest values are those of the newest rows."""
    return bool(
        stand.query(
            f"select (select count(*) from telemetry.latest where metric = '{_GAUGE.name}')"  # noqa: S608
            f" = (select count(distinct terminal_id) from telemetry.{PROFILE})"
            f" and (select max(time) from telemetry.latest)"
            f" = (select max(time) from telemetry.{PROFILE})"
        )[0][0]
    )


async def _ruled(stand: Stand, limit: float) -> None:
    """A rule of all terminals, in force."""
    async with (
        await open_pool(stand.dsn(), name="bench", max_size=1) as pool,
        transaction(pool, _SCOPE.settings()) as conn,
    ):
        rule = await alarm_rules.define(
            conn, _SCOPE, name="beyond", profile=PROFILE, region=RegionCode(0),
            criterion={"kind": "threshold", "metric": _GAUGE.name, "above": limit},
        )  # fmt: skip
        await alarm_rules.change(conn, _SCOPE, rule.id, enabled=True)
