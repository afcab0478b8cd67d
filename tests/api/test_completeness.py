"""How complete the days are, by API and in the console."""

import re
from datetime import timedelta

import psycopg
import pytest
from fastapi import FastAPI

from telemetry import completeness
from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import JIANGSU, POWER, SUZHOU, World

YESTERDAY = completeness.today() - timedelta(days=1)


@pytest.fixture
def counted(house: World) -> World:
    """Yesterday METER-1 had 1,000 of 1,440 messages, gave up two numbers and still owes one."""
    with psycopg.connect(house.database.superuser) as conn:
        meter = house.ids["METER-1"]
        conn.execute(
            "insert into telemetry.completeness"
            " select %s, %s, valid_from, 1010, 1000, 6, 4, 3, 90000"
            " from registry.ownership where terminal_id = %s and valid_to is null",
            (YESTERDAY, meter, meter),
        )
        conn.execute(
            "insert into telemetry.completeness_daily"
            " select %s, group_client_id, %s, 1010, 1000, 6, 4, 3, 90000"
            " from registry.terminal where id = %s",
            (YESTERDAY, SUZHOU, meter),
        )
        conn.execute(
            "insert into telemetry.gap (kind, bridge, terminal_id, begins_at, ends_at, boot,"
            " first_seq, last_seq, messages)"
            " values ('given_up', 'bridge-1', %s, %s, %s, 'a7', 41, 42, 2)",
            (meter, YESTERDAY, YESTERDAY),
        )
        conn.execute(
            "insert into telemetry.receipt values (%s, 'b8', '{[1,5),[6,9)}', %s)",
            (meter, YESTERDAY),
        )
        conn.execute("update registry.terminal set state_since = now() - interval '10 days'")
    return house


async def test_a_terminals_days_and_gaps(counted: World, app: FastAPI) -> None:
    """Newest first, with what was expected; to who may not see the terminal it is not there."""
    path = f"/api/v1/terminals/METER-1/completeness?from={YESTERDAY}&to={YESTERDAY}"
    async with asking(app, counted.keys["power"]) as client:
        answer = (await client.get(path)).json()
        week = (await client.get("/api/v1/terminals/METER-1/completeness")).json()
    async with asking(app, counted.keys["transit"]) as client:
        foreign = await client.get(path)

    (day,) = answer["items"]
    expected = day.pop("expected")
    assert day == {
        "day": YESTERDAY.isoformat(),
        "received": 1010,
        "stored": 1000,
        "duplicate": 6,
        "quarantined": 4,
        "late": 3,
        "bytes": 90000,
        "missing": 3,
    }
    assert expected > 1000
    gaps = {(g["kind"], g["boot"], g["first_seq"], g["last_seq"]) for g in answer["gaps"]}
    assert gaps == {("given_up", "a7", 41, 42), ("missing", "b8", 5, 5)}
    assert len(week["items"]) == 7
    assert week["items"][1]["stored"] == 1000
    assert foreign.status_code == 404


async def test_sums_by_day_client_and_province(counted: World, app: FastAPI) -> None:
    """Of what the caller sees."""
    window = f"from={YESTERDAY}&to={YESTERDAY}"
    seen = {}
    for who in ("admin", "power", "transit"):
        for by in ("day", "group_client", "province"):
            async with asking(app, counted.keys[who]) as client:
                answer = await client.get(f"/api/v1/completeness?by={by}&{window}")
            assert answer.status_code == 200, answer.text
            seen[who, by] = {i["key"]: i["stored"] for i in answer.json()["items"] if i["stored"]}
    day = {YESTERDAY.isoformat(): 1000}
    some = {"day": day, "group_client": {POWER: 1000}, "province": {str(JIANGSU): 1000}}

    assert {by: seen["admin", by] for by in some} == some
    assert {by: seen["power", by] for by in some} == some
    assert {by: seen["transit", by] for by in some} == {by: {} for by in some}


async def test_wrong_days_are_refused_in_one_sentence(counted: World, app: FastAPI) -> None:
    """Backwards, too many, and no days at all."""
    async with asking(app, counted.keys["power"]) as client:
        for query, status in (
            ("from=2026-11-02&to=2026-11-01", 422),
            ("from=2020-01-01&to=2026-11-01", 422),
            ("from=yesterday", 422),
        ):
            answer = await client.get(f"/api/v1/completeness?{query}")
            assert (answer.status_code, query) == (status, query)


async def test_the_console_shows_the_week(counted: World, app: FastAPI) -> None:
    """On the terminal's page with its gaps, on the client's page by sum."""
    async with asking(app) as client:
        await sign_in(client)
        terminal = (await client.get("/terminals/METER-1")).text
        owner = (await client.get(f"/group-clients/{POWER}")).text
    block = re.compile(r'<section class="card flush" id="completeness">.*?</section>', re.DOTALL)
    shown = {"terminal": block.findall(terminal), "client": block.findall(owner)}

    assert all(len(found) == 1 for found in shown.values())
    for (found,) in shown.values():
        row = re.search(rf"<tr><td>{YESTERDAY}</td>(.*?)</tr>", found, re.DOTALL)
        assert row is not None
        assert "1,000" in row[1]
        assert "%" in row[1]
    assert "given up by the terminal" in shown["terminal"][0]
    assert "41 – 42" in shown["terminal"][0]
