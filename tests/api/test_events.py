"""What happened at a terminal: found by how codes begin and by severity, by route and page."""

from fastapi import FastAPI

from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import World, minutes_ago

ADDRESS = "/api/v1/terminals/METER-1/events"


def settle(house: World) -> None:
    """Four events, the newest last."""
    for minutes, code in ((40, "hello"), (30, "burglary_alarm"), (20, "burglary_alarm_restored")):
        house.happened("METER-1", minutes_ago(minutes), code)
    house.happened("METER-1", minutes_ago(10), "fire_alarm", "zone 3")


async def codes(app: FastAPI, key: str, **asked: str) -> list[str]:
    """The codes that an answer tells of, newest first."""
    async with asking(app, key) as client:
        answer = await client.get(ADDRESS, params=asked)
    return [event["code"] for event in answer.json()["items"]]


async def test_events_are_found_by_how_their_code_begins(house: World, app: FastAPI) -> None:
    """What begins and what ends it have one beginning; a severity narrows it further."""
    settle(house)
    key = house.keys["admin"]

    assert await codes(app, key, code="burglary") == ["burglary_alarm_restored", "burglary_alarm"]
    assert await codes(app, key, code="alarm") == []
    assert len(await codes(app, key)) == 4
    assert await codes(app, key, severity="critical") == []
    assert await codes(app, key, severity="indeterminate", code="fire") == ["fire_alarm"]


async def test_a_severity_that_there_is_not_is_refused(house: World, app: FastAPI) -> None:
    """As every value that is not of a closed list."""
    async with asking(app, house.keys["admin"]) as client:
        assert (await client.get(ADDRESS, params={"severity": "fatal"})).status_code == 422


async def test_a_terminals_page_leads_to_its_events(house: World, app: FastAPI) -> None:
    """The newest ones stand there; the page of all can be narrowed and shared."""
    settle(house)
    async with asking(app) as client:
        await sign_in(client)
        terminal = (await client.get("/terminals/METER-1")).text
        narrowed = (await client.get("/terminals/METER-1/events?code=burglary&since=24h")).text
        nothing = (await client.get("/terminals/METER-1/events?code=nope")).text

    assert 'href="/terminals/METER-1/events?code=fire_alarm"' in terminal
    assert "zone 3" in terminal
    assert "burglary_alarm_restored" in narrowed
    assert "fire_alarm" not in narrowed
    assert "burglary_alarm" not in nothing


async def test_an_agent_is_told_of_no_cards(house: World, app: FastAPI) -> None:
    """What a hello says of the SIM is left out for who may see no SIMs."""
    house.happened("METER-1", minutes_ago(1), "hello", iccid="89860425102099341174", boot="a7")
    told = {}
    for who in ("agent", "power"):
        async with asking(app, house.keys[who]) as client:
            [event] = (await client.get(ADDRESS)).json()["items"]
        told[who] = event["data"]

    assert told["agent"] == {"boot": "a7"}
    assert told["power"] == {"boot": "a7", "iccid": "89860425102099341174"}
