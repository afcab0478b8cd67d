"""`muster bench rollups`: days taken and rolled up of a country, equal to what is counted slowly.

Two days are taken and everything is rolled up in a process of its own; then provinces, managers and
a sample of clients are counted terminal by terminal and compared with the roll-ups, now and by day.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from deploy.bench import ingest
from deploy.bench.figures import figures
from deploy.bench.fleet import Growing
from deploy.bench.processes import Child
from deploy.bench.stand import Stand, built
from foundation.database import open_pool, transaction
from registry.scope import Scope
from telemetry import supervision
from telemetry.supervision_model import NOBODY, RollUpBy

_SCOPE = Scope.system("bench")
_MOST_SECONDS, _MOST_MEGABYTES = 120.0, 200.0
_PATIENCE_SECONDS = 3600
Told = Callable[[str], None]

_SLOW = """
select {key}, count(*) filter (where t.state <> 'retired'),
    count(*) filter (where t.state = 'in_service'),
    count(*) filter (where t.state = 'in_service' and s.data_at >= t.owner_since
        and s.silent_since is null)
from registry.terminal t join registry.region r on r.code = t.region_code
left join registry.group_client c on c.id = t.group_client_id
left join telemetry.presence s on s.terminal_id = t.id
left join registry.assignment a on a.group_client_id = c.id and a.role = 'account_manager'
where {where} group by 1"""
_PROVINCE = "case r.level when 'city' then r.parent_code else r.code end::text"
_MANAGER = f"case when c.id > 0 then coalesce(a.person, '{NOBODY}') end"

# An account manager for every so many clients; one client in seven has none.
_CLIENTS_EACH = 25
_APPOINT = """
insert into registry.user_account (name, role, password_hash)
select 'manager-' || n, 'account_manager', '-' from generate_series(0, {most}) n"""
_ASSIGN = """
insert into registry.assignment (group_client_id, role, person, valid_from, assigned_by)
select id, 'account_manager', 'manager-' || id / {each}, now() - interval '1 year', 'system:bench'
from registry.group_client where mod(id, 7) <> 0"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How large the country is, and how many of its clients are counted one by one."""

    terminals: int = 3_000_000
    clients: int = 20_000
    samples: int = 200


def run(plan: Plan, tell: Told) -> dict[str, Any]:
    """Measure and compare; the result as JSON, `wrong` empty where all agrees."""
    tell("starting a throwaway database")
    with built(10, 1) as stand:
        for role in ("muster_api", "muster_jobs"):
            stand.cluster.set_password(role)
        terminals = Growing(stand.dsn(), plan.terminals, plan.clients).grow(plan.terminals, tell)
        _serve(stand)
        tell("taking days and rolling up")
        took = _take(stand)
        tell("counting samples one by one")
        day = datetime.now(UTC).date() - timedelta(days=1)
        wrong = asyncio.run(compare(stand, day, plan.samples))
        found = {name: int(number) for name, number in _sizes(stand, day).items()}
        if found["taken"] != 2 * terminals:
            wrong.append(f"The two days have {found['taken']:,} terminals, not {2 * terminals:,}.")
        described = ingest.machine(stand)
    seconds = took["seconds"]
    taken = [value for title, value in seconds.items() if title.startswith("take")]
    rolled = [value for title, value in seconds.items() if title.startswith("by")]
    return {
        "benchmark": "rollups",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "plan": asdict(plan),
        "figures": [
            asdict(figure)
            for figure in figures(
                [
                    ("day", "a day is taken, s", "<=", _MOST_SECONDS, taken, None),
                    ("page", "rolled up, now and then, s", "<=", 5.0, rolled, None),
                    ("memory", "resident, MB", "<=", _MOST_MEGABYTES, [took["resident_mb"]], None),
                ]
            )
        ],
        "terminals": terminals,
        **took,
        **found,
        "wrong": wrong,
    }


def _serve(stand: Stand) -> None:
    """Give the clients account managers, since before any day that is taken."""
    [(most,)] = stand.query("select max(id) from registry.group_client")
    stand.query(_APPOINT.format(most=most // _CLIENTS_EACH))
    stand.query(_ASSIGN.format(each=_CLIENTS_EACH))


def _take(stand: Stand) -> dict[str, Any]:
    environment = {
        "MUSTER_BENCH_JOBS": stand.dsn("muster_jobs"),
        "MUSTER_BENCH_API": stand.dsn("muster_api"),
    }
    with Child("deploy.bench.take_days", environment=environment) as child:
        return child.read(_PATIENCE_SECONDS)


def _sizes(stand: Stand, day: date) -> dict[str, Any]:
    """Rows and megabytes of a day, and the terminals in both."""
    [(rows, taken, client_rows, clients)] = stand.query(
        "select (select count(*) from telemetry.supervision_daily where day = %s),"
        " (select sum(registered + provisioned + testing + in_service + maintenance + isolated"
        " + retired) from telemetry.supervision_daily where group_client_id = -1),"
        " (select count(*) from telemetry.supervised_client),"
        " (select count(*) from registry.group_client)",
        day,
    )
    [(size,)] = stand.query("select hypertable_size('telemetry.supervision_daily') / 2")
    return {
        "rows": rows,
        "megabytes": size // 1_000_000,
        "client_rows": client_rows,
        "clients": clients,
        "taken": taken,
    }


async def compare(stand: Stand, day: date, samples: int) -> list[str]:
    """A line for each province, manager and client drawn by lot that was not rolled up rightly."""
    drawn = [code for (code,) in stand.query("select code from registry.group_client")]
    chosen = random.Random(1).sample(drawn, min(samples, len(drawn)))
    slowly = {
        RollUpBy.REGION: stand.query(_SLOW.format(key=_PROVINCE, where="true")),
        RollUpBy.CLIENT: stand.query(_SLOW.format(key="c.code", where="c.code = any (%s)"), chosen),
        RollUpBy.MANAGER: stand.query(_SLOW.format(key=_MANAGER, where="true")),
    }
    wrong: list[str] = []
    async with await open_pool(
        stand.dsn("muster_api"), name="bench", statement_timeout_seconds=600
    ) as pool:
        for by, rows in slowly.items():
            truth = {key or "": tuple(counts) for key, *counts in rows}
            for when in (None, day):
                seen: dict[str | None, tuple[int, int, int]] = {}
                after: str | None = None
                while True:
                    async with transaction(pool, _SCOPE.settings()) as conn:
                        page = await supervision.roll_up(conn, _SCOPE, by, day=when, after=after)
                    for row in page.rows:
                        one = row.counts
                        seen[row.key] = (one.terminals, one.in_service, one.online)
                    after = page.next_key
                    if after is None:
                        break
                keys = chosen if by is RollUpBy.CLIENT else list(seen)
                wrong += [
                    f"{by} {key}, {when or 'now'}: {seen.get(key)}, not {truth.get(key or '')}"
                    for key in keys
                    if seen.get(key, (0, 0, 0)) != truth.get(key or "", (0, 0, 0))
                ]
    return wrong
