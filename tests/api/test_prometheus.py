"""A group client is scraped by its own key, and so are all that a key's scope holds."""

import asyncio
import re

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as read_text

from api import scrapes
from api.errors import ScrapesFull
from api.exposition import OPENMETRICS, TEXT
from api.scrapes import Scrapes
from foundation.database import transaction
from registry import ownership
from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import JIANGSU, POWER, SYSTEM, TRANSIT, World, minutes_ago
from tests.conftest import Database

METRICS = "/api/v1/group-clients/{}/metrics"
LAST_SEEN = "muster_terminal_last_seen_timestamp_seconds"


async def scraper(house: World, app: FastAPI, **reach: object) -> str:
    """A new scraper's key that reaches so far."""
    body = {"name": "prometheus", "role": "scraper"} | reach
    async with asking(app, house.keys["admin"]) as client:
        answer = await client.post("/api/v1/api-keys", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["secret"])


async def scrape(
    app: FastAPI, key: str, code: str = POWER, **headers: str
) -> tuple[httpx.Response, dict[tuple[str, str], float]]:
    """The answer, and its samples by family and terminal (or whatever its other labels say)."""
    async with asking(app, key) as client:
        answer = await client.get(METRICS.format(code), headers=headers)
    if answer.status_code != 200:
        return answer, {}
    is_text = answer.headers["content-type"] == TEXT
    parse = read_text if is_text else read_openmetrics
    return answer, {
        (f.name, s.labels.get("terminal") or s.labels.get("data", "")): s.value
        for f in parse(answer.text)
        for s in f.samples
    }


def run(database: Database, statement: str) -> None:
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute(statement.encode())


async def test_a_clients_key_reads_what_its_terminals_said_last(house: World, app: FastAPI) -> None:
    """Newest values as numbers with their units, and nothing that is text or another client's."""
    now = minutes_ago(0)
    house.measured("METER-1", "smart_meter", now, voltage_a=231.25, energy_kwh=12.5)
    house.measured("METER-2", "smart_meter", now, voltage_a=229.0)
    house.measured("BUS-1", "vehicle_tracker", now, speed_kmh=50, ignition=True)
    key = await scraper(house, app, group_clients=[POWER])
    answer, found = await scrape(app, key)

    assert (answer.headers["content-type"], answer.headers["vary"]) == (
        TEXT, "Accept, Accept-Encoding",
    )  # fmt: skip
    assert found == {
        ("muster_group_client_terminals", "online"): 2.0,
        ("muster_group_client_terminals", "silent"): 0.0,
        ("muster_group_client_terminals", "never"): 1.0,
        ("muster_group_client_series", ""): 5.0,
        ("muster_group_client_series_cap", ""): 2_000_000.0,
        ("muster_group_client_aggregated", ""): 0.0,
        (LAST_SEEN, "METER-1"): now.timestamp(),
        (LAST_SEEN, "METER-2"): now.timestamp(),
        ("muster_reading_energy_kwh", "METER-1"): 12.5,
        ("muster_reading_voltage_a_volts", "METER-1"): 231.25,
        ("muster_reading_voltage_a_volts", "METER-2"): 229.0,
    }
    _, of_buses = await scrape(app, house.keys["admin"], TRANSIT)
    assert of_buses["muster_reading_ignition", "BUS-1"] == 1.0
    assert of_buses["muster_reading_speed_kmh", "BUS-1"] == 50.0


async def test_openmetrics_and_gzip_are_there_on_request(house: World, app: FastAPI) -> None:
    """The same samples, in the other format, and compressed where that is asked for."""
    house.measured("METER-1", "smart_meter", minutes_ago(0), voltage_a=231.25)
    key = await scraper(house, app, group_clients=[POWER])
    asked = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    plain, as_text = await scrape(app, key, **{"accept-encoding": "identity"})
    answer, found = await scrape(app, key, **asked, **{"accept-encoding": "gzip"})

    assert answer.headers["content-type"] == OPENMETRICS
    assert answer.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert answer.text.endswith("\n# EOF\n")
    assert found == as_text != {}


async def test_a_silent_terminal_keeps_only_when_it_was_heard(house: World, app: FastAPI) -> None:
    """Its series are withdrawn, and are there again when it says something."""
    key = await scraper(house, app, group_clients=[POWER])
    then = minutes_ago(60)
    house.measured("METER-1", "smart_meter", then, voltage_a=231.25)
    _, silent = await scrape(app, key)
    house.measured("METER-1", "smart_meter", minutes_ago(0), voltage_a=230.0)
    _, back = await scrape(app, key)

    of_readings = {at for at in silent if at[0].startswith("muster_reading")}
    assert of_readings == set()
    assert silent[LAST_SEEN, "METER-1"] == then.timestamp()
    assert silent["muster_group_client_terminals", "silent"] == 1.0
    assert back["muster_reading_voltage_a_volts", "METER-1"] == 230.0


async def test_more_series_than_the_tier_allows_are_aggregates(house: World, app: FastAPI) -> None:
    """At the cap terminals are named, above it none is: what they are together, and a marker."""
    for code, volts in (("METER-1", 220.0), ("METER-2", 230.0)):
        house.measured(code, "smart_meter", minutes_ago(0), voltage_a=volts)
    key = await scraper(house, app, group_clients=[POWER])
    run(house.database, "update registry.tier set series_cap = 4 where code = 'gold'")
    _, fitting = await scrape(app, key)
    run(house.database, "update registry.tier set series_cap = 3 where code = 'gold'")
    answer, over = await scrape(app, key)

    house.measured("METER-2", "smart_meter", minutes_ago(0), voltage_a=1e300)
    _, beyond = await scrape(app, key)

    assert fitting["muster_group_client_aggregated", ""] == 0.0
    assert fitting["muster_reading_voltage_a_volts", "METER-2"] == 230.0
    assert "METER" not in answer.text
    assert {name: value for (name, _), value in over.items() if "voltage" in name} == {
        "muster_lowest_voltage_a_volts": 220.0, "muster_highest_voltage_a_volts": 230.0,
        "muster_mean_voltage_a_volts": 225.0, "muster_count_voltage_a_volts": 2.0,
    }  # fmt: skip
    assert beyond["muster_highest_voltage_a_volts", ""] == 1e300
    assert beyond["muster_mean_voltage_a_volts", ""] == 220.0
    assert (over["muster_group_client_aggregated", ""], over["muster_group_client_series", ""]) == (
        1.0, 4.0,
    )  # fmt: skip


async def test_nothing_of_another_owners_time_is_told(house: World, app: FastAPI) -> None:
    """After a transfer the new owner sees nothing until something comes, the old one nothing."""
    house.measured("METER-1", "smart_meter", minutes_ago(1), voltage_a=231.25)
    async with transaction(app.state.pool, SYSTEM.settings()) as conn:
        await ownership.transfer(conn, SYSTEM, "METER-1", TRANSIT)
    admin = house.keys["admin"]
    old, _ = await scrape(app, admin, POWER)
    answer, new = await scrape(app, admin, TRANSIT)
    house.measured("METER-1", "smart_meter", minutes_ago(-0.01), voltage_a=230.0)
    _, then = await scrape(app, admin, TRANSIT)

    assert "METER-1" not in old.text + answer.text
    assert new["muster_group_client_terminals", "never"] >= 1.0
    assert then["muster_reading_voltage_a_volts", "METER-1"] == 230.0


async def test_targets_are_the_clients_of_the_keys_scope(house: World, app: FastAPI) -> None:
    """A client's key finds itself, a province's its clients, everybody's all that have terminals;
    one that reaches nothing finds an empty list."""
    body = {"code": "empty", "name": "无终端", "region": JIANGSU, "industry": "power",
            "tier": "gold"}  # fmt: skip
    async with asking(app, house.keys["admin"]) as client:
        assert (await client.post("/api/v1/group-clients", json=body)).status_code == 201
    keys = {
        "client": await scraper(house, app, group_clients=[TRANSIT]),
        "province": await scraper(house, app, region=JIANGSU),
        "all": house.keys["admin"],
        "nothing": house.keys["scraper"],
    }
    listed = {}
    for who, key in keys.items():
        async with asking(app, key, "http://muster.example:8443") as client:
            answer = await client.get("/api/v1/prometheus/targets")
        assert answer.headers["content-type"] == "application/json"
        listed[who] = answer.json()

    found = {who: [t["labels"]["group_client"] for t in of] for who, of in listed.items()}
    assert found == {
        "client": [TRANSIT], "province": [POWER], "all": [TRANSIT, POWER], "nothing": [],
    }  # fmt: skip
    assert listed["province"] == [
        {
            "targets": ["muster.example:8443"],
            "labels": {
                "__scheme__": "http",
                "__metrics_path__": METRICS.format(POWER),
                "group_client": POWER,
                "province": str(JIANGSU),
                "__meta_muster_region": "320500",
                "__meta_muster_industry": "power",
                "__meta_muster_tier": "gold",
            },
        }
    ]


async def test_another_clients_series_are_not_there(house: World, app: FastAPI) -> None:
    """Foreign and absent are one 404, and who may not scrape is told so."""
    key = await scraper(house, app, group_clients=[TRANSIT])
    foreign, _ = await scrape(app, key, POWER)
    absent, _ = await scrape(app, key, "nobody")
    viewer, _ = await scrape(app, house.keys["power"], POWER)

    assert (foreign.status_code, absent.status_code, viewer.status_code) == (404, 404, 403)
    assert foreign.json()["code"] == absent.json()["code"] == "group_client_not_found"


async def test_scrapes_wait_for_their_turn_and_not_for_ever() -> None:
    """So many read at once, so many wait; whoever comes then is told to come again."""
    turns = Scrapes()
    running, most = 0, 0

    async def scraped() -> None:
        nonlocal running, most
        async for _ in turns.turn():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(scraped() for _ in range(scrapes.AT_ONCE + scrapes.MOST_WAITING)))
    assert most == scrapes.AT_ONCE
    with pytest.raises(ScrapesFull):
        await asyncio.gather(*(scraped() for _ in range(2 * scrapes.MOST_WAITING)))


async def test_an_alerting_engineer_finds_all_on_one_page(house: World, app: FastAPI) -> None:
    """The key, what to write into the configuration, each client's series and cap, the rules."""
    await scraper(house, app, group_clients=[POWER])
    with psycopg.connect(house.database.superuser) as conn:
        conn.execute("update registry.tier set series_cap = 3")
    async with asking(app) as person, asking(app, house.keys["admin"]) as admin:
        await sign_in(person, "ada")
        page = (await person.get("/prometheus")).text
        uses = (await person.get("/prometheus/series")).text
        rules = await person.get("/prometheus/files/fleet.yml")
        listed = (await admin.get("/api/v1/prometheus/series?limit=1")).json()
        own = await admin.get("/api/v1/prometheus/series?limit=100")
        form = (await person.get("/api-keys/new?role=scraper")).text
    async with asking(app, house.keys["transit"]) as transit:
        theirs = (await transit.get("/api/v1/prometheus/series")).json()["items"]
    assert "2 keys let a Prometheus in." in page  # one is of the world
    assert "http://127.0.0.1/api/v1/prometheus/targets" in page
    assert "beyond the cap" in uses
    assert rules.headers["content-disposition"] == 'attachment; filename="fleet.yml"'
    assert "alert: " in rules.text
    assert (len(listed["items"]), listed["next"] is not None) == (1, True)
    [power] = [one for one in own.json()["items"] if one["group_client"] == POWER]
    assert (power["cap"], power["may_be_aggregated"]) == (3, True)
    assert power["series"] > power["terminals"] == 3
    assert [one["group_client"] for one in theirs] == [TRANSIT]
    assert re.search(r'<option value="scraper"[^>]* selected>', form)
