"""`muster bench api`: what reading through the API costs beside the same SQL run by hand (P8).

The rows are made once and known, and each answer's rows are counted, the API's and those of the
SQL. Both are asked in turn about the same terminal, the API over one connection that is kept. Then
several ask at once: how many answers a second of the API's CPU gives, with its memory.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from statistics import median, quantiles
from typing import Any

import psycopg

from deploy.bench import ingest, known_rows
from deploy.bench.figures import Figure, figures
from deploy.bench.fleet import Growing
from deploy.bench.known_rows import EVERY
from deploy.bench.processes import RoundFailed, cpu_seconds, resident_megabytes
from deploy.bench.serving import HOST, serving
from deploy.bench.stand import PROFILE, Stand, built
from foundation.database import open_pool, transaction
from registry import api_keys
from registry.scope import Role, Scope

TALKING = 1000

_SCOPE = Scope.system("bench")
_AT_ONCE = 4
_KEPT_SECONDS = 4  # the server hangs up on who is idle for 5
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_PAGE = "page of terminals"
_UNLIMITED = {"LIMIT_ADDRESS": "off", "LIMIT_READ": "off", "LIMIT_EXPENSIVE": "off"}
_OF_MANY = f"""select l.* from telemetry.latest l join registry.terminal t on t.id = l.terminal_id
join registry.profile p on p.id = t.profile_id
where p.code = '{PROFILE}' order by t.code"""  # noqa: S608 - the name is ours
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Sizes to measure, each terminals on the roll and rows stored; how often and how long."""

    sizes: Sequence[tuple[int, int]] = ((TALKING, 1_000_000), (3_000_000, 100_000_000))
    rounds: int = 3
    often: int = 40
    seconds: float = 10


@dataclass(frozen=True, slots=True)
class Question:
    """A path of the API, SQL that says the same, and how many rows both are to give.

    `{code}` and `%(id)s` stand for the terminal that is asked about; `part` names the list of rows
    in the answer, and `span` is how far back it looks.
    """

    title: str
    path: str
    query: str
    rows: int
    part: str = "items"
    span: timedelta = timedelta()


def run(plan: Plan, tell: Told) -> dict[str, Any]:
    """Measure everything in the plan; the result as JSON."""
    tell("starting a throwaway database")
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with built(TALKING, 1) as stand:
        stand.cluster.set_password("muster_api")
        fleet = Growing(stand.dsn(), max(terminals for terminals, _ in plan.sizes))
        secret = asyncio.run(_key(stand))
        total, each, grown = TALKING, 0, []
        for terminals, rows in plan.sizes:
            if terminals > total:
                total = fleet.grow(terminals - total, tell)
            began = time.monotonic()
            asyncio.run(known_rows.fill(stand, end, each, rows // TALKING, tell))
            each = rows // TALKING
            size = {"terminals": total, "rows": each * TALKING}
            size["rows_made_in_seconds"] = round(time.monotonic() - began)
            grown.append(size | _of_size(stand, plan, secret, questions(end, each), tell))
        described = ingest.machine(stand)
    return {
        "benchmark": "api",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "plan": asdict(plan),
        "figures": [asdict(figure) for figure in _figures(grown)],
        "sizes": grown,
    }


async def _key(stand: Stand) -> str:
    async with (
        await open_pool(stand.dsn(), name="bench") as pool,
        transaction(pool, _SCOPE.settings()) as conn,
    ):
        return (await api_keys.issue(conn, _SCOPE, name="bench", role=Role.ADMIN)).secret


def questions(end: datetime, each: int) -> list[Question]:
    """What programs ask most, of rows that reach as far back as each terminal's do."""
    said = "/api/v1/terminals/{code}/telemetry"
    table = f"telemetry.{PROFILE} where terminal_id = %(id)s"
    averages = ", ".join(f"avg({name})" for name in ("voltage", "current", "power", "temperature"))

    def raw(title: str, span: timedelta) -> Question:
        query = f"select * from {table} and {_since(end, span)} order by time"  # noqa: S608
        path = f"{said}?{_window(end, span)}"
        return Question(title, path, query, span // EVERY, "times", span)

    def by_step(title: str, span: timedelta, step: timedelta) -> Question:
        seconds = int(step.total_seconds())
        bucket = f"time_bucket('{seconds} s', time)"
        query = f"select {bucket}, {averages} from {table} and {_since(end, span)}"  # noqa: S608
        path = f"{said}?step={seconds}&{_window(end, span)}"
        query += " group by 1 order by 1"
        return Question(title, path, query, span // step, "times", span)

    asked = [
        Question(
            "newest values of a terminal",
            "/api/v1/terminals/{code}/latest",
            "select metric, time, number from telemetry.latest where terminal_id = %(id)s",
            4,
        ),
        Question(
            "newest values of 1,000 terminals",
            "/api/v1/telemetry/latest?limit=1000&profile=" + PROFILE,
            _OF_MANY,
            4000,
        ),
        raw("an hour, each value", _HOUR),
        raw("6 days, each value", 6 * _DAY),
        by_step("a day by 15 minutes", _DAY, _HOUR / 4),
        by_step("30 days by the hour", 30 * _DAY, _HOUR),
        Question(
            _PAGE,
            "/api/v1/terminals?limit=50",
            "select code, name, tags from registry.terminal order by region_code, id limit 50",
            50,
        ),
    ]
    return [one for one in asked if one.span <= each * EVERY]


def _window(end: datetime, span: timedelta) -> str:
    return f"from={end - span:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}"


def _since(end: datetime, span: timedelta) -> str:
    return f"time >= '{end - span:%Y-%m-%d %H:%M:%S}+00' and time < '{end:%Y-%m-%d %H:%M:%S}+00'"


def _of_size(
    stand: Stand, plan: Plan, secret: str, asked: Sequence[Question], tell: Told
) -> dict[str, Any]:
    """Everything that is measured of one size."""
    found = stand.query(
        "select code, id from registry.terminal where code = any (%s)", stand.terminals
    )
    dice = random.Random(1)
    with serving(stand, **_UNLIMITED) as (child, port), closing(Api(port, secret)) as api:
        begins_mb = resident_megabytes(child.pid)
        with psycopg.connect(stand.dsn(), autocommit=True) as conn:
            turns: dict[str, list[dict[str, float]]] = {one.title: [] for one in asked}
            for number in range(1, plan.rounds + 1):
                for one in asked:
                    tell(f"{one.title}, round {number} of {plan.rounds}")
                    drawn = [dice.choice(found) for _ in range(plan.often)]
                    turns[one.title].append(_turn(api, conn, one, drawn))
        crowd = [_crowd(child.pid, port, secret, one, found, plan.seconds) for one in asked]
        return {
            "turns": turns,
            "at_once": crowd,
            "resident_mb": {
                "at first": round(begins_mb, 1),
                "at last": round(resident_megabytes(child.pid), 1),
            },
        }


def _turn(
    api: "Api",
    conn: psycopg.Connection[Any],
    one: Question,
    drawn: Sequence[tuple[str, int]],
) -> dict[str, float]:
    """Milliseconds of both ways, asked in turn; `RoundFailed` where one gives other rows."""
    by_api, by_hand = [], []
    for code, number in drawn:
        began = time.perf_counter()
        body = api.ask(one.path.format(code=code))
        by_api.append((time.perf_counter() - began) * 1000)
        _expect(one, one.title, _rows_in(one, body))
        began = time.perf_counter()
        rows = conn.execute(one.query.encode(), {"id": number}).fetchall()
        by_hand.append((time.perf_counter() - began) * 1000)
        _expect(one, f"{one.title} by SQL", len(rows))
    return {
        "ratio": round(median(by_api) / median(by_hand), 3),
        "api_ms": round(median(by_api), 2),
        "api_p99_ms": round(_p99(by_api), 2),
        "sql_ms": round(median(by_hand), 2),
    }


def _rows_in(one: Question, body: bytes) -> int:
    found = json.loads(body)[one.part]
    of_each = [item["items"] for item in found if isinstance(item, dict) and "items" in item]
    return sum(map(len, of_each)) if of_each else len(found)


def _expect(one: Question, what: str, rows: int) -> None:
    if rows != one.rows:
        raise RoundFailed(f"{what} gave {rows:,} rows, not {one.rows:,}.")


def _p99(took: Sequence[float]) -> float:
    return quantiles(took, n=100, method="inclusive")[98] if len(took) > 1 else took[0]


def _crowd(
    pid: int,
    port: int,
    secret: str,
    one: Question,
    found: Sequence[tuple[str, int]],
    seconds: float,
) -> dict[str, Any]:
    """Several who ask without a pause: answers a second, and a second of the API's CPU."""
    until = time.monotonic() + seconds

    def asks(seed: int) -> int:
        dice, answers = random.Random(seed), 0
        with closing(Api(port, secret)) as api:
            while time.monotonic() < until:
                api.ask(one.path.format(code=dice.choice(found)[0]))
                answers += 1
        return answers

    used, began = cpu_seconds(pid), time.monotonic()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = sum(pool.map(asks, range(_AT_ONCE)))
    took = time.monotonic() - began
    return {
        "title": one.title,
        "answers": answers,
        "a_second": round(answers / took, 1),
        "a_cpu_second": round(answers / max(cpu_seconds(pid) - used, 0.01), 1),
    }


class Api:
    """One connection to the API that is kept, with a key; opened anew where it was idle."""

    def __init__(self, port: int, secret: str) -> None:
        self._connection = HTTPConnection(HOST, port, timeout=120)
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._asked_at = time.monotonic()

    def ask(self, path: str) -> bytes:
        """The body of an answer; `RoundFailed` unless it is 200."""
        if time.monotonic() - self._asked_at > _KEPT_SECONDS:
            self._connection.close()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        self._asked_at = time.monotonic()
        if answer.status != 200:
            raise RoundFailed(f"{path} was answered by {answer.status}: {body[:200].decode()}")
        return body

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def _figures(grown: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """The goals' figures at the largest size."""
    turns = grown[-1]["turns"]
    ratios = [
        ("P8", f"{title}: API / SQL", "<=", 1.3, [turn["ratio"] for turn in of], None)
        for title, of in turns.items()
        if title != _PAGE
    ]
    pages = [turn["api_p99_ms"] for turn in turns[_PAGE]]
    return figures([*ratios, ("P8", "p99 of a page over HTTP, ms", "<=", 50.0, pages, None)])
