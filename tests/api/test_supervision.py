"""Roll-ups of supervision by API, as files and in the console."""

import asyncio
import csv
import io
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI

from api.console.pages.supervision import choices
from telemetry import supervision_days
from telemetry.roll_call import RollCall
from telemetry.supervision_model import Day
from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import JIANGSU, POWER, SUZHOU, ZHEJIANG, World, minutes_ago
from tests.telemetry.ground import connected, execute

MIDNIGHT = datetime.combine(datetime.now(UTC).date(), datetime.min.time(), UTC)
YESTERDAY = MIDNIGHT.date() - timedelta(days=1)


async def call_and_take(world: World) -> None:
    """Have everybody called, yesterday's end taken, and one meter fall silent since."""
    world.measured("METER-1", "smart_meter", minutes_ago(1), voltage_a=230.0)
    world.measured("METER-2", "smart_meter", minutes_ago(1), voltage_a=230.0)
    for silent in (False, True):
        if silent:
            execute(
                world.database,
                "update telemetry.presence set silent_since = now() where terminal_id = %s",
                world.ids["METER-2"],
            )
        execute(world.database, "update telemetry.roll_call_clock set position = null")
        caller, some_are_left = RollCall(), True
        while some_are_left:
            async with connected(world.database.jobs) as conn:
                some_are_left = await caller.turn(conn)
        async with connected(world.database.jobs) as conn:
            await supervision_days.take(conn, MIDNIGHT + timedelta(hours=1), ZoneInfo("UTC"))


@pytest.fixture
def taken(house: World) -> World:
    """The small world with yesterday to compare with."""
    asyncio.run(call_and_take(house))
    return house


async def test_regions_now_and_against_yesterday(taken: World, app: FastAPI) -> None:
    """Every province has a row, with rates, and what they were."""
    query = f"by=region&limit=100&compared_with={YESTERDAY}"
    async with asking(app, taken.keys["admin"]) as client:
        answer = await client.get(f"/api/v1/supervision?{query}")
        days = (await client.get("/api/v1/supervision/days")).json()["items"]
        cities = await client.get(f"/api/v1/supervision?within={JIANGSU}&limit=100")
    assert answer.status_code == 200, answer.text
    found = {row["key"]: row for row in answer.json()["items"]}
    jiangsu, zhejiang = found[str(JIANGSU)], found[str(ZHEJIANG)]

    assert len(found) == 32
    assert answer.json()["as_of"] is not None
    assert [day["day"] for day in days] == [YESTERDAY.isoformat()]
    assert jiangsu["title_en"] == "Jiangsu"
    assert jiangsu["counts"]["online_rate"] == 0.5
    assert jiangsu["then"]["online_rate"] == 1.0
    assert jiangsu["counts"]["activation_rate"] == 0.5
    assert (zhejiang["counts"]["terminals"], zhejiang["grown"]) == (1, 0)
    assert found["440000"]["counts"]["terminals"] == 0
    assert found["440000"]["counts"]["online_rate"] is None
    assert {r["key"]: r["counts"]["terminals"] for r in cities.json()["items"]}[str(SUZHOU)] == 4


async def test_who_may_ask_sees_the_own(taken: World, app: FastAPI) -> None:
    """A province's operator its own, and the client's people nothing: they lack the right."""
    async with asking(app, taken.keys["jiangsu"]) as client:
        clients = (await client.get("/api/v1/supervision?by=client")).json()["items"]
        levels = (await client.get("/api/v1/supervision?by=level")).json()["items"]
    async with asking(app, taken.keys["power"]) as client:
        refused = await client.get("/api/v1/supervision")

    assert [row["key"] for row in clients] == [POWER]
    assert {row["key"]: row["counts"]["terminals"] for row in levels} == {
        "headquarters": 0, "province": 0, "city": 3, None: 1}  # fmt: skip
    assert refused.status_code == 403


async def test_pages_files_and_what_was_never_taken(taken: World, app: FastAPI) -> None:
    """Clients by page and whole in a file whose cells run nothing; another day is refused."""
    execute(taken.database, "update registry.group_client set name = '=1+1' where code = %s", POWER)
    async with asking(app, taken.keys["admin"]) as client:
        first = await client.get("/api/v1/supervision?by=client&limit=1")
        after = first.json()["next"]
        second = await client.get(f"/api/v1/supervision?by=client&limit=1&after={after}")
        file = await client.get(
            f"/api/v1/supervision/file?by=client&format=csv&compared_with={YESTERDAY}"
        )
        book = await client.get("/api/v1/supervision/file?by=sector&format=xlsx")
        refused = [
            (await client.get(f"/api/v1/supervision{path}")).json()
            for path in ("?day=2001-01-01", "/file?compared_with=2001-01-01", "?after=none")
        ]
    lines = list(csv.DictReader(io.StringIO(file.text)))

    assert [*first.json()["items"], *second.json()["items"]][1]["key"] == POWER
    assert 'rel="next"' in first.headers["link"]
    assert second.json()["next"] is None
    assert [line["key"] for line in lines] == ["hangzhou-transit", POWER]
    assert (lines[1]["online_rate"], lines[1]["online_rate_then"]) == ("0.5", "1.0")
    assert lines[1]["title_en"].startswith("'=")
    assert book.content.startswith(b"PK")
    assert [one["code"] for one in refused] == ["day_not_taken", "day_not_taken", "cursor_invalid"]


async def test_the_page_says_what_got_worse(taken: World, app: FastAPI) -> None:
    """First the rates of all, then Jiangsu with its fall, then its cities and a file."""
    async with asking(app) as client:
        await sign_in(client)
        country = (await client.get("/supervision")).text
        cities = (await client.get(f"/supervision?within={JIANGSU}&by=client")).text
        file = await client.get(f"/supervision/file?by=region&within={JIANGSU}")
    worse = country.split('id="worse"')[1].split("</section>")[0]

    assert "3 terminals in service report" in country
    assert f"within={JIANGSU}" in worse
    assert "▼ 50" in worse
    assert f"/terminals?region={SUZHOU}" in cities
    assert f"/group-clients/{POWER}" in cities
    assert file.text.startswith("\ufeffkey,title_zh")
    assert str(SUZHOU) in file.text


def test_the_days_to_compare_with() -> None:
    """The newest, and the last that was taken a week and a month before; none is made up."""
    newest = date(2026, 11, 26)

    def days(*ago: int) -> list[Day]:
        at = datetime(2026, 11, 27, tzinfo=UTC)
        return [Day(newest - timedelta(days=n), at, at) for n in ago]

    assert choices([]) == {}
    assert choices(days(0, 1, 5)) == {"yesterday": newest}
    assert choices(days(0, 6, 7, 40)) == {
        "yesterday": newest,
        "week": date(2026, 11, 20),
        "month": date(2026, 10, 17),
    }
