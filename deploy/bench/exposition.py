"""`muster bench exposition`: series written for Prometheus beside its own client library (P9).

A million series are held in memory, the same ones by both, and written out in turn; each line is
compared. Then group clients of some sizes are scraped over HTTP from a database on the stand, every
line counted, while newest values are kept as the jobs do it, which must not wait for a scrape.
"""

import asyncio
import gc
import gzip
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from threading import Event, Thread
from typing import Any

import numpy as np
import psycopg
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from api import exposition
from deploy.bench import ingest
from deploy.bench.figures import Figure, Row, figures
from deploy.bench.processes import Child, RoundFailed, cpu_seconds, resident_megabytes
from deploy.bench.serving import HOST, serving
from deploy.bench.stand import PROFILE, Stand, built
from foundation.database import open_pool, transaction
from registry import api_keys
from registry.scope import Role, Scope
from telemetry.exposition import Exposed, Heard, Newest

METRICS = 10
OF_THE_STAND = 4

_SCOPE = Scope.system("bench")
_UNLIMITED = {"LIMIT_ADDRESS": "off", "LIMIT_READ": "off"}
_GOALS_MS = {10_000: 200.0, 100_000: 2000.0}
_KEPT_AT_ONCE = 1000
Told = Callable[[str], None]

_CLIENT = """
insert into registry.industry (code, title_zh, title_en, class) values ('bench', '台架', 'Bench', 'other')
    on conflict do nothing;
insert into registry.tier (code, title_zh, title_en) values ('bench', '台架', 'Bench') on conflict do nothing;
insert into registry.group_client (code, name, region_code, level, industry_code, tier_code)
    values ('fleet-{size}', 'fleet', 0, 'headquarters', 'bench', 'bench');
with t as (
    insert into registry.terminal (code, state, profile_id, group_client_id, region_code)
    select 'FLEET-{size}-' || n, 'in_service', p.id, c.id, 0
    from generate_series(1, {size}) n, registry.profile p, registry.group_client c
    where p.code = '{profile}' and c.code = 'fleet-{size}' returning id, code, group_client_id),
o as (
    insert into registry.ownership (terminal_id, terminal_code, group_client_id, valid_from)
    select id, code, group_client_id, '-infinity' from t),
p as (insert into telemetry.presence (terminal_id, data_at) select id, now() from t)
insert into telemetry.latest (terminal_id, metric, time, number)
    select t.id, m.name, now(), round(random()::numeric * 100, 3)
    from t cross join registry.profile_metric m join registry.profile p on p.id = m.profile_id
    where p.code = '{profile}';
"""  # noqa: E501
_KEEP = """
insert into telemetry.latest (terminal_id, metric, time, number)
select terminal_id, metric, now(), number + 1 from (
    select terminal_id, metric, number from telemetry.latest order by terminal_id, metric
    limit {rows}) kept
on conflict (terminal_id, metric) do update set time = excluded.time, number = excluded.number"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many series are written from memory, of how many terminals scraped, and how often."""

    series: int = 1_000_000
    sizes: Sequence[int] = (10_000, 100_000)
    rounds: int = 5


def run(plan: Plan, tell: Told) -> dict[str, Any]:
    """Measure everything in the plan; the result as JSON."""
    written = _write(plan, tell)
    tell("starting a throwaway database")
    with built(10, 1) as stand:
        stand.cluster.set_password("muster_api")
        for size in plan.sizes:
            tell(f"putting {size:,} terminals on the roll")
            _settle(stand, size)
        scraped = _scrape_all(stand, plan, tell)
        described = ingest.machine(stand)
    return {
        "benchmark": "exposition",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "plan": asdict(plan),
        "figures": [asdict(figure) for figure in _figures(written, scraped)],
        "written": written,
        "scraped": scraped,
    }


def held(series: int) -> Exposed:
    """A client whose terminals of ten metrics are so many series, with values of three decimals."""
    count = series // METRICS
    dice = np.random.default_rng(1)
    heard = Heard(
        profile=PROFILE,
        terminals=count,
        heard=count,
        online=count,
        ids=np.arange(count, dtype=np.int32),
        codes=[f"BENCH-{number:07d}" for number in range(count)],
        last_seen=np.zeros(0),
    )
    newest = [
        Newest(
            profile=PROFILE,
            metric=f"metric_{number}",
            unit="V",
            title="A metric",
            series=count,
            lowest=0,
            highest=0,
            mean=0,
            places=np.arange(count),
            values=np.round(dice.uniform(180, 260, count), 3),
        )
        for number in range(METRICS)
    ]
    return Exposed(
        heard=[heard],
        newest=newest,
        series=series,
        most=series,
        as_of=None,
        metrics={PROFILE: frozenset()},
    )


def by_the_library(exposed: Exposed) -> CollectorRegistry:
    """The same series as gauges of prometheus_client."""
    registry = CollectorRegistry()
    codes = exposed.heard[0].codes
    for newest in exposed.newest:
        gauge = Gauge(
            f"muster_reading_{newest.metric}_volts",
            newest.title,
            ["profile", "terminal"],
            registry=registry,
        )
        for code, value in zip(codes, newest.values.tolist(), strict=True):
            gauge.labels(newest.profile, code).set(value)
    return registry


def samples(text: bytes) -> list[bytes]:
    """The lines that are samples of readings, in order."""
    return sorted(line for line in text.split(b"\n") if line.startswith(b"muster_reading_"))


def _write(plan: Plan, tell: Told) -> dict[str, list[float]]:
    """Seconds that both ways took, in each round; RoundFailed where they differ in a line."""
    tell(f"holding {plan.series:,} series in both ways")
    exposed = held(plan.series)
    registry = by_the_library(exposed)
    took: dict[str, list[float]] = {"ours": [], "prometheus_client": []}
    gc.disable()  # of both: a million objects that live on are no business of the writers
    try:
        for number in range(1, plan.rounds + 1):
            tell(f"writing, round {number} of {plan.rounds}")
            began = time.perf_counter()
            ours = b"".join(exposition.blocks(exposed, exposition.TEXT))
            middle = time.perf_counter()
            theirs = generate_latest(registry)
            ended = time.perf_counter()
            took["ours"].append(round(middle - began, 4))
            took["prometheus_client"].append(round(ended - middle, 4))
            mine = samples(ours)
            if len(mine) != plan.series or mine != samples(theirs):
                raise RoundFailed("The two did not write the same series.")
    finally:
        gc.enable()
    return took


def _settle(stand: Stand, size: int) -> None:
    with psycopg.connect(
        stand.dsn(), autocommit=True, options="-c session_replication_role=replica"
    ) as conn:
        conn.execute(_CLIENT.format(size=size, profile=PROFILE).encode())
        conn.execute(
            "insert into registry.group_client_lineage select id, id from registry.group_client"
            " on conflict do nothing"
        )
        conn.execute("vacuum analyze")


def _scrape_all(stand: Stand, plan: Plan, tell: Told) -> list[dict[str, Any]]:
    secret = asyncio.run(_key(stand))
    with serving(stand, **_UNLIMITED) as (child, port):
        return [
            _scraped(stand, child, port, secret, size, plan.rounds, tell) for size in plan.sizes
        ]


async def _key(stand: Stand) -> str:
    async with (
        await open_pool(stand.dsn(), name="bench") as pool,
        transaction(pool, _SCOPE.settings()) as conn,
    ):
        return (await api_keys.issue(conn, _SCOPE, name="bench", role=Role.ADMIN)).secret


def _scraped(
    stand: Stand, child: Child, port: int, secret: str, size: int, rounds: int, tell: Told
) -> dict[str, Any]:
    """Milliseconds of scrapes of one client, and of keeping values alone and beside them."""
    took: dict[str, list[float]] = {"identity": [], "gzip": []}
    sent: dict[str, int] = {}
    used = cpu_seconds(child.pid)
    for number in range(1, rounds + 1):
        for coding, each in took.items():
            tell(f"scraping {size:,} terminals ({coding}), round {number} of {rounds}")
            began = time.perf_counter()
            body = _ask(port, secret, size, coding)
            each.append(round((time.perf_counter() - began) * 1000, 1))
            sent[coding] = len(body)
            text = gzip.decompress(body) if coding == "gzip" else body
            expected = size * (OF_THE_STAND + 1)
            if (lines := text.count(b'terminal="')) != expected:
                raise RoundFailed(f"A scrape had {lines:,} series, not {expected:,}.")
    cpu_ms = (cpu_seconds(child.pid) - used) * 1000 / (2 * rounds)
    alone = _keep(stand, rounds)
    with _scraping(port, secret, size):
        beside = _keep(stand, rounds)
    return {
        "terminals": size,
        "series": size * (OF_THE_STAND + 1),
        "ms": took,
        "bytes": sent,
        "cpu_ms": round(cpu_ms),
        "resident_mb": round(resident_megabytes(child.pid), 1),
        "keeping_ms": {"alone": alone, "beside scrapes": beside},
    }


def _ask(port: int, secret: str, size: int, coding: str) -> bytes:
    headers = {"Authorization": f"Bearer {secret}", "Accept-Encoding": coding}
    with closing(HTTPConnection(HOST, port, timeout=120)) as line:
        line.request("GET", f"/api/v1/group-clients/fleet-{size}/metrics", headers=headers)
        answer = line.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RoundFailed(f"A scrape was answered by {answer.status}: {body[:300].decode()}")
        return body


def _keep(stand: Stand, rounds: int) -> list[float]:
    """Milliseconds of keeping a thousand newest values, again and again."""
    took = []
    with psycopg.connect(stand.dsn(), autocommit=True) as conn:
        for _ in range(10 * rounds):
            began = time.perf_counter()
            conn.execute(_KEEP.format(rows=_KEPT_AT_ONCE).encode())
            took.append(round((time.perf_counter() - began) * 1000, 1))
    return took


@contextmanager
def _scraping(port: int, secret: str, size: int) -> Iterator[None]:
    """One scrape after the other within, without a pause."""
    over = Event()

    def scrape() -> None:
        while not over.is_set():
            _ask(port, secret, size, "gzip")

    thread = Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _figures(written: dict[str, list[float]], scraped: Sequence[dict[str, Any]]) -> list[Figure]:
    rows: list[Row] = [
        ("P9", "prometheus_client / ours", ">=", 10.0, written["prometheus_client"],
         written["ours"]),
        *(
            ("scrape", f"{one['terminals']:,} terminals, {coding}, ms", "<=",
             _GOALS_MS[one["terminals"]], of, None)
            for one in scraped
            if one["terminals"] in _GOALS_MS
            for coding, of in one["ms"].items()
        ),
    ]  # fmt: skip
    return figures(rows)
