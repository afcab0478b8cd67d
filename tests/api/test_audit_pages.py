"""The audit as a page: who did what, to what, and nobody else's business."""

import re

import psycopg
from fastapi import FastAPI

from api.console import records
from registry.scope import Right
from tests.api.conftest import asking
from tests.api.test_account_pages import appointed
from tests.api.test_pages import headline
from tests.api.test_sign_in import sign_in
from tests.api.world import POWER, TRANSIT, World

ENTRY = re.compile(r'<tr><td><a href="/audit/(\d+)">(.*?)</a>', re.DOTALL)


def deeds(page: str) -> list[str]:
    """What was done or tried, newest first, as the list says it."""
    return [re.sub(r"<[^>]+>", "", deed) for _, deed in ENTRY.findall(page)]


async def test_a_change_stands_with_who_what_before_and_after(house: World, app: FastAPI) -> None:
    """From the list to the entry: the state as it was and is, of the terminal that was moved."""
    async with asking(app) as client:
        await sign_in(client)
        await client.post("/terminals/METER-3/state", data={"state": "provisioned"})
        page = (await client.get("/audit?key=METER-3&actor=ada")).text
        [(entry, deed)] = ENTRY.findall(page)
        told = (await client.get(f"/audit/{entry}")).text

    assert (headline(page), deed) == ("What happened to METER-3", "terminal changed")
    assert 'href="/users/ada"' in page
    states = (
        r"<code>state</code></td><td class=\"wrap\">registered</td><td class=\"wrap\">provisioned<"
    )
    assert re.search(states, told)
    assert "127.0.0.1" in told


async def test_what_was_refused_says_why(house: World, app: FastAPI) -> None:
    """By program and by form: the right that lacks, the name that is taken, the wrong password."""
    async with asking(app, house.keys["power"]) as viewer:
        await viewer.post("/api/v1/terminals/METER-1/credential")
    async with asking(app, house.keys["admin"]) as admin, asking(app) as stranger:
        await appointed(admin, "pei", role="admin")
        await sign_in(stranger, "jin", "not the password at all")
        page = (await admin.get("/audit?outcome=refused")).text
        told = [(await admin.get(f"/audit/{entry}")).text for entry, _ in ENTRY.findall(page)]
        done = deeds((await admin.get("/audit?outcome=done&key=METER-1")).text)

    assert deeds(page) == [
        "POST /signin", "POST /users/new", "POST /api/v1/terminals/{code}/credential",
    ]  # fmt: skip
    assert "wrong name, password, key or session" in told[0]
    assert "<code>user_name_taken</code>" in told[1]
    assert "the role does not include it" in told[2]
    assert all("127.0.0.1" in each for each in told)
    assert not any(deed.startswith("POST") for deed in done)


def test_whatever_the_database_tells_of_has_a_word(house: World) -> None:
    """Each table whose changes are audited is named in the reader's language, and no other."""
    with psycopg.connect(house.database.superuser) as conn:
        found = conn.execute(
            "select c.relname from pg_trigger t join pg_class c on c.oid = t.tgrelid"
            " where t.tgname = 'audit_update'"
        )
        told = {name for (name,) in found}
    whole = {name for name in told if all(f"{name}.{d}" in records.ACTIONS for d in records.DEEDS)}

    assert told - whole == set(records.THINGS)


async def test_a_clients_administrator_reads_of_the_own_client_only(
    house: World, app: FastAPI
) -> None:
    """Changes of own users are there; another client's entries are absent, by list and number."""
    async with asking(app, house.keys["admin"]) as admin:
        await appointed(admin, "bus.viewer", role="client_viewer", clients=TRANSIT)
        await appointed(admin, "meter.viewer", role="client_viewer", clients=POWER)
        theirs = ENTRY.findall((await admin.get("/audit?key=meter.viewer")).text)[0][0]
    async with asking(app, house.keys["transit"]) as mine:
        page = (await mine.get("/audit")).text
        foreign = (await mine.get("/audit?key=meter.viewer")).text
        entry, absent = await mine.get(f"/audit/{theirs}"), await mine.get("/audit/99999999")
        client = await mine.get(f"/audit?client={POWER}")
    async with asking(app, house.keys["power"]) as viewer:
        refused = await viewer.get("/audit")

    assert "bus.viewer" in page
    assert "meter.viewer" not in page
    assert deeds(foreign) == []
    assert (entry.status_code, absent.status_code, client.status_code) == (404, 404, 404)
    assert (refused.status_code, str(Right.AUDIT_READ)) == (403, "audit.read")


async def test_days_are_those_of_the_reader(house: World, app: FastAPI) -> None:
    """An entry of 23:30 UTC is of the next day in Beijing, and a filter by day finds it there."""
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute("set session_replication_role = replica")
        conn.execute("update registry.audit set at = '2026-03-01T23:30:00Z'")
        count = conn.execute("select count(*) from registry.audit").fetchone()
    assert count is not None
    assert count[0] > 0
    async with asking(app, house.keys["admin"]) as client:
        found = {
            query: bool(deeds((await client.get(f"/audit?{query}")).text))
            for query in (
                "since=2026-03-02&until=2026-03-02&zone=%2B08:00",
                "since=2026-03-01&until=2026-03-01&zone=%2B08:00",
                "since=2026-03-01&until=2026-03-01&zone=Z",
            )
        }
        wrong = await client.get("/audit?since=2026-02-31")

    assert list(found.values()) == [True, False, True]
    assert wrong.status_code == 422


async def test_what_was_typed_is_only_ever_text(house: World, app: FastAPI) -> None:
    """A name made to run in a reader's browser stands there as it was typed."""
    evil = '"><script>alert(1)</script>'
    async with asking(app, house.keys["admin"]) as client:
        await client.post(
            "/api-keys/new", data={"name": evil, "role": "client_viewer", "clients": POWER}
        )
        page = (await client.get("/audit")).text
        entry = ENTRY.findall(page)[0][0]
        told = (await client.get(f"/audit/{entry}")).text

    assert "alert(1)" in told
    assert "<script>alert" not in page + told
