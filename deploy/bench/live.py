"""`muster bench live`: what open streams cost those who ask the API meanwhile, and what they get.

In each round the same requests are made at the same pace without streams and with them, while the
same readings are committed. Every reading has a number; afterwards each stream has the numbers of
its own terminals, each once, or the run has failed.
"""

import asyncio
import http.client
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any

import numpy as np

from deploy.bench import ingest
from deploy.bench.figures import figures
from deploy.bench.processes import Child, cpu_seconds, resident_megabytes
from deploy.bench.serving import HOST, serving
from deploy.bench.stand import BRIDGE, PROFILE, Stand, built
from foundation.database import open_pool, transaction
from registry import api_keys, profiles
from registry.model import DeviceProfile, RegionCode
from registry.scope import Role, Scope
from telemetry.rows import Column, Rows
from telemetry.writer import Writer

_SCOPE = Scope.system("bench")
_HEADQUARTERS = RegionCode(0)
_STREAMS_A_KEY = 50
BATCH_SECONDS = 0.25
_SETTLING_SECONDS = 60.0
_PATIENCE_SECONDS = 900.0
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many streams of how many terminals each, what is committed, and how often is asked."""

    streams: int = 500
    terminals_each: int = 20
    readings_a_second: int = 1000
    requests: int = 600
    requests_a_second: int = 20
    rounds: int = 5


@dataclass
class Speaker:
    """Commits readings of all terminals in turn, as a bridge does; keeps who said which number."""

    dsn: str
    profile: DeviceProfile
    ids: Sequence[int]
    a_batch: int
    said: dict[int, list[int]] = field(default_factory=dict)
    number: int = 0

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Commit a batch every quarter of a second while within."""
        stop = threading.Event()
        faults: list[BaseException] = []

        def speak() -> None:
            try:
                asyncio.run(self._speak(stop))
            except BaseException as error:  # noqa: BLE001 - told by who started the thread
                faults.append(error)

        thread = threading.Thread(target=speak, name="speaker")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        if faults:
            raise faults[0]

    async def _speak(self, stop: threading.Event) -> None:
        writer = Writer(self.dsn, BRIDGE)
        try:
            due = time.monotonic()
            while not stop.is_set():
                rows = self._rows()
                async with writer.transaction() as work:
                    await work.store(rows)
                due = max(due + BATCH_SECONDS, time.monotonic())
                await asyncio.sleep(due - time.monotonic())
        finally:
            await writer.close()

    def _rows(self) -> Rows:
        numbers = np.arange(self.number, self.number + self.a_batch)
        self.number += self.a_batch
        ids = np.array(self.ids, np.int32)[numbers % len(self.ids)]
        order = np.lexsort((numbers, ids))
        for terminal_id, number in zip(ids.tolist(), numbers.tolist(), strict=True):
            self.said.setdefault(terminal_id, []).append(number)
        now = time.time_ns() // 1000
        column = Column(numbers[order].astype(np.float64), np.ones(self.a_batch, np.bool_))
        columns = {metric.name: column for metric in self.profile.metrics}
        received = np.full(self.a_batch, now, np.int64)
        return Rows(self.profile, ids[order], received + numbers[order] % 1000, received, columns)


def run(plan: Plan, tell: Told) -> dict[str, Any]:
    """Measure and compare; the result as JSON, `wrong` empty where each got its own once."""
    tell("starting a throwaway database")
    with built(plan.streams * plan.terminals_each, 1) as stand:
        stand.cluster.set_password("muster_api")
        keys, profile, ids = asyncio.run(prepared(stand, plan))
        a_batch = max(1, int(plan.readings_a_second * BATCH_SECONDS))
        speaker = Speaker(stand.dsn("muster_bridge"), profile, list(ids.values()), a_batch)
        with serving(stand) as (api, port):
            rounds = []
            for k in range(plan.rounds):
                tell(f"round {k + 1} of {plan.rounds}")
                rounds.append(_round(plan, stand, speaker, ids, keys, api, port))
        described = ingest.machine(stand)
    without, with_streams = ([r[name]["p99_ms"] for r in rounds] for name in ("without", "with"))
    memory = [r["kilobytes_a_stream"] for r in rounds[:1]]
    return {
        "benchmark": "live",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "plan": asdict(plan),
        "figures": [
            asdict(figure)
            for figure in figures(
                [
                    ("p99", "p99 with streams / without", "<=", 1.2, with_streams, without),
                    ("memory", "KB a stream, the first time", "<=", 200.0, memory, None),
                ]
            )
        ],
        "rounds": rounds,
        "wrong": [line for r in rounds for line in r.pop("wrong")],
    }


def _round(
    plan: Plan,
    stand: Stand,
    speaker: Speaker,
    ids: dict[str, int],
    keys: Sequence[str],
    api: Child,
    port: int,
) -> dict[str, Any]:
    """The same without streams and with them."""
    with speaker.speaking():
        without = ask(plan, stand, keys[0], api, port)
    each = plan.terminals_each
    streams = [stand.terminals[k * each : (k + 1) * each] for k in range(plan.streams)]
    before = resident_megabytes(api.pid)
    with Child("deploy.bench.live_readers", [str(port)]) as readers:
        metric = speaker.profile.metrics[0].name
        readers.send({"keys": keys, "streams": streams, "metric": metric})
        opened = readers.read(_PATIENCE_SECONDS)["open"]
        held = resident_megabytes(api.pid) - before
        speaker.said.clear()
        first = speaker.number
        with speaker.speaking():
            with_streams = ask(plan, stand, keys[0], api, port)
        got = settled(readers, speaker.number - first)
    wanted = [sorted(n for code in own for n in speaker.said.get(ids[code], ())) for own in streams]
    return {
        "without": without,
        "with": with_streams,
        "open": opened,
        "kilobytes_a_stream": round(1000 * held / plan.streams, 1),
        "readings": sum(map(len, got["got"])),
        "wrong": compare(wanted, got["got"]) + got["ends"],
    }


def compare(wanted: Sequence[Sequence[int]], got: Sequence[Sequence[int]]) -> list[str]:
    """A line for each stream that did not get what it should, each once."""
    return [
        f"Stream {k} got {len(own)} readings, {len(set(own))} different ones, of {len(should)}."
        for k, (should, own) in enumerate(zip(wanted, got, strict=True))
        if sorted(own) != list(should)
    ]


def settled(readers: Child, sent: int) -> dict[str, Any]:
    """What came, when all of it has, or when nothing more comes."""
    deadline = time.monotonic() + _SETTLING_SECONDS
    while True:
        readers.tell()
        got = readers.read()
        if sum(map(len, got["got"])) >= sent or time.monotonic() > deadline:
            return got
        time.sleep(0.5)


def ask(plan: Plan, stand: Stand, key: str, api: Child, port: int) -> dict[str, float]:
    """Requests at an even pace, one after the other; how long the slowest hundredth took."""
    took: list[float] = []
    line = http.client.HTTPConnection(HOST, port, timeout=60)
    used, began = cpu_seconds(api.pid), time.monotonic()
    for k in range(plan.requests):
        wait = began + k / plan.requests_a_second - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        code = stand.terminals[(k * 7919) % len(stand.terminals)]
        asked = f"/api/v1/terminals/{code}/latest" if k % 2 else f"/api/v1/terminals/{code}"
        start = time.perf_counter()
        line.request("GET", asked, headers={"Authorization": f"Bearer {key}"})
        answer = line.getresponse()
        answer.read()
        took.append(1000 * (time.perf_counter() - start))
        assert answer.status == 200, answer.status
    line.close()
    busy = (cpu_seconds(api.pid) - used) / (time.monotonic() - began)
    return {
        "p50_ms": round(median(took), 2),
        "p99_ms": round(quantiles(took, n=100)[-1], 2),
        "api_cpu_share": round(busy, 3),
    }


async def prepared(stand: Stand, plan: Plan) -> tuple[list[str], DeviceProfile, dict[str, int]]:
    """Keys of operators, the profile, and the terminals' ids by code."""
    async with (
        await open_pool(stand.dsn(), name="bench", max_size=1) as pool,
        transaction(pool, _SCOPE.settings()) as conn,
    ):
        profile = await profiles.find(conn, _SCOPE, PROFILE)
        keys = [
            await api_keys.issue(
                conn, _SCOPE, name=f"live-{k}", role=Role.OPERATOR, region=_HEADQUARTERS
            )
            for k in range(-(-plan.streams // _STREAMS_A_KEY))
        ]
    ids = dict(stand.query("select code, id from registry.terminal"))
    return [key.secret for key in keys], profile, {code: ids[code] for code in stand.terminals}
