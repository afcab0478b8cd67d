"""How the platform is, over HTTP and in the console: told part by part, and no secret of it."""

import socket
from datetime import timedelta

import psycopg
from fastapi import FastAPI

from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import World

PLATFORM = "/api/v1/platform"
_NOTED = """insert into telemetry.bridge
    (name, noted_at, is_connected, spool_messages, spool_bytes, spool_since)
    values ('bridge-1', now() - %s, true, %s, 1500000, now() - interval '1 hour')
    on conflict (name) do update
    set noted_at = excluded.noted_at, spool_messages = excluded.spool_messages"""


def noted(house: World, age: timedelta, spooled: int) -> None:
    """A bridge said so long ago how it is."""
    with psycopg.connect(house.database.superuser) as conn:
        conn.execute(_NOTED, (age, spooled))


async def test_processes_are_told_by_their_connections(house: World, app: FastAPI) -> None:
    """This one is there, by host and number; of what is needed it says what is not connected."""
    async with asking(app, house.keys["admin"]) as admin:
        told = (await admin.get(f"{PLATFORM}/processes")).json()
    [own] = [one for one in told["items"] if one["kind"] == "api"]
    assert (own["host"], own["busy"], own["leads"]) == (socket.gethostname()[-32:], 0, False)
    assert own["active_at"] is not None
    assert told["missing"] == ["bridge", "jobs"]


async def test_a_bridge_is_told_as_it_noted_it(house: World, app: FastAPI) -> None:
    """What waits on its disk, and whether it is heard of; after a day it needs nobody any more."""
    pages = []
    async with asking(app, house.keys["admin"]) as admin, asking(app) as person:
        await sign_in(person, "ada")
        for age, spooled in ((0, 0), (0, 7), (60, 0), (90_000, 7)):
            noted(house, timedelta(seconds=age), spooled)
            pages.append((await person.get("/platform/bridges")).text)
        [bridge] = (await admin.get(f"{PLATFORM}/bridges")).json()["items"]
    assert (bridge["name"], bridge["spool_messages"], bridge["spool_bytes"]) == (
        "bridge-1",
        7,
        1_500_000,
    )
    well, spooling, unheard, gone = pages
    assert ">connected<" in well
    assert "1.5" in spooling
    assert "not heard of" in unheard
    assert ">gone<" in gone


async def test_the_verdict_is_on_top(house: World, app: FastAPI) -> None:
    """First what is not there at all; the database's own figures come for themselves."""
    noted(house, timedelta(0), 0)
    async with asking(app, house.keys["admin"]) as admin, asking(app) as person:
        await sign_in(person, "ada")
        page = (await person.get("/platform")).text
        database = (await admin.get(f"{PLATFORM}/database")).json()
        feed = (await admin.get(f"{PLATFORM}/feed")).json()
    assert "Nothing of this kind is connected: bridge, jobs." in page
    assert database["bytes"] > 1_000_000
    assert database["edition"] in {"apache", "timescale"}
    assert 0 < database["connections"] <= database["most_connections"]
    assert feed["work"] == []


async def test_a_part_that_is_slow_leaves_the_rest_readable(house: World, app: FastAPI) -> None:
    """While a table is locked the page says so of what lies in it, and tells all else."""
    with psycopg.connect(house.database.superuser) as conn:
        async with asking(app) as person:
            await sign_in(person, "ada")
            conn.execute("lock table telemetry.bridge in access exclusive mode")
            page = await person.get("/platform")
            part = await person.get("/platform/bridges")
            database = await person.get("/platform/database")
    assert [answer.status_code for answer in (page, part, database)] == [200, 200, 200]
    assert "The database answers slowly" in page.text
    assert "MUSTER_API_LISTEN" in page.text
    assert "The database is too slow for this now." in part.text
    assert "Apache edition" in database.text


async def test_settings_are_told_without_their_secrets(house: World, app: FastAPI) -> None:
    """Of a secret only that it is set, on the page as well; what is left alone is marked."""
    given = app.state.settings
    async with asking(app, house.keys["admin"]) as admin, asking(app) as person:
        await sign_in(person, "ada")
        answer = await admin.get(f"{PLATFORM}/settings")
        page = await person.get("/platform")
    told = {one["name"]: one for one in answer.json()["items"]}
    url, level = told["MUSTER_DATABASE_URL"], told["MUSTER_LOG_LEVEL"]
    assert (url["secret"], url["is_set"], url["value"]) == (True, True, None)
    assert (level["secret"], level["value"]) == (False, given.log_level)
    assert given.database() not in answer.text + page.text
