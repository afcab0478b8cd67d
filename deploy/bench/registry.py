"""`muster bench registry`: the registry as it grows to three million terminals (P5, P8's page).

At each size: how long the bridge's directory takes to be read and what it holds in memory; durable
ingest of a thousand terminals with all the others on the roll (P1 at that size), against the same
with none but them, in the same run; and pages of every kind of list, searches and counts as the
API's role, each asked for again and again. Bulk import (P7) joins as one more part of a size.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

from deploy.bench import ingest
from deploy.bench.contenders import Who
from deploy.bench.figures import Figure, figures
from deploy.bench.fleet import Growing
from deploy.bench.ingest import Measured
from deploy.bench.processes import Child
from deploy.bench.stand import Stand, built
from foundation.database import Connection, Pool, open_pool, transaction
from registry import group_clients, search
from registry.model import RegionRange, Sector, TerminalState
from registry.scope import Role, Scope
from telemetry import presence, tally
from telemetry.model import SessionState
from telemetry.presence import Heard

LARGEST = 3_000_000
_TALKING = 1000
_EVERYBODY = Scope.of_role("user:bench", Role.ADMIN)
_PROVINCE = RegionRange(320000, 329999)
_CITY = RegionRange(320500, 320599)
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Sizes to grow through, and how often and how long each thing is measured."""

    sizes: Sequence[int] = (100_000, LARGEST)
    rounds: int = 2
    messages: int = 200_000
    pages: int = 40


def run(plan: Plan, tell: Told) -> dict[str, Any]:
    """Measure everything in the plan; the result as JSON."""
    tell("starting a throwaway broker and database")
    of_ingest = ingest.Plan(
        rounds=plan.rounds, messages=plan.messages, terminals=_TALKING, disk_messages=0
    )
    with built(_TALKING, of_ingest.connections) as stand:
        for role in ("muster_api", "muster_jobs"):
            stand.cluster.set_password(role)
        fleet = Growing(stand.dsn(), max(plan.sizes))
        grown = [_of_size(stand, plan, of_ingest, _TALKING, tell)]
        for size in plan.sizes:
            began = time.monotonic()
            total = fleet.grow(size - grown[-1]["terminals"], tell)
            seconds = round(time.monotonic() - began, 1)
            made = {"made_in_seconds": seconds}
            grown.append(_of_size(stand, plan, of_ingest, total, tell) | made)
        described = ingest.machine(stand)
    return {
        "benchmark": "registry",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "plan": asdict(plan),
        "figures": [asdict(figure) for figure in registry_figures(grown)],
        "sizes": grown,
    }


def _of_size(
    stand: Stand, plan: Plan, of_ingest: ingest.Plan, terminals: int, tell: Told
) -> dict[str, Any]:
    """Everything that is measured with so many terminals on the roll."""
    tell(f"{terminals:,} terminals: reading the directory")
    directory = look_up(stand)
    turns: list[Measured] = []
    for number in range(1, plan.rounds + 1):
        for who in (Who.DISCARDING, Who.BRIDGE):
            tell(f"{terminals:,} terminals: {who} at QoS 1, round {number} of {plan.rounds}")
            turns.append(ingest.measure(stand, of_ingest, who, 1, number))
    tell(f"{terminals:,} terminals: pages")
    pages = asyncio.run(_pages(stand, plan.pages))
    return {
        "terminals": terminals,
        "directory": directory,
        "turns": [asdict(turn) for turn in turns],
        "pages": pages,
    }


def look_up(stand: Stand) -> dict[str, Any]:
    """What it takes to read the directory, in a process of its own, and to find who talks."""
    environment = {"MUSTER_DATABASE_URL": stand.dsn("muster_bridge")}
    with Child("deploy.bench.look_up", environment=environment) as child:
        return child.read(600)


async def _pages(stand: Stand, often: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each kind of list, search and count: median, 99th percentile, longest."""
    dice = random.Random(1)
    asked = stand.query("select code from registry.terminal where mod(id, 997) = 1 limit 200")
    codes = [code for (code,) in asked]
    numbers = stand.query("select imei from registry.hardware limit 200") or [("490154203237518",)]
    found: dict[str, dict[str, float]] = {}
    async with await open_pool(stand.dsn("muster_api"), name="bench") as pool:
        for title, scope, ask in await _questions(pool, dice, codes, [n for (n,) in numbers]):
            took = []
            for _ in range(often):
                began = time.perf_counter()
                async with transaction(pool, scope.settings()) as conn:
                    await ask(conn)
                took.append((time.perf_counter() - began) * 1000)
            found[title] = _spread(took)
    return found


Ask = Callable[[Connection], Awaitable[object]]


async def _questions(
    pool: Pool, dice: random.Random, codes: Sequence[str], imeis: Sequence[str]
) -> list[tuple[str, Scope, Ask]]:
    """Every kind of list as headquarters, a province and the largest client ask for it."""
    province = Scope.of_role("user:province", Role.SUPERVISOR, region=_PROVINCE)
    scopes = {"all": _EVERYBODY, "province": province}
    async with transaction(pool, _EVERYBODY.settings()) as conn:
        clients = await group_clients.list_page(conn, _EVERYBODY, limit=3)
    if clients.items:
        own = frozenset({clients.items[0].id})
        scopes["client"] = Scope.of_role("user:client", Role.CLIENT_VIEWER, group_clients=own)
    service = TerminalState.IN_SERVICE
    filters: Mapping[str, dict[str, Any]] = {
        "": {},
        "prefix": {"prefix": "SM-3205"},
        "region": {"region": _CITY},
        "state": {"state": TerminalState.MAINTENANCE},
        "state, region": {"state": TerminalState.MAINTENANCE, "region": _PROVINCE},
        "profile, region": {"profile": "transformer_station", "region": _PROVINCE},
        "sector": {"sector": Sector.SECURITY},
        "tag": {"tag": "priority"},
        "rare tag, region": {"tag": "batch-2026-09", "region": _CITY},
        "silent": {"data": Heard.ABSENT, "state": service},
        "silent, region": {"data": Heard.ABSENT, "state": service, "region": _CITY},
        "never": {"data": Heard.NEVER},
        "session": {"session": SessionState.OFFLINE},
        "name": {"q": "西湖路"},
        "rare name": {"q": "火车站99号"},
    }

    def listing(scope: Scope, narrowed: dict[str, Any]) -> Ask:
        key: list[str | None] = [None]

        async def ask(conn: Connection) -> None:  # a page further each time
            page = await presence.list_terminals(conn, scope, after=key[0], **narrowed)
            key[0] = page.next_key

        return ask

    def counting(scope: Scope, narrowed: dict[str, Any]) -> Ask:
        return lambda conn: tally.count(conn, scope, **narrowed)

    def looking(scope: Scope, words: Sequence[str], length: int) -> Ask:
        return lambda conn: search.look_up(conn, scope, dice.choice(words)[:length])

    def finding(scope: Scope, length: int) -> Ask:
        return lambda conn: presence.list_terminals(conn, scope, q=dice.choice(imeis)[:length])

    questions: list[tuple[str, Scope, Ask]] = []
    for name, scope in scopes.items():
        for kind, narrowed in filters.items():
            questions.append((f"page {name}: {kind}", scope, listing(scope, narrowed)))
        questions += [
            (f"page {name}: whole IMEI", scope, finding(scope, 15)),
            (f"page {name}: 12 digits", scope, finding(scope, 12)),
            (f"search {name}: code", scope, looking(scope, codes, 64)),
            (f"search {name}: 8 characters", scope, looking(scope, codes, 8)),
            (f"search {name}: IMEI", scope, looking(scope, imeis, 15)),
            (f"search {name}: name", scope, looking(scope, ["华远", "电表", "西湖"], 2)),
            (f"count {name}: all", scope, counting(scope, {})),
            (f"count {name}: silent", scope, counting(scope, filters["silent"])),
            (f"count {name}: tag", scope, counting(scope, filters["tag"])),
            (f"overview {name}", scope, _overview(scope)),
        ]
    return questions


def _overview(scope: Scope) -> Ask:
    return lambda conn: tally.fleet(conn, scope)


def _spread(took: Sequence[float]) -> dict[str, float]:
    percentiles = quantiles(took, n=100, method="inclusive") if len(took) > 1 else [took[0]] * 99
    return {
        "p50": round(percentiles[49], 2),
        "p99": round(percentiles[98], 2),
        "longest": round(max(took), 2),
    }


def registry_figures(grown: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """The goals' figures at the largest size, against the smallest of the same run."""
    small, large = grown[0], grown[-1]

    def rates(of: Mapping[str, Any]) -> list[float]:
        """Durable ingest against the discarding client of the same round."""
        by = {(turn["who"], turn["round"]): turn["rate"] for turn in of["turns"]}
        return [
            rate / by[Who.DISCARDING, number]
            for (who, number), rate in by.items()
            if who == Who.BRIDGE
        ]

    resident = [t["resident_mb"] for t in large["turns"] if t["who"] == Who.BRIDGE]
    pages = [s["p99"] for title, s in large["pages"].items() if title.startswith("page")]
    return figures(
        [
            ("P5", "P1 with all / with 1,000", ">=", 0.95, rates(large), rates(small)),
            ("P5", "bridge resident, MB", "<=", 200.0, resident, None),
            ("P5", "directory ready, s", "<=", 15.0, [large["directory"]["seconds"]], None),
            ("P8", "p99 of a page, ms", "<=", 50.0, pages, None),
        ]
    )
