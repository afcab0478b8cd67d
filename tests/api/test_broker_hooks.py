"""The hooks for brokers: who asks, what is answered, and how it fails."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.app import create_app
from foundation.database import open_pool, transaction
from foundation.settings import Settings
from registry import credentials
from tests.api.conftest import asking
from tests.api.world import SYSTEM, World
from tests.cut import out_of_reach

SECRET = "a-secret-of-the-broker-123"
CUT_OFF_SECONDS = 5  # the promise


@asynccontextmanager
async def hooked(house: World, **settings: str) -> AsyncIterator[FastAPI]:
    """The application on the small world, with a secret for brokers."""
    given = {"database_url": house.database.api, "second_factor": "off"}
    app = create_app(Settings.model_validate(given | {"broker_hook_secret": SECRET} | settings))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def broker(house: World) -> AsyncIterator[httpx.AsyncClient]:
    """A broker that shows its secret."""
    async with hooked(house) as app, asking(app, SECRET) as client:
        yield client


async def password_of(house: World, code: str) -> str:
    """A new password of a terminal."""
    async with (
        await open_pool(house.database.api, name="test", max_size=1) as pool,
        transaction(pool, SYSTEM.settings()) as conn,
    ):
        return (await credentials.issue(conn, SYSTEM, code)).password


async def admitted(broker: httpx.AsyncClient, username: str, password: str, **more: str) -> str:
    """What is answered to a CONNECT."""
    body = {"username": username, "clientid": username, "password": password} | more
    answer = await broker.post("/broker/authenticate", json=body)
    assert answer.status_code == 200
    return str(answer.json()["result"])


async def may(broker: httpx.AsyncClient, action: str, topic: str, **more: str) -> str:
    """What is answered to METER-1's use of a topic."""
    body = {"username": "METER-1", "clientid": "METER-1", "action": action, "topic": topic} | more
    answer = await broker.post("/broker/authorize", json=body)
    assert answer.status_code == 200
    return str(answer.json()["result"])


async def test_who_is_not_let_in_is_on_record(house: World) -> None:
    """Of a terminal a line: why, how often, since when, and so its verdict; of other names none."""
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute("update telemetry.presence_clock set as_of = now()")
        lines = "select t.code, r.why, r.count from registry.refused_login r join registry.terminal"
        async with hooked(house) as app:
            async with asking(app, SECRET) as broker:
                await admitted(broker, "METER-1", "wrong", clientid="METER-2")
                for name in ("METER-1", "METER-1", "METER-3", "NOBODY-1", "NOBODY-2"):
                    await admitted(broker, name, "wrong")
                deadline = time.monotonic() + 60
                while not (told := conn.execute(f"{lines} t on t.id = r.terminal_id").fetchall()):
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.1)
            async with asking(app, house.keys["admin"]) as client:
                found = (await client.get("/api/v1/terminals/METER-1/diagnosis")).json()
    evidence = {piece["fact"]: piece["value"] for piece in found["evidence"]}
    assert told == [("METER-1", "wrong_password", 3)]
    assert found["verdict"] == "credential_refused"
    assert (evidence["credential_refused"], evidence["times_refused"]) == ("wrong_password", "3")


async def test_emqx_hears_what_it_documents(house: World, broker: httpx.AsyncClient) -> None:
    """`result` and `is_superuser` as JSON with status 200, and `client_attrs` of strings."""
    password = await password_of(house, "METER-1")
    body = {"username": "METER-1", "clientid": "METER-1", "password": password}

    yes = await broker.post("/broker/authenticate", json=body)
    no = await broker.post("/broker/authenticate", json=body | {"password": "wrong"})
    use = body | {"action": "publish", "topic": "m2m/v1/METER-1/telemetry"}
    del use["password"]
    used = await broker.post("/broker/authorize", json=use)

    assert yes.headers["content-type"] == no.headers["content-type"] == "application/json"
    assert (yes.json()["result"], yes.json()["is_superuser"]) == ("allow", False)
    assert yes.json()["client_attrs"]["issued"].isdigit()
    assert no.json() == {"result": "deny", "is_superuser": False, "client_attrs": {}}
    assert (used.status_code, used.json()) == (200, {"result": "allow"})


async def test_only_a_terminal_that_may_connect_is_let_in(
    house: World, broker: httpx.AsyncClient
) -> None:
    """Its own password, in a state that may connect; nobody and nothing else."""
    right = {code: await password_of(house, code) for code in ("METER-1", "METER-3", "OLD-1")}

    assert await admitted(broker, "METER-1", right["METER-1"]) == "allow"
    assert await admitted(broker, "METER-3", right["METER-3"]) == "deny"  # registered
    assert await admitted(broker, "OLD-1", right["OLD-1"]) == "deny"  # retired
    for username, password in (
        ("METER-1", right["METER-3"]), ("METER-1", ""), ("NOBODY", right["METER-1"]), ("", ""),
        ("bridge-1", right["METER-1"]), ("METER-1/x", "x"), ("%", "x"), ("METER-1\x00", "x"),
    ):  # fmt: skip
        assert await admitted(broker, username, password) == "deny", username


async def test_another_client_id_is_refused(house: World, broker: httpx.AsyncClient) -> None:
    """Else a terminal would take over the session of another, or of the bridge."""
    password = await password_of(house, "METER-1")

    for client_id in ("bridge-1", "METER-2", "meter-1", ""):
        assert await admitted(broker, "METER-1", password, clientid=client_id) == "deny"
        topic = "m2m/v1/METER-1/telemetry"
        assert await may(broker, "publish", topic, clientid=client_id) == "deny"


@pytest.mark.parametrize(
    ("action", "topic", "answer"),
    [
        *(
            ("publish", f"m2m/v1/METER-1/{channel}", "allow")
            for channel in ("telemetry", "event", "hello", "status", "reply", "reported")
        ),
        *(
            ("subscribe", f"m2m/v1/METER-1/{channel}", "allow")
            for channel in ("receipt", "command", "desired")
        ),
        ("publish", "m2m/v1/METER-1/command", "deny"),
        ("publish", "m2m/v1/METER-1/receipt", "deny"),
        ("publish", "m2m/v1/METER-2/telemetry", "deny"),
        ("publish", "m2m/v1/METER-1/telemetry/x", "deny"),
        ("publish", "m2m/v1/METER-1", "deny"),
        ("publish", "m2m/v1/METER-1/", "deny"),
        ("publish", "telemetry", "deny"),
        ("publish", "$SYS/broker/uptime", "deny"),
        ("subscribe", "m2m/v1/METER-1/telemetry", "deny"),
        ("subscribe", "m2m/v1/METER-2/command", "deny"),
        ("subscribe", "m2m/v1/+/command", "deny"),
        ("subscribe", "m2m/v1/METER-1/#", "deny"),
        ("subscribe", "#", "deny"),
        ("subscribe", "$SYS/#", "deny"),
        ("subscribe", "$share/g/m2m/v1/METER-1/command", "deny"),
    ],
)
async def test_a_terminal_stays_below_its_own_code(
    broker: httpx.AsyncClient, action: str, topic: str, answer: str
) -> None:
    """It publishes what goes up and subscribes to what comes down, by exact topics of its own."""
    assert await may(broker, action, topic) == answer


async def test_what_is_revoked_loses_its_session_too(
    house: World, broker: httpx.AsyncClient
) -> None:
    """Within five seconds neither the password nor a topic is allowed; nor with an older mark."""
    password = await password_of(house, "METER-1")
    body = {"username": "METER-1", "clientid": "METER-1", "password": password}
    first = (await broker.post("/broker/authenticate", json=body)).json()["client_attrs"]["issued"]
    topic = "m2m/v1/METER-1/telemetry"
    assert await may(broker, "publish", topic, issued=first) == "allow"

    newer = await password_of(house, "METER-1")
    replaced = await _until(broker, "deny", topic, issued=first)
    assert await admitted(broker, "METER-1", newer) == "allow"
    assert await may(broker, "publish", topic) == "allow"
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute("update registry.credential set revoked_at = now()")
    revoked = await _until(broker, "deny", topic)

    assert (replaced < CUT_OFF_SECONDS, revoked < CUT_OFF_SECONDS) == (True, True)
    assert await admitted(broker, "METER-1", newer) == "deny"


async def _until(broker: httpx.AsyncClient, answer: str, topic: str, **more: str) -> float:
    begun = time.monotonic()
    while await may(broker, "publish", topic, **more) != answer:
        assert time.monotonic() - begun < 30
        await asyncio.sleep(0.05)
    return time.monotonic() - begun


async def test_nobody_asks_without_the_brokers_secret(house: World) -> None:
    """A bearer's or a basic password; not a user's key, not a part of it, not in the address."""
    body = {"username": "METER-1", "clientid": "METER-1", "password": "x"}
    basic = base64.b64encode(f"rabbitmq:{SECRET}".encode()).decode()
    async with hooked(house) as app, asking(app) as client:

        async def status(authorization: str | None, query: str = "") -> int:
            shown = None if authorization is None else authorization.encode("latin-1")
            headers = {} if shown is None else {b"Authorization": shown}
            path = f"/broker/authenticate{query}"
            return (await client.post(path, json=body, headers=headers)).status_code

        assert await status(f"Bearer {SECRET}") == await status(f"basic {basic}") == 200
        for wrong in (
            None, "", "Bearer", "Bearer ", f"Bearer {SECRET[:-1]}", f"Bearer {SECRET}x",
            SECRET, f"Digest {SECRET}", "Basic !", f"Basic {SECRET}", "Bearer é",
            f"Bearer {house.keys['admin']}",
        ):  # fmt: skip
            assert await status(wrong) == 401, wrong
        assert await status(None, f"?secret={SECRET}") == 422


async def test_without_a_secret_the_hooks_are_closed(app: FastAPI) -> None:
    """A deployment that set none answers nobody."""
    async with asking(app) as client:
        for shown in ("Bearer ", "Basic Og==", f"Bearer {SECRET}"):
            answer = await client.post(
                "/broker/authenticate",
                json={"username": "METER-1", "clientid": "METER-1"},
                headers={"Authorization": shown},
            )
            assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


async def test_what_rabbitmq_asks_is_answered_in_its_words(
    house: World, broker: httpx.AsyncClient
) -> None:
    """`allow` or `deny` as text, to a form that may say more than we know."""
    password = await password_of(house, "METER-1")

    async def said(path: str, **form: str) -> str:
        answer = await broker.post(f"/broker/rabbitmq/{path}", data={"username": "METER-1", **form})
        assert answer.status_code == 200
        return answer.text

    login = {"password": password, "client_id": "METER-1", "vhost": "/"}
    assert await said("user", **login) == "allow"
    assert await said("user", **login | {"client_id": "bridge-1"}) == "deny"
    assert await said("user", **login | {"password": "wrong"}) == "deny"
    assert await said("user", password=password) == "deny"  # AMQP, which has no client id
    assert await said("vhost", vhost="/", ip="127.0.0.1", tags="") == "allow"
    assert await said("vhost", vhost="/", username="NOBODY") == "deny"
    for kind, name, permission, expected in (
        ("queue", "mqtt-subscription-METER-1qos1", "configure", "allow"),
        ("queue", "mqtt-subscription-METER-2qos1", "read", "deny"),
        ("exchange", "amq.topic", "write", "allow"),
        ("exchange", "amq.topic", "configure", "deny"),
        ("exchange", "", "write", "deny"),
    ):
        asked = {"resource": kind, "name": name, "permission": permission}
        assert await said("resource", **asked) == expected
    for permission, key, expected in (
        ("write", "m2m.v1.METER-1.telemetry", "allow"),
        ("write", "m2m.v1.METER-2.telemetry", "deny"),
        ("write", "m2m.v1.METER-1.command", "deny"),
        ("read", "m2m.v1.METER-1.command", "allow"),
        ("read", "m2m.v1.*.command", "deny"),
        ("configure", "m2m.v1.METER-1.command", "deny"),
    ):
        asked = {"resource": "topic", "name": "amq.topic", "permission": permission}
        assert await said("topic", **asked, routing_key=key) == expected


async def test_a_storm_is_throttled_by_broker_and_by_terminal(house: World) -> None:
    """Beyond the bounds the answer is no, at once, and counted; an address is no bound to a
    broker."""
    right = {code: await password_of(house, code) for code in ("METER-1", "METER-2")}
    bounds = {"limit_broker": "9/3600", "limit_broker_terminal": "3/3600", "limit_address": "1/60"}
    async with hooked(house, **bounds) as app, asking(app, SECRET) as broker:
        one = [await admitted(broker, "METER-1", right["METER-1"]) for _ in range(4)]
        wrong = [await admitted(broker, "METER-2", "wrong") for _ in range(4)]
        last = [await admitted(broker, "METER-2", right["METER-2"]) for _ in range(2)]
        count = app.state.metrics.registry.get_sample_value

        assert one == ["allow"] * 3 + ["deny"]
        assert wrong == ["deny"] * 4
        assert last == ["allow", "deny"]  # wrong passwords cost a terminal nothing
        given = {"hook": "authenticate", "outcome": "throttled"}
        assert count("muster_api_broker_answers_total", given) == 2
        assert count("muster_api_limited_total", {"limit": "broker"}) == 1
        assert count("muster_api_limited_total", {"limit": "broker_terminal"}) == 1


async def test_without_a_database_nobody_is_let_in(house: World) -> None:
    """A no with status 200, which no broker takes for "ask somebody else"; counted apart."""
    password = await password_of(house, "METER-1")
    async with hooked(house) as app, asking(app, SECRET) as broker:
        with out_of_reach(house.database):
            answers = [
                await admitted(broker, "METER-1", password),
                await may(broker, "publish", "m2m/v1/METER-1/telemetry"),
            ]
        given = {"hook": "authenticate", "outcome": "unavailable"}

        assert answers == ["deny", "deny"]
        counted = app.state.metrics.registry.get_sample_value
        assert counted("muster_api_broker_answers_total", given) == 1
