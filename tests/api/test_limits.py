"""How much anybody may ask, and what becomes of a request that takes too long or is given up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.dependencies import Transaction, Who
from api.errors import RateExceeded
from api.limits import Buckets, Limit
from foundation.database import transaction
from foundation.settings import Settings
from registry import api_keys
from registry.scope import Role
from tests.api.conftest import asking
from tests.api.served import served
from tests.api.test_sign_in import Clock, sign_in
from tests.api.world import SYSTEM, TRANSIT, World

TERMINAL = "/api/v1/terminals/METER-1"


@asynccontextmanager
async def limited(house: World, **settings: object) -> AsyncIterator[FastAPI]:
    """The application with other settings than its own."""
    app = create_app(Settings.model_validate({"database_url": house.database.api, **settings}))
    async with app.router.lifespan_context(app):
        yield app


def test_a_bucket_gives_its_quota_at_once_and_is_filled_evenly() -> None:
    """Ten at once, the eleventh waits; half the window later there are five more, not ten."""
    clock = Clock()
    bucket = Buckets(Limit.READ, 10, 60, clock)
    left = [bucket.take("a").left for _ in range(10)]
    with pytest.raises(RateExceeded) as refused:
        bucket.take("a")
    clock.now += 30
    again = [bucket.take("a").left for _ in range(5)]
    with pytest.raises(RateExceeded):
        bucket.take("a")
    assert left == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert again == [4, 3, 2, 1, 0]
    assert refused.value.wait_seconds == 6
    assert bucket.take("b").left == 9


@pytest.mark.parametrize("now", [0.1, 1e3 / 3, 86_400 * 365.1])
def test_a_whole_bucket_gives_its_last_request(now: float) -> None:
    """At whatever time of the clock: no rounding makes it one less."""
    clock = Clock()
    clock.now = now
    for quota in (1, 3, 7, 6000):
        bucket = Buckets(Limit.READ, quota, 3600, clock)
        assert [bucket.take("a").left for _ in range(quota)][-1] == 0


def test_who_waits_as_long_as_told_is_let_in() -> None:
    """And whoever asks before loses nothing by it."""
    clock = Clock()
    bucket = Buckets(Limit.READ, 3, 10, clock)
    for _ in range(50):
        try:
            bucket.take("a")
        except RateExceeded as refused:
            clock.now += refused.wait_seconds
            bucket.take("a")


async def test_each_caller_has_an_allowance_and_is_told_how_it_stands(house: World) -> None:
    """Headers on every answer, 429 with Retry-After when it is used up; another key goes on."""
    async with limited(house, limit_read="3/60") as app:
        async with asking(app, house.keys["admin"]) as client:
            answers = [await client.get(TERMINAL) for _ in range(4)]
            metrics = (await client.get("/metrics")).text
        async with asking(app, house.keys["jiangsu"]) as client:
            other = await client.get(TERMINAL)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit-policy"] for answer in answers[:3]] == ['"read";q=3;w=60'] * 3
    assert [answer.headers["ratelimit"] for answer in answers[:3]] == [
        '"read";r=2;t=20', '"read";r=1;t=40', '"read";r=0;t=60',
    ]  # fmt: skip
    assert answers[3].json()["code"] == "rate_limited"
    assert 1 <= int(answers[3].headers["retry-after"]) <= 20
    assert 'muster_api_limited_total{limit="read"} 1.0' in metrics
    assert other.status_code == 200


async def test_reading_changing_and_reading_much_are_counted_apart(house: World) -> None:
    """A used-up allowance for one leaves the others whole."""
    limits = {"limit_read": "9/60", "limit_change": "1/60", "limit_expensive": "1/60"}
    async with limited(house, **limits) as app, asking(app, house.keys["admin"]) as client:
        changed = [await client.delete(f"{TERMINAL}/credential") for _ in range(2)]
        much = [await client.get(f"{TERMINAL}/telemetry") for _ in range(2)]
        read = await client.get(TERMINAL)
    assert [answer.status_code for answer in changed] == [204, 429]
    assert [answer.status_code for answer in much] == [200, 429]
    assert (read.status_code, read.headers["ratelimit"]) == (200, '"read";r=8;t=7')


async def test_all_keys_of_a_client_share_the_clients_allowance(house: World) -> None:
    """A second key of the client gets no more; a client beside it and the operator are free."""
    async with limited(house, limit_client="3/60") as app:
        async with transaction(app.state.pool, SYSTEM.settings()) as conn:
            second = await api_keys.issue(
                conn, SYSTEM, name="second", role=Role.CLIENT_VIEWER, group_clients=[TRANSIT]
            )
        statuses = []
        for key in (*[house.keys["transit"]] * 2, *[second.secret] * 2, house.keys["power"]):
            async with asking(app, key) as client:
                answer = await client.get("/api/v1/regions")
                statuses.append(
                    (answer.status_code, "client" in answer.headers.get("ratelimit", ""))
                )
        async with asking(app, house.keys["admin"]) as client:
            everybody = await client.get("/api/v1/regions")
    assert statuses == [(200, True), (200, True), (200, True), (429, False), (200, True)]
    assert "client" not in everybody.headers["ratelimit"]


async def test_an_address_is_limited_before_anybody_is_looked_up(house: World) -> None:
    """Made-up keys cost nothing but a 429, even while the database is away; people get a page."""
    async with limited(house, limit_address="3/60") as app, asking(app) as client:
        before = [await client.get(TERMINAL) for _ in range(3)]
        await app.state.pool.close()
        refused = await client.get(TERMINAL, headers={"Authorization": "Bearer mk_made_up"})
        page = await client.get("/terminals")
        health = await client.get("/health/live")
        metrics = await client.get("/metrics")
    assert [answer.status_code for answer in before] == [401] * 3
    assert before[0].headers["ratelimit"].startswith('"address";r=2;')
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert (page.status_code, page.headers["content-type"]) == (429, "text/html; charset=utf-8")
    assert (health.status_code, metrics.status_code) == (200, 200)


async def test_an_address_is_what_one_asker_has(house: World) -> None:
    """All of an IPv6 /64 is one; IPv4 addresses, also mapped ones, are one each."""
    hosts = ["2001:db8::1", "2001:db8::2:3", "2001:db8:0:1::1", "192.0.2.1", "::ffff:192.0.2.1"]
    left = []
    async with limited(house, limit_address="9/60") as app:
        for host in hosts:
            transport = httpx.ASGITransport(app=app, client=(host, 5000))
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                answer = await client.get("/health/live")
            left.append(answer.headers["ratelimit"].split(";")[1])
    assert left == ["r=8", "r=7", "r=8", "r=8", "r=7"]


async def test_sign_ins_are_limited_by_address(house: World) -> None:
    """Also with the right password: each one costs a hash."""
    rules = {"limit_sign_in": "2/60", "second_factor": "off"}
    async with limited(house, **rules) as app, asking(app) as client:
        statuses = [(await sign_in(client)).status_code for _ in range(3)]
    assert statuses == [303, 303, 429]


async def test_a_limit_may_be_taken_away(house: World) -> None:
    """`off` counts nothing and tells nothing."""
    off = {f"limit_{limit}": "off" for limit in Limit}
    async with limited(house, **off) as app, asking(app, house.keys["power"]) as client:
        answer = await client.get(TERMINAL)
    assert answer.status_code == 200
    assert "ratelimit" not in answer.headers


async def test_limits_are_on_by_default(house: World, app: FastAPI) -> None:
    """Whatever is asked with a key says by which allowance; a hundred a second go on for ever."""
    async with asking(app, house.keys["power"]) as client:
        for path in ("terminals", "group-clients", "regions", "profiles", "quarantine"):
            policy = (await client.get(f"/api/v1/{path}")).headers["ratelimit-policy"]
            assert policy == '"read";q=12000;w=60, "client";q=24000;w=60'
    for limit in (Limit.READ, Limit.CHANGE):
        quota, seconds = map(int, getattr(app.state.settings, f"limit_{limit}").split("/"))
        assert quota / seconds >= 100


def slow_route(app: FastAPI) -> None:
    """Give the application `/slow`, which answers after a query of 5 s that may see everything."""

    async def slow(caller: Who, conn: Transaction) -> None:
        await conn.execute("select set_config('muster.everything', 'on', true), pg_sleep(5)")

    app.add_api_route("/api/v1/slow", slow)


async def left_behind(app: FastAPI) -> str:
    """What the connection that is used next knows of somebody's scope."""
    async with app.state.pool.connection() as conn:
        cursor = await conn.execute(
            "select concat(current_setting('muster.actor', true),"
            " current_setting('muster.region_low', true)) as scope"
        )
        return str((await cursor.fetchone())["scope"])


async def test_a_query_that_takes_too_long_is_ended(house: World) -> None:
    """503 with a problem that says what to do, at the timeout; the connection is clean."""
    one = {"database_pool_size": 1, "statement_timeout_seconds": 0.2}
    async with limited(house, **one) as app, asking(app, house.keys["admin"]) as client:
        slow_route(app)
        answer = await client.get("/api/v1/slow")
        assert await left_behind(app) == ""
        after = await client.get(TERMINAL)
    assert (answer.status_code, answer.json()["code"]) == (503, "took_too_long")
    assert int(answer.headers["retry-after"]) >= 1
    assert "pg_sleep" not in answer.text
    assert after.status_code == 200


def sleeping(house: World, like: str) -> int:
    """How many queries that read so sleep in the database."""
    with psycopg.connect(house.database.superuser) as conn:
        rows = conn.execute(
            "select from pg_stat_activity where datname = current_database() and state = 'active'"
            " and query like %s and pid <> pg_backend_pid()",
            (like,),
        )
        return len(rows.fetchall())


async def until(house: World, queries: int, like: str = "%pg_sleep%") -> None:
    """Wait until so many queries that read so sleep."""
    async with asyncio.timeout(30):
        while await asyncio.to_thread(sleeping, house, like) != queries:  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_who_hangs_up_leaves_no_query_behind(house: World, body: bytes) -> None:
    """The query is cancelled, and the connection serves the next one without a trace."""
    one = {"database_pool_size": 1, "statement_timeout_seconds": 60}
    async with limited(house, **one) as app, served(app) as port:

        async def slow(caller: Who, conn: Transaction, given: dict[str, int] | None = None) -> None:
            await conn.execute("select pg_sleep(60)")

        app.add_api_route("/api/v1/slow", slow, methods=["POST"])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /api/v1/slow HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {house.keys['admin']}\r\n".encode()
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await until(house, queries=1)
        writer.close()
        await until(house, queries=0)
        assert await left_behind(app) == ""
        async with asking(app, house.keys["power"]) as client:
            assert (await client.get(TERMINAL)).status_code == 200
            assert "muster_api_abandoned_total 1.0" in (await client.get("/metrics")).text


async def test_who_waits_is_not_taken_for_gone(house: World, app: FastAPI) -> None:
    """Many requests on one connection, with bodies and without, are answered to their end."""
    async with served(app) as port:
        base = f"http://127.0.0.1:{port}"
        headers = {"Authorization": f"Bearer {house.keys['admin']}"}
        async with httpx.AsyncClient(base_url=base, headers=headers) as client:
            for _ in range(20):
                read = await client.get(TERMINAL)
                made = await client.post(f"{TERMINAL}/credential")
                refused = await client.patch(TERMINAL, json={"state": "testing"})
                statuses = (read.status_code, made.status_code, refused.status_code)
                assert statuses == (200, 201, 409)
            assert "muster_api_abandoned_total 0.0" in (await client.get("/metrics")).text
