"""The audit over HTTP: every change, every refused attempt, and each to whom it may be shown."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.witness import Attempt, Attempts
from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import POWER, TRANSIT, World


async def entries(app: FastAPI, secret: str, **filters: Any) -> list[dict[str, Any]]:
    """What the audit shows to the holder of a key, newest first."""
    async with asking(app, secret) as client:
        answer = await client.get("/api/v1/audit", params=filters)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def id_of(answer: httpx.Response) -> str:
    """The number of the request that was answered."""
    return str(answer.headers["x-request-id"])


async def test_a_change_is_told_with_request_and_source(house: World, app: FastAPI) -> None:
    """Who, from where, in which request, what it was before and is after; one entry whole."""
    async with asking(app, house.keys["jiangsu"]) as client:
        answer = await client.patch("/api/v1/terminals/METER-1", json={"state": "maintenance"})
    assert answer.status_code == 200

    [entry] = await entries(app, house.keys["admin"], key="METER-1", action="terminal.update")
    async with asking(app, house.keys["admin"]) as client:
        found = (await client.get(f"/api/v1/audit/{entry['id']}")).json()

    assert found == entry
    assert (entry["tenant"], entry["outcome"], entry["times"]) == (POWER, "done", 1)
    assert entry["actor"] == f"key:{house.keys['jiangsu'][:11]}"
    assert (entry["request"], entry["source"]) == (id_of(answer), "127.0.0.1")
    assert entry["scope"] == {"region": [320000, 329999]}
    [change] = entry["changes"]
    assert (change["key"], change["before"]["state"]) == ("METER-1", "in_service")
    assert change["after"]["state"] == "maintenance"


@pytest.mark.parametrize(
    ("holder", "method", "path", "body", "reason"),
    [
        ("power", "PATCH", "/api/v1/terminals/METER-1", {"state": "retired"}, "not_permitted"),
        ("power", "GET", "/api/v1/users", None, "not_permitted"),
        ("jiangsu", "PATCH", "/api/v1/terminals/BUS-1", {"state": "testing"}, "terminal_not_found"),
        ("admin", "PATCH", "/api/v1/terminals/OLD-1", {"state": "testing"}, "transition_refused"),
        ("admin", "PATCH", "/api/v1/terminals/METER-1", {"state": "happy"}, "request_invalid"),
    ],
)
async def test_a_refused_attempt_is_told(
    house: World, app: FastAPI, holder: str, method: str, path: str, body: Any, reason: str
) -> None:
    """Of whom, at which address, for which reason, about what."""
    async with asking(app, house.keys[holder]) as client:
        answer = await client.request(method, path, json=body)
    problem = answer.json()

    [entry] = await entries(app, house.keys["admin"], outcome="refused")

    assert entry["reason"] == problem["code"] == reason
    assert (entry["request"], entry["source"]) == (id_of(answer), "127.0.0.1")
    assert entry["actor"] == f"key:{house.keys[holder][:11]}"
    assert entry["tenant"] == (POWER if holder == "power" else None)
    assert entry["action"].startswith(f"{method} ")
    assert entry["keys"] == ([path.rpartition("/")[2]] if "terminals/" in path else [])


async def test_reading_what_is_not_there_is_no_attempt(house: World, app: FastAPI) -> None:
    """A mistyped code, a wrong query, a visit without a sign-in; nor what nobody has read."""
    async with asking(app, house.keys["power"]) as client:
        await client.get("/api/v1/terminals/BUS-1")
        await client.get("/api/v1/terminals?limit=0")
        assert (await client.post("/api/v1/terminals", content=b" " * 2_000_000)).status_code == 413
    async with asking(app) as client:
        await client.get("/api/v1/terminals")
        await client.get("/")

    assert await entries(app, house.keys["admin"], outcome="refused") == []


async def test_wrong_keys_and_failed_sign_ins_are_told(house: World, app: FastAPI) -> None:
    """With the name of who exists; what was typed for nobody may be a password, and is not kept."""
    async with asking(app, "mk_wrong") as client:
        await client.get("/api/v1/terminals")
    async with asking(app) as client:
        await sign_in(client, "pei", "not the password")
        await sign_in(client, "hunter2 my password", "nobody")

    found = await entries(app, house.keys["admin"], outcome="refused")
    text = str(found)

    assert [(e["action"], e["reason"], e["keys"], e["tenant"], e["actor"]) for e in found] == [
        ("POST /signin", "not_signed_in", [], None, "anonymous"),
        ("POST /signin", "not_signed_in", ["pei"], POWER, "anonymous"),
        ("GET /api/v1/terminals", "not_signed_in", [], None, "anonymous"),
    ]
    assert "hunter2" not in text
    assert "mk_wrong" not in text


async def test_signing_in_and_out_is_told(house: World, app: FastAPI) -> None:
    """As done by the person, in their tenant, with the address they came from."""
    async with asking(app) as client:
        await sign_in(client, "pei")
        await client.post("/signout")

    found = await entries(app, house.keys["admin"], key="pei", actor="user:pei")

    assert [(e["action"], e["actor"], e["tenant"], e["outcome"]) for e in found] == [
        ("user_session.delete", "user:pei", POWER, "done"),
        ("user_session.insert", "user:pei", POWER, "done"),
    ]
    assert {e["source"] for e in found} == {"127.0.0.1"}


async def test_a_flood_is_a_few_entries_and_all_of_it_is_counted(
    house: World, app: FastAPI
) -> None:
    """The same again is counted; of very many different ones the rest is `many`."""
    async with asking(app, house.keys["power"]) as client:
        for _ in range(30):
            await client.patch("/api/v1/terminals/METER-1", json={"state": "retired"})
        for n in range(30):
            await client.patch(f"/api/v1/terminals/T-{n}", json={"state": "retired"})
    before = await entries(app, house.keys["admin"], outcome="refused", limit=100)

    await app.state.attempts.flush()
    found = await entries(app, house.keys["admin"], outcome="refused", limit=100)

    assert len(before) == 21
    assert {e["times"] for e in before} == {1}
    assert sum(e["times"] for e in found) == 60
    assert {(e["action"], e["times"]) for e in found if e["times"] > 1} == {
        ("PATCH /api/v1/terminals/{code}", 29),
        ("many", 10),
    }


async def test_what_cannot_be_written_yet_is_written_later(house: World, app: FastAPI) -> None:
    """A refusal that the database did not take stays counted; the answer goes out all the same."""
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute(
            "create function registry.full() returns trigger language plpgsql as"
            " $$ begin raise exception 'full' using errcode = 'disk_full'; end $$"
        )
        conn.execute(
            "create trigger full_now before insert on registry.audit"
            " for each row execute function registry.full()"
        )
        async with asking(app, house.keys["power"]) as client:
            answer = await client.patch("/api/v1/terminals/METER-1", json={"state": "retired"})
        conn.execute("drop trigger full_now on registry.audit")

    await app.state.attempts.flush()
    [entry] = await entries(app, house.keys["admin"], outcome="refused")

    assert answer.status_code == 403
    assert (entry["times"], entry["request"]) == (1, id_of(answer))


async def test_attempts_of_all_are_bounded() -> None:
    """However many askers there are, a minute has its most; the rest is one entry of nobody's."""
    attempts = Attempts()
    written: list[tuple[str, int]] = []

    async def note(attempt: Attempt, times: int) -> bool:
        written.append((attempt.action, times))
        return True

    attempts._write = note  # type: ignore[method-assign]
    for n in range(1000):
        await attempts.tell(Attempt("anonymous", "", f"192.0.2.{n}", "POST /x", "no"))
    await attempts.flush()

    assert len(written) == 502
    assert written[-1] == ("many", 499)


async def test_pages_filters_and_moments(house: World, app: FastAPI) -> None:
    """Newest first, page by page without a gap, and by each filter what fits it."""
    for state in ("maintenance", "in_service", "maintenance"):
        async with asking(app, house.keys["jiangsu"]) as client:
            await client.patch("/api/v1/terminals/METER-1", json={"state": state})
    admin = house.keys["admin"]
    whole = await entries(app, admin, limit=1000)
    paged: list[int] = []
    async with asking(app, admin) as client:
        address = "/api/v1/audit?limit=3"
        while address:
            answer = await client.get(address)
            paged += [entry["id"] for entry in answer.json()["items"]]
            link = answer.headers.get("link", "")
            address = link.partition(">")[0].lstrip("<")
    assert paged == [entry["id"] for entry in whole]
    assert paged == sorted(paged, reverse=True)

    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    actor = f"key:{house.keys['jiangsu'][:11]}"
    assert len(await entries(app, admin, actor=actor)) == 3
    assert await entries(app, admin, **{"from": later}) == []
    assert len(await entries(app, admin, to=later, limit=1000)) == len(whole)
    assert {e["tenant"] for e in await entries(app, admin, tenant=TRANSIT)} == {TRANSIT}
    assert {e["tenant"] for e in await entries(app, admin, tenant="-")} == {None}
    of_meter = await entries(app, admin, key="METER-2")
    assert {c["key"] for entry in of_meter for c in entry["changes"]} == {"METER-2"}
    async with asking(app, admin) as client:
        for query in ("after=zzz", "tenant=nobody", "outcome=maybe", "from=yesterday"):
            assert (await client.get(f"/api/v1/audit?{query}")).status_code in (404, 422)


async def test_a_client_reads_its_own_and_not_where_the_operators_people_sit(
    house: World, app: FastAPI
) -> None:
    """Of what others did to its things: that and when and who, but neither address nor reach."""
    async with asking(app, house.keys["admin"]) as client:
        await client.patch("/api/v1/terminals/BUS-1", json={"state": "maintenance"})
    async with asking(app, house.keys["transit"]) as client:
        await client.post("/api/v1/terminals/BUS-1/credential")
    found = await entries(app, house.keys["transit"])

    assert {entry["tenant"] for entry in found} == {TRANSIT}
    known = {e["actor"].partition(":")[2]: (e["source"], e["scope"]) for e in reversed(found)}
    assert known[house.keys["admin"][:11]] == (None, None)
    assert known[house.keys["transit"][:11]][0] == "127.0.0.1"
    foreign = (await entries(app, house.keys["admin"], tenant=POWER))[0]["id"]
    async with asking(app, house.keys["transit"]) as client:
        assert (await client.get(f"/api/v1/audit/{foreign}")).status_code == 404
        assert (await client.get(f"/api/v1/audit?tenant={POWER}")).status_code == 404
