"""Creations that are sent again, and changes of what somebody else changed meanwhile."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from fastapi import FastAPI
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute

from api.idempotency import REPLAYED
from foundation.database import open_pool, transaction
from registry import api_keys, idempotency
from registry.scope import Scope
from tests.api.conftest import asking
from tests.api.world import SUZHOU, World

TERMINALS = "/api/v1/terminals"
# Answers 201 or 202 and is no creation that somebody may want to repeat: a file that is sent twice
# is checked twice, and changes nothing.
NOT_REPEATED = {"/api/v1/imports", "/api/v1/sessions"}


def meter(code: str) -> dict[str, object]:
    """A terminal to register."""
    return {"code": code, "profile": "smart_meter", "region": SUZHOU}


def fresh() -> dict[str, str]:
    """Headers with a key of its own."""
    return {"Idempotency-Key": str(uuid4())}


async def test_a_creation_sent_again_is_answered_again(house: World, app: FastAPI) -> None:
    """The same status, headers, body, secret and all; there is one terminal."""
    key = fresh()
    async with asking(app, house.keys["admin"]) as client:
        first = await client.post(TERMINALS, json=meter("NEW-1"), headers=key)
        second = await client.post(TERMINALS, json=meter("NEW-1"), headers=key)
        other = await client.post(TERMINALS, json=meter("NEW-1"), headers=fresh())
    assert (first.status_code, second.status_code) == (201, 201)
    assert REPLAYED not in first.headers
    assert second.headers[REPLAYED] == "true"
    assert second.content == first.content
    for name in ("location", "etag", "content-type"):
        assert second.headers[name] == first.headers[name]
    assert (other.status_code, other.json()["code"]) == (409, "terminal_code_taken")


async def test_a_new_password_sent_for_twice_is_made_once(house: World, app: FastAPI) -> None:
    """Whoever lost the answer gets the password that is in force; a new key makes a new one."""
    key, url = fresh(), f"{TERMINALS}/METER-1/credential"
    async with asking(app, house.keys["admin"]) as client:
        lost, again = [await client.post(url, headers=key) for _ in range(2)]
        new = await client.post(url, headers=fresh())
    assert lost.json()["password"] == again.json()["password"] != new.json()["password"]


async def test_a_key_is_of_one_request(house: World, app: FastAPI) -> None:
    """Another body or another address under the same key is refused, and creates nothing."""
    key = fresh()
    async with asking(app, house.keys["admin"]) as client:
        await client.post(TERMINALS, json=meter("NEW-1"), headers=key)
        answers = [
            await client.post(TERMINALS, json=meter("NEW-2"), headers=key),
            await client.post(f"{TERMINALS}/METER-1/credential", headers=key),
        ]
        made = await client.get(f"{TERMINALS}/NEW-2")
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert made.status_code == 404


async def test_what_was_refused_may_be_tried_again(house: World, app: FastAPI) -> None:
    """A key is kept with what it made, not with a refusal."""
    key = fresh()
    async with asking(app, house.keys["admin"]) as client:
        body = meter("NEW-1")
        refused = await client.post(TERMINALS, json=body | {"region": 999998}, headers=key)
        made = await client.post(TERMINALS, json=body, headers=key)
    assert (refused.status_code, made.status_code) == (404, 201)


async def test_the_same_creation_at_the_same_time_happens_once(house: World, app: FastAPI) -> None:
    """While one is under way another is told to wait, at once; afterwards it may go on."""
    key, url = fresh(), f"{TERMINALS}/METER-1/credential"
    async with asking(app, house.keys["admin"]) as client:
        async with transaction(app.state.pool) as conn:
            scope = await api_keys.authenticate(conn, house.keys["admin"])
        async with transaction(app.state.pool, scope.settings()) as conn:
            await idempotency.begin(conn, scope, key["Idempotency-Key"], b"")
            early = await client.post(url, headers=key)
            other = await client.post(url, headers=fresh())
        late = await client.post(url, headers=key)
    assert (early.status_code, early.json()["code"]) == (409, "idempotency_key_in_use")
    assert (other.status_code, late.status_code) == (201, 201)


async def test_a_key_is_its_senders_own(house: World, app: FastAPI) -> None:
    """Somebody else with the same key learns nothing of what was made under it."""
    key, url = fresh(), f"{TERMINALS}/METER-1/credential"
    async with asking(app, house.keys["admin"]) as client:
        first = await client.post(url, headers=key)
    async with asking(app, house.keys["jiangsu"]) as client:
        other = await client.post(url, headers=key)
    async with asking(app, house.keys["power"]) as client:
        lacking = await client.post(url, headers=key)
    assert (first.status_code, other.status_code, lacking.status_code) == (201, 201, 403)
    assert REPLAYED not in other.headers
    assert other.json()["password"] != first.json()["password"]


async def test_a_right_that_was_lost_gives_no_old_answer(house: World, app: FastAPI) -> None:
    """A replay asks for the right again: the secret in it is for who may have it now."""
    key, url = fresh(), f"{TERMINALS}/METER-1/credential"
    async with asking(app, house.keys["admin"]) as client:
        assert (await client.post(url, headers=key)).status_code == 201
        with psycopg.connect(house.database.superuser, autocommit=True) as conn:
            conn.execute("update registry.api_key set role = 'scraper' where name = 'admin'")
        assert (await client.post(url, headers=key)).status_code == 403


@pytest.mark.parametrize(
    "key", ["short", "x" * 129, "with a blank in between", "ümlaut-ümlaut-ümlaut"]
)
async def test_a_key_that_could_be_guessed_is_refused(house: World, app: FastAPI, key: str) -> None:
    """16 to 128 visible ASCII characters."""
    async with asking(app, house.keys["admin"]) as client:
        headers = {b"Idempotency-Key": key.encode()}
        answer = await client.post(TERMINALS, json=meter("NEW-1"), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_invalid")


async def test_nothing_that_was_shown_once_is_kept_in_the_clear(house: World, app: FastAPI) -> None:
    """Neither key nor password is in the table; the API's role sees its caller's rows only."""
    key = fresh()
    async with asking(app, house.keys["admin"]) as client:
        made = await client.post(TERMINALS, json=meter("NEW-1"), headers=key)
    with psycopg.connect(house.database.superuser) as conn:
        [(actor, kept)] = conn.execute(
            "select actor, i::text || encode(sealed_body, 'escape') from registry.idempotency i"
        ).fetchall()
    assert actor in kept
    assert key["Idempotency-Key"] not in kept
    assert made.json()["credential"]["password"] not in kept
    with psycopg.connect(house.database.api) as conn:
        seen = {}
        for asking_for in ("", "key:mk_another", actor):
            conn.execute("select set_config('muster.actor', %s, true)", (asking_for,))
            rows = conn.execute("select from registry.idempotency").fetchall()
            seen[asking_for] = len(rows)
    assert seen == {"": 0, "key:mk_another": 0, actor: 1}


async def test_answers_are_forgotten_after_a_day(house: World, app: FastAPI) -> None:
    """The jobs forget them; the same key then creates anew."""
    keys = [fresh(), fresh()]
    async with asking(app, house.keys["admin"]) as client:
        for number, key in enumerate(keys):
            await client.post(TERMINALS, json=meter(f"NEW-{number}"), headers=key)
    aged = timedelta(seconds=idempotency.KEPT_SECONDS + 60)
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute(
            "update registry.idempotency set created_at = created_at - %s where ctid ="
            " (select min(ctid) from registry.idempotency)",
            (aged,),
        )
    async with await open_pool(house.database.jobs, name="jobs", max_size=1) as pool:
        scope = Scope.system("jobs")
        async with transaction(pool, scope.settings()) as conn_of_jobs:
            assert await idempotency.forget(conn_of_jobs, scope) == 1
            assert await idempotency.forget(conn_of_jobs, scope) == 0


def test_every_creation_may_be_sent_again(app: FastAPI) -> None:
    """A route that answers 201 or 202 takes an Idempotency-Key, and no other says it does."""
    creating, taking = set(), set()
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            if {"201", "202"} & set(operation["responses"]):
                creating.add((method, path))
            if any(p["name"] == "idempotency-key" for p in operation.get("parameters", ())):
                taking.add((method, path))
    assert {path for _, path in creating - taking} <= NOT_REPEATED
    assert taking <= creating
    assert len(taking) >= 5


def test_what_is_changed_is_changed_under_its_etag(app: FastAPI) -> None:
    """Every PATCH and PUT of a thing that has a version takes If-Match."""
    lacking = []
    for route in app.routes:
        if isinstance(route, APIRoute) and {"PATCH", "PUT"} & (route.methods or set()):
            fields = getattr(route.response_model, "model_fields", {})
            taken = {field.alias for field in get_flat_params(route.dependant)}
            if "version" in fields and "if-match" not in taken:
                lacking.append(route.path)
    assert lacking == []


async def test_a_change_of_what_was_changed_meanwhile_is_told_so(
    house: World, app: FastAPI
) -> None:
    """412 even where the change would not be allowed any more: who is late reads again first."""
    url = f"{TERMINALS}/METER-3"
    async with asking(app, house.keys["admin"]) as client:
        tag = (await client.get(url)).headers["etag"]
        moved = await client.patch(url, json={"state": "testing"}, headers={"If-Match": tag})
        late = await client.patch(url, json={"state": "testing"}, headers={"If-Match": tag})
        blind = await client.patch(url, json={"state": "testing"})
    assert moved.status_code == 200
    assert (late.status_code, late.json()["code"]) == (412, "version_changed")
    assert (blind.status_code, blind.json()["code"]) == (409, "transition_refused")


@contextmanager
def held(house: World, rows: str) -> Iterator[psycopg.Connection[tuple[int]]]:
    """Rows that nobody else can change meanwhile; the connection tells who waits for them."""
    with psycopg.connect(house.database.superuser) as conn:
        assert conn.execute(f"select 1 from {rows} for update".encode()).fetchall()
        yield conn


async def until_waiting(conn: psycopg.Connection[tuple[int]], sessions: int) -> None:
    """Return when so many sessions wait for a lock."""
    waiting = "select count(*) from pg_locks where not granted"
    async with asyncio.timeout(30):
        while conn.execute(waiting).fetchall() != [(sessions,)]:  # noqa: ASYNC110 - another's
            await asyncio.sleep(0.02)


async def test_of_changes_at_the_same_time_one_is_made(house: World, app: FastAPI) -> None:
    """Both hold the same ETag, and both saw that it is still the one: who is second is 412."""
    url = f"{TERMINALS}/METER-3"
    async with asking(app, house.keys["admin"]) as client:
        tag = {"If-Match": (await client.get(url)).headers["etag"]}
        with held(house, "registry.terminal where code = 'METER-3'") as conn:
            first = asyncio.create_task(client.patch(url, json={"state": "testing"}, headers=tag))
            await until_waiting(conn, 1)
            second = asyncio.create_task(client.patch(url, json={"state": "retired"}, headers=tag))
            await until_waiting(conn, 2)
        answers = [(await first).status_code, (await second).status_code]
        state = (await client.get(url)).json()["state"]
    assert (answers, state) == ([200, 412], "testing")


@pytest.mark.parametrize(
    ("if_match", "status"),
    [("*", 200), ('"7", "1"', 200), ('"7"', 412), ('W/"1"', 412), ("1", 412), ("", 412)],
)
async def test_if_match_is_read_as_http_has_it(
    house: World, app: FastAPI, if_match: str, status: int
) -> None:
    """`*` is any, a list names several; a weak or broken tag is none."""
    url = f"{TERMINALS}/METER-3"
    async with asking(app, house.keys["admin"]) as client:
        assert (await client.get(url)).headers["etag"] == '"1"'
        answer = await client.patch(url, json={"state": "testing"}, headers={"If-Match": if_match})
    assert answer.status_code == status


async def test_every_changeable_thing_has_an_etag(house: World, app: FastAPI) -> None:
    """Terminals, group clients and profiles answer their version; a profile's change moves it."""
    metric = {"name": "noise", "type": "double", "title_zh": "噪声", "title_en": "Noise"}
    async with asking(app, house.keys["admin"]) as client:
        for path in ("terminals/METER-1", "group-clients/suzhou-power", "profiles/smart_meter"):
            answer = await client.get(f"/api/v1/{path}")
            assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
        url = "/api/v1/profiles/smart_meter/metrics"
        late = await client.post(url, json=metric, headers={"If-Match": '"99"'})
        made = await client.post(url, json=metric, headers={"If-Match": answer.headers["etag"]})
    assert (late.status_code, made.status_code) == (412, 201)
    assert made.headers["etag"] == f'"{answer.json()["version"] + 1}"'
