"""Presence and the quarantine over HTTP: fields, filters, storms, and asking for a replay."""

from typing import Any

import psycopg
import pytest
from fastapi import FastAPI

from telemetry.model import Reason
from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import World, minutes_ago


@pytest.fixture
def heard(house: World) -> World:
    """METER-1 reports, METER-2 did an hour ago and its will came; BUS-1 was never heard."""
    house.measured("METER-1", "smart_meter", minutes_ago(0.1), voltage_a=231.0)
    house.measured("METER-2", "smart_meter", minutes_ago(60), voltage_a=231.0)
    with psycopg.connect(house.database.superuser) as conn:
        conn.execute(
            "update telemetry.presence set session_up = false, session_since = %s"
            " where terminal_id = %s",
            (minutes_ago(59), house.ids["METER-2"]),
        )
        conn.execute(
            "insert into telemetry.presence_change values (%s, %s, 'session', false)",
            (minutes_ago(59), house.ids["METER-2"]),
        )
        conn.execute("update telemetry.presence_clock set as_of = %s", (minutes_ago(0),))
    return house


async def test_the_list_is_narrowed_by_what_is_known(heard: World, app: FastAPI) -> None:
    """By data, session and sector; each line says both facts with their times."""
    found = {}
    async with asking(app, heard.keys["admin"]) as client:
        for query in ("data=silent", "data=online", "data=absent&sector=transport"):
            answer = await client.get(f"/api/v1/terminals?state=in_service&{query}")
            found[query] = [item["code"] for item in answer.json()["items"]]
        offline = (await client.get("/api/v1/terminals?session=offline")).json()["items"]
        plain = (await client.get("/api/v1/terminals?prefix=BUS")).json()["items"]

    assert found == {
        "data=silent": ["METER-2"],
        "data=online": ["METER-1"],
        "data=absent&sector=transport": ["BUS-1"],
    }
    assert [item["code"] for item in offline] == ["METER-2"]
    assert offline[0]["presence"]["data"] == "silent"
    assert offline[0]["presence"]["session_since"] is not None
    assert plain[0]["presence"] == {
        "data": "never",
        "data_at": None,
        "silent_since": None,
        "session": "unknown",
        "session_since": None,
    }


async def test_a_terminal_s_presence_says_up_to_when(heard: World, app: FastAPI) -> None:
    """The facts with `as_of`, and the changes before."""
    async with asking(app, heard.keys["power"]) as client:
        now = (await client.get("/api/v1/terminals/METER-2/presence")).json()
        changes = (await client.get("/api/v1/terminals/METER-2/presence/changes")).json()["items"]
    async with asking(app, heard.keys["transit"]) as client:
        foreign = await client.get("/api/v1/terminals/METER-2/presence")

    assert (now["terminal"], now["data"], now["session"]) == ("METER-2", "silent", "offline")
    assert now["as_of"] > now["silent_since"] > now["data_at"]
    assert [(c["fact"], c["present"]) for c in changes] == [("session", False)]
    assert foreign.status_code == 404


async def test_a_replay_is_asked_for_and_followed(house: World, app: FastAPI) -> None:
    """By number or search, not both; 202 with its address, and what each item waits for."""
    item = house.refused("METER-1", Reason.OUT_OF_RANGE, b"{}")
    house.refused("METER-2", Reason.CLOCK, b"{}1")

    async def ask(who: str, body: dict[str, Any]) -> Any:
        async with asking(app, house.keys[who]) as client:
            return await client.post("/api/v1/quarantine/replays", json=body)

    async with asking(app, house.keys["jiangsu"]) as client:
        asked = await client.post("/api/v1/quarantine/replays", json={"items": [item]})
        followed = (await client.get(asked.headers["Location"])).json()
        waiting = (await client.get(f"{asked.headers['Location']}/outcomes")).json()["items"]
    answers = [
        (await ask(who, body)).status_code
        for who, body in (
            ("jiangsu", {"reason": "clock"}),
            ("jiangsu", {"reason": "flood"}),
            ("jiangsu", {}),
            ("jiangsu", {"items": [item], "reason": "clock"}),
            ("jiangsu", {"items": [item + 1000]}),
            ("power", {"items": [item]}),
        )
    ]

    assert (asked.status_code, followed["items"], followed["waiting"]) == (202, 1, 1)
    assert waiting[0] == {
        "item": item,
        "outcome": None,
        "reason": None,
        "detail": None,
        "settled_at": None,
    }
    assert answers == [202, 409, 422, 422, 404, 403]


async def test_storms_are_listed_with_what_is_kept(house: World, app: FastAPI) -> None:
    """Of a terminal of one's own; what is kept whole is no storm."""
    with psycopg.connect(house.database.superuser) as conn:
        for code, kept in (("METER-1", 1000), ("METER-2", 5000), ("BUS-1", 1)):
            conn.execute(
                "insert into telemetry.quarantine_fault values"
                " (current_date, %s, 'clock', now(), now(), 5000, 90, %s, 10, 'topic', 'detail')",
                (house.ids[code], kept),
            )
    async with asking(app, house.keys["power"]) as client:
        storms = (await client.get("/api/v1/quarantine/storms")).json()["items"]

    assert [(s["terminal"], s["messages"], s["kept"]) for s in storms] == [("METER-1", 5000, 1000)]


async def test_the_page_replays_one_message_or_what_is_found(house: World, app: FastAPI) -> None:
    """A button for who may; the page after it says what becomes of each."""
    item = house.refused("METER-1", Reason.OUT_OF_RANGE, b'<script>alert("x")</script>')
    async with asking(app) as client:
        await sign_in(client, "jin")  # a supervisor: may look
        seen = (await client.get(f"/quarantine/{item}")).text
        denied = await client.post(f"/quarantine/{item}/replay")
    async with asking(app) as client:
        await sign_in(client, "ada")
        page = (await client.get(f"/quarantine/{item}")).text
        listed = (await client.get("/quarantine?terminal=METER-1&topic=m2m&since=1h")).text
        one = await client.post(f"/quarantine/{item}/replay", follow_redirects=True)
        found = await client.post(
            "/quarantine/replay", data={"terminal": "METER-1"}, follow_redirects=True
        )

    assert "/replay" not in seen
    assert denied.status_code == 403
    assert f'action="/quarantine/{item}/replay"' in page
    assert "<script>alert" not in page
    assert 'action="/quarantine/replay"' in listed
    assert "1 of 1 messages wait for a bridge." in one.text
    assert found.status_code == 200


async def test_the_overview_says_when_nobody_listens(heard: World, app: FastAPI) -> None:
    """Presence that has stood still for a minute is said to; one that goes on is not."""
    said = "is known until"
    async with asking(app) as client:
        await sign_in(client, "ada")
        now = (await client.get("/")).text
        with psycopg.connect(heard.database.superuser) as conn:
            conn.execute("update telemetry.presence_clock set as_of = %s", (minutes_ago(2),))
        later = (await client.get("/")).text

    assert said not in now
    assert said in later
