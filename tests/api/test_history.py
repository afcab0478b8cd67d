"""How far back a client sees what was measured is its tier's to say, at every door."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from telemetry.model import Reason
from tests.api.conftest import asking
from tests.api.world import POWER, SUZHOU, World

NOW = datetime.now(UTC).replace(microsecond=0)
SEEN, PAST = NOW - timedelta(days=20), NOW - timedelta(days=40)
HEADER = "Muster-History-From"
WINDOW = f"from={NOW - timedelta(days=60):%Y-%m-%d}T00:00:00Z&to={NOW:%Y-%m-%d}T00:00:00Z"
DAYS = f"from={NOW - timedelta(days=60):%Y-%m-%d}&to={NOW:%Y-%m-%d}"
METER = "/api/v1/terminals/METER-1"


@pytest.fixture
def long_ago(house: World) -> World:
    """Of METER-1 everything there is twice, 20 and 40 days ago; its client's tier shows 30 days."""
    meter = house.ids["METER-1"]
    for at in (SEEN, PAST):
        house.measured("METER-1", "smart_meter", at, voltage_a=230.0)
        house.happened("METER-1", at, "last_gasp")
    with psycopg.connect(house.database.superuser) as conn:
        conn.execute("update registry.tier set history_days = 30 where code = 'gold'")
        for at in (SEEN, PAST):
            item = house.refused("METER-1", Reason.MALFORMED, f"{at}".encode())
            conn.execute(
                "update telemetry.quarantine set received_at = %s, last_received_at = %s"
                " where id = %s",
                (at, at, item),
            )
            conn.execute(
                "insert into telemetry.quarantine_fault (day, terminal_id, reason, first_at,"
                " last_at, messages, bytes, kept, kept_bytes, topic, detail)"
                " values (%s, %s, 'flood', %s, %s, 9, 9, 1, 1, 'topic', 'too much')",
                (NOW.date() - timedelta(days=(NOW - at).days - 19), meter, at, at),
            )
            conn.execute(
                "insert into telemetry.presence_change values (%s, %s, 'data', true)", (at, meter)
            )
            conn.execute(
                "insert into telemetry.gap (kind, bridge, terminal_id, begins_at, ends_at, boot,"
                " first_seq, last_seq, messages)"
                " values ('given_up', 'b', %s, %s, %s, 'a7', 1, 2, 2)",
                (meter, at, at),
            )
            conn.execute(
                "insert into telemetry.completeness (day, terminal_id, owned_since, received,"
                " stored, duplicate, quarantined, late, bytes) select %s, terminal_id, valid_from,"
                " 7, 7, 0, 0, 0, 700 from registry.ownership where terminal_id = %s",
                (at.date(), meter),
            )
            conn.execute(
                "insert into telemetry.completeness_daily (day, group_client_id, region_code,"
                " sector, received, stored, duplicate, quarantined, late, bytes) select %s,"
                " group_client_id, %s, 'power', 7, 7, 0, 0, 0, 700 from registry.terminal"
                " where id = %s",
                (at.date(), SUZHOU, meter),
            )
    return house


@pytest.fixture
async def client(long_ago: World, app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(app, long_ago.keys["power"]) as client:
        yield client


@pytest.fixture
async def operator(long_ago: World, app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(app, long_ago.keys["jiangsu"]) as client:
        yield client


def times(answer: Any) -> int:
    """How many moments an answer has."""
    return len(answer["times"] if "times" in answer else answer["items"])


@pytest.mark.parametrize(
    "door",
    [
        f"{METER}/telemetry?{WINDOW}",
        f"{METER}/telemetry?{WINDOW}&step=86400",
        f"{METER}/events?{WINDOW}",
        f"{METER}/presence/changes?{WINDOW}",
        f"/api/v1/quarantine?{WINDOW}",
        "/api/v1/quarantine",
        "/api/v1/quarantine/storms",
    ],
)
async def test_each_door_is_cut(
    client: httpx.AsyncClient, operator: httpx.AsyncClient, door: str
) -> None:
    """The client reads the one of 20 days ago, and since when; the operator both."""
    cut, whole = await client.get(door), await operator.get(door)

    assert (times(cut.json()), times(whole.json())) == (1, 2)
    since = datetime.fromisoformat(cut.headers[HEADER])
    assert abs(datetime.now(UTC) - timedelta(days=30) - since) < timedelta(minutes=10)
    assert HEADER not in whole.headers


async def test_the_files_are_cut(client: httpx.AsyncClient, operator: httpx.AsyncClient) -> None:
    """A spreadsheet has what the page has, and the header, too."""
    for door in (f"{METER}/telemetry?{WINDOW}&format=csv", f"{METER}/events?{WINDOW}&format=csv"):
        cut, whole = await client.get(door), await operator.get(door)
        assert (len(cut.text.splitlines()), len(whole.text.splitlines())) == (2, 3)
        assert HEADER in cut.headers


async def test_what_was_refused_long_ago_is_not_there(
    client: httpx.AsyncClient, operator: httpx.AsyncClient
) -> None:
    """Its raw payload neither: what is not shown is 404."""
    seen, past = [item["id"] for item in (await operator.get("/api/v1/quarantine")).json()["items"]]
    found = [
        (await who.get(f"/api/v1/quarantine/{item}")).status_code
        for who in (client, operator)
        for item in (seen, past)
    ]

    assert sorted(found[:2]) == [200, 404]
    assert found[2:] == [200, 200]


async def test_days_are_cut(client: httpx.AsyncClient, operator: httpx.AsyncClient) -> None:
    """Days before are left out, as days of which nothing is expected, and so are their gaps."""
    of_meter = f"{METER}/completeness?{DAYS}"
    cut, whole = (await client.get(of_meter)).json(), (await operator.get(of_meter)).json()
    assert (len(cut["items"]), len(whole["items"])) == (31, 61)
    assert (len(cut["gaps"]), len(whole["gaps"])) == (1, 2)
    assert sum(day["received"] for day in cut["items"]) == 7

    sums = f"/api/v1/completeness?by=group_client&{DAYS}"
    (own,) = (await client.get(sums)).json()["items"]
    (all_of_it,) = (await operator.get(f"{sums}&group_client={POWER}")).json()["items"]
    assert (own["received"], all_of_it["received"]) == (7, 14)


async def test_the_present_does_not_get_too_old(client: httpx.AsyncClient, long_ago: World) -> None:
    """The newest value stays however long ago it came, as who has been silent has a last word."""
    with psycopg.connect(long_ago.database.superuser) as conn:
        conn.execute("update registry.tier set history_days = 10 where code = 'gold'")
    latest = await client.get(f"{METER}/latest")

    assert [value["metric"] for value in latest.json()["items"]] == ["voltage_a"]
    assert HEADER not in latest.headers
    assert (await client.get(f"{METER}/telemetry?{WINDOW}")).json()["times"] == []
