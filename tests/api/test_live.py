"""Live streams: what comes, to whom, and from where it goes on."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import psycopg
from fastapi import FastAPI

from api.schemas.alarms import AlarmAnswer
from api.schemas.telemetry import EventAnswer
from foundation.database import open_pool
from registry import ownership
from telemetry import batches
from telemetry.facts import Changes
from telemetry.notifications import posting
from telemetry.sight import unix_us
from tests.api.conftest import asking
from tests.api.following import BASE_US, Bridge, bridge, bridging, following, numbers, port
from tests.api.served import served
from tests.api.test_accounts import sign_in
from tests.api.test_limits import limited
from tests.api.world import POWER, SUZHOU, SYSTEM, TRANSIT, World
from tests.telemetry.ground import connected

__all__ = ["bridge", "port"]  # fixtures of these tests, too


async def changed(house: World, code: str, present: bool) -> None:
    """Presence finds a terminal's data to have come or gone."""
    changes = Changes([house.ids[code]], [BASE_US], ["data"], [present])
    async with connected(house.database.jobs) as conn:
        await batches.publish(conn, batches.OF_PRESENCE, batches.presence_row(changes))


ALARM = (
    "insert into telemetry.alarm (rule_version, rule_name, terminal_id, group_client_id,"
    " region_code, severity, raised_at, last_at, parent_id, quiet) select 1, %s, t.id,"
    " t.group_client_id, t.region_code, 'major', t.at, t.at, p.id, p.id is not null from"
    " (select t.*, greatest(t.owner_since, now() - interval '1 hour') as at from"
    " registry.terminal t where t.code = %s) t"
    " left join telemetry.alarm p on p.shared is not null"
)
STORM = (
    "insert into telemetry.alarm (rule_version, rule_name, severity, shared, shared_key,"
    " region_code, raised_at, last_at, count) values (1, 'storm', 'critical', 'apn', 'cmiot', 0,"
    " now(), now(), 9)"
)


async def told(house: World, *statements: tuple[str, tuple[str, ...]]) -> None:
    """Something happens to alarms, and the jobs find out whom it is told."""
    with psycopg.connect(house.database.superuser) as conn:
        for statement, values in statements:
            conn.execute(statement.encode(), values)
    async with await open_pool(house.database.jobs, name="jobs", max_size=2) as jobs:
        await posting.spread(jobs)


async def test_what_is_committed_comes_as_it_is(house: World, bridge: Bridge, port: int) -> None:
    """Readings, events and presence, each with its fields; of nobody else's terminals."""
    async with following(port, house.keys["power"], terminals="METER-1,METER-2") as reader:
        [opened] = await reader.until("open")
        await bridge.say("METER-1", "METER-3", energy_kwh=1225)
        await bridge.happen("METER-2", "last_gasp", "dark", iccid="89860425102099341174", n=1)
        await changed(house, "METER-1", present=False)
        [reading] = await reader.until("reading")
        [event] = await reader.until("event")
        [presence] = await reader.until("presence")
    assert (reader.status, reader.headers["content-type"]) == (
        200,
        "text/event-stream; charset=utf-8",
    )
    assert reader.headers["cache-control"] == "no-store"
    assert reader.headers["x-accel-buffering"] == "no"
    assert (opened.data["terminals"], opened.id is None) == (2, False)
    assert set(reading.data) == {"terminal", "profile", "observed_at", "received_at", "values"}
    assert (reading.data["terminal"], reading.data["profile"]) == ("METER-1", "smart_meter")
    assert reading.data["values"] == {"voltage_a": 1.0, "energy_kwh": 12.25}
    EventAnswer.model_validate(event.data)
    assert (event.data["terminal"], event.data["code"], event.data["text"]) == (
        "METER-2", "last_gasp", "dark",
    )  # fmt: skip
    assert event.data["data"] == {"iccid": "89860425102099341174", "n": 1}
    assert presence.data == {
        "time": presence.data["time"], "terminal": "METER-1", "fact": "data", "present": False,
    }  # fmt: skip
    assert len({reading.id, event.id, presence.id, opened.id}) == 4


async def test_a_role_without_cards_gets_none(house: World, bridge: Bridge, port: int) -> None:
    """An agent sees the event, without the number of the SIM in it."""
    async with following(port, house.keys["agent"], group_client=POWER) as reader:
        await reader.until("open")
        await bridge.happen("METER-1", "identity.hello", iccid="89860425102099341174", n=1)
        [event] = await reader.until("event")
    assert event.data["data"] == {"n": 1}


async def test_any_process_goes_on_where_another_one_stopped(
    house: World, app: FastAPI, bridge: Bridge
) -> None:
    """Cut off again and again, in the midst of a batch: no reading comes twice, none not at all."""
    codes = ["METER-1", "METER-2"]
    sent: list[int] = []

    async def speak() -> None:
        for _ in range(40):
            sent.extend(await bridge.say(*codes))
            await asyncio.sleep(0.02)

    got: list[int] = []
    place: str | None = None
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(limited(house, second_factor="off"))
        ports = [await stack.enter_async_context(served(one)) for one in (app, other)]
        async with following(ports[0], house.keys["power"], terminals=",".join(codes)) as reader:
            await reader.until("open")
            place = reader.last_id
        speaking = asyncio.create_task(speak())
        turn = 0
        while len(got) < 80:
            turn += 1
            where = {"Last-Event-ID": str(place)} if turn % 2 else {}
            query: dict[str, Any] = {} if turn % 2 else {"after": place}
            async with following(
                ports[turn % 2], house.keys["power"], where, terminals=",".join(codes), **query
            ) as reader:
                got += numbers(await reader.until("reading", min(5, 80 - len(got))))
                place = reader.last_id
        await speaking
        async with following(
            ports[0], house.keys["power"], terminals="METER-1,METER-2", after=place, seconds=0
        ) as reader:
            rest = await reader.rest()
    assert sorted(got) == sorted(sent)
    # A beat, which has no kind, only says how far catching up is.
    assert [said.kind for said in rest if said.kind] == ["open", "end"]
    assert rest[-1].data["code"] == "stream_done"


async def test_what_two_bridges_and_presence_feed_is_one_stream(
    house: World, bridge: Bridge, port: int
) -> None:
    """A place between them is one in each: what comes after it is what had not come."""
    async with bridging(house, "bridge-2") as second:
        async with following(port, house.keys["power"], terminals="METER-1") as reader:
            await reader.until("open")
            await bridge.say("METER-1")
            [first] = await reader.until("reading")
        second.number = 100
        await second.say("METER-1")
        await bridge.say("METER-1")
        await changed(house, "METER-1", present=True)
        asked: dict[str, Any] = {"terminals": "METER-1", "after": first.id, "seconds": 0}
        async with following(port, house.keys["power"], **asked) as reader:
            again = await reader.rest()
    assert sorted(numbers(again)) == [2, 101]
    assert [said.kind for said in again].count("presence") == 1


async def test_what_the_feed_has_forgotten_is_told(house: World, bridge: Bridge, port: int) -> None:
    """A place from before is a gap with its times, and goes on with what there is."""
    async with following(port, house.keys["power"], terminals="METER-1") as reader:
        await reader.until("open")
        await bridge.say("METER-1")
        [first] = await reader.until("reading")
    for _ in range(3):
        await bridge.say("METER-1")
    with psycopg.connect(house.database.superuser) as conn:
        conn.execute("delete from telemetry.batch where bridge = 'bridge-1' and n < 4")
    asked: dict[str, Any] = {"terminals": "METER-1", "after": first.id, "seconds": 0}
    async with following(port, house.keys["power"], **asked) as reader:
        told = await reader.rest()
    # The process told of it twice where it had itself not yet seen what was forgotten.
    assert list(dict.fromkeys(said.kind for said in told)) == ["open", "gap", "reading", "end"]
    assert told[1].data["from"] <= told[1].data["to"]
    assert numbers(told) == [4]
    with psycopg.connect(house.database.superuser) as conn:
        conn.execute("delete from telemetry.batch where bridge = 'bridge-1'")
    async with following(port, house.keys["power"], **asked) as reader:
        kinds = dict.fromkeys(said.kind for said in await reader.rest())
        assert list(kinds) == ["open", "gap", "end"]


async def test_a_transfer_ends_what_the_old_owner_sees_at_once(
    house: World, bridge: Bridge, port: int
) -> None:
    """Streams that are open: the next reading is the new owner's, also one of an earlier time."""
    async with (
        following(port, house.keys["power"], terminals="METER-1,METER-2") as old,
        following(port, house.keys["jiangsu"], region=SUZHOU) as region,
    ):
        await old.until("open")
        await region.until("open")
        await bridge.say("METER-1")
        assert numbers(await old.until("reading")) == [1]
        async with connected(house.database.api) as conn:
            await ownership.transfer(conn, SYSTEM, "METER-1", TRANSIT)
        async with following(port, house.keys["transit"], terminals="METER-1") as new:
            await new.until("open")
            await bridge.say("METER-1", us=unix_us(datetime.now(UTC)))  # of the new owner's time
            await bridge.say("METER-1")  # of the old one's
            await bridge.say("METER-2")
            assert numbers(await new.until("reading")) == [2]
            assert numbers(await old.until("reading", 2)) == [3, 4]
        assert numbers(await region.until("reading", 4)) == [1, 2, 3, 4]


async def test_what_happens_to_alarms_comes_to_who_sees_them(
    house: World, app: FastAPI, port: int
) -> None:
    """In order and once, from any process; an alarm stays its owner's, one of many is theirs who
    have a part in it, with the count of that part."""
    async with (
        limited(house, second_factor="off") as other,
        served(other) as other_port,
        following(port, house.keys["power"], terminals="METER-1,METER-2") as power,
        following(port, house.keys["transit"]) as transit,
    ):
        await power.until("open")
        await transit.until("open")
        await told(house, (ALARM, ("first", "METER-1")), (ALARM, ("bus", "BUS-1")))
        [opened] = await power.until("alarm")
        async with asking(app, house.keys["admin"]) as client:
            number = opened.data["alarm"]["id"]
            did = await client.post(f"/api/v1/alarms/{number}/acknowledgement", json={})
            assert did.status_code == 200
        async with connected(house.database.api) as conn:
            await ownership.transfer(conn, SYSTEM, "METER-1", TRANSIT)
        cleared = (
            "update telemetry.alarm set cleared_at = now(), cleared_because = 'transfer'"
            " where rule_name = 'first'"
        )
        await told(house, (cleared, ()), (ALARM, ("anew", "METER-1")))
        parted = (ALARM, ("a", "METER-2")), (ALARM, ("b", "METER-3"))
        await told(house, (STORM, ()), *parted)
        got = [opened, *await power.until("alarm", 3)]
        assert [said.data["alarm"]["rule_name"] for said in await transit.until("alarm")] == ["bus"]
        asked: dict[str, Any] = {"terminals": "METER-1", "after": opened.id, "seconds": 0}
        async with following(other_port, house.keys["power"], **asked) as again:
            rest = [said for said in await again.rest() if said.kind == "alarm"]
        async with following(other_port, house.keys["transit"], **asked) as new:
            theirs = [said for said in await new.rest() if said.kind == "alarm"]
    AlarmAnswer.model_validate(opened.data["alarm"])
    assert [(one.data["event"], one.data["terminal"]) for one in got] == [
        ("opened", "METER-1"), ("acknowledged", "METER-1"), ("cleared", "METER-1"),
        ("opened", None),
    ]  # fmt: skip
    assert got[1].data["by"].startswith("key:")
    assert (got[3].data["alarm"]["shared"], got[3].data["alarm"]["count"]) == ("apn", 2)
    assert [said.id for said in rest] == [said.id for said in got[1:]]
    assert [one.data["alarm"]["rule_name"] for one in theirs] == ["anew"]


async def test_a_key_that_is_revoked_ends_its_stream(
    house: World, bridge: Bridge, port: int
) -> None:
    """Within seconds, with a last event that says why; another key's goes on."""
    async with (
        following(port, house.keys["power"], terminals="METER-1") as revoked,
        following(port, house.keys["jiangsu"], terminals="METER-1") as other,
    ):
        await revoked.until("open")
        await other.until("open")
        with psycopg.connect(house.database.superuser) as conn:
            conn.execute("update registry.api_key set revoked_at = now() where name = 'power'")
        told = await revoked.rest()
        await bridge.say("METER-1")
        assert numbers(await other.until("reading")) == [1]
    assert [said.kind for said in told if said.kind] == ["end"]
    assert told[-1].data["code"] == "not_signed_in"
    async with following(port, house.keys["power"], terminals="METER-1") as again:
        assert again.status == 401


async def test_who_signs_out_ends_their_stream(house: World, app: FastAPI, port: int) -> None:
    """A session's stream does not outlive it."""
    async with asking(app) as client:
        await sign_in(client, "jin")
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        async with following(port, "", {"Cookie": cookies}, terminals="METER-1") as reader:
            await reader.until("open")
            assert (await client.delete("/api/v1/sessions/current")).status_code == 204
            told = await reader.rest()
    assert told[-1].data["code"] == "not_signed_in"


async def test_b45_nobody_elses_page_reads_along(house: World, port: int) -> None:
    """An answer to a page of another site is not for that page, and nothing is upgraded."""
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    foreign = {"Origin": "https://elsewhere.example"}
    for headers in (foreign, foreign | upgrade):
        async with following(port, house.keys["power"], headers, terminals="METER-1") as reader:
            assert (reader.status, reader.headers["content-type"][:17]) == (
                200,
                "text/event-stream",
            )
            assert not [name for name in reader.headers if name.startswith("access-control")]
            assert reader.headers["cross-origin-resource-policy"] == "same-origin"


async def test_b45_thousands_of_terminals_are_not_named(house: World, port: int) -> None:
    """So many are followed by a filter."""
    codes = ",".join(f"METER-{n}" for n in range(3000))
    async with following(port, house.keys["power"], terminals=codes) as reader:
        problem = await reader.problem()
    assert (reader.status, problem["errors"][0]["parameter"]) == (422, "terminals")


async def test_a_scope_that_changes_ends_the_stream(
    house: World, bridge: Bridge, port: int
) -> None:
    """A key that is given another client is to ask again."""
    async with following(port, house.keys["power"], terminals="METER-1") as reader:
        await reader.until("open")
        with psycopg.connect(house.database.superuser) as conn:
            conn.execute(
                "update registry.api_key set group_client_ids = array(select id from"
                " registry.group_client where code = %s) where name = 'power'",
                (TRANSIT,),
            )
        told = await reader.rest()
    assert told[-1].data["code"] == "scope_changed"


async def test_a_client_that_moves_is_seen_by_its_new_region_only(
    house: World, bridge: Bridge, port: int
) -> None:
    """What a stream sees is looked up anew when the tree of clients changes."""
    with psycopg.connect(house.database.superuser) as conn:
        conn.execute("update registry.terminal set region_code = 330100 where code = 'METER-1'")
    async with following(port, house.keys["jiangsu"], terminals="METER-1,METER-2") as reader:
        await reader.until("open")
        await bridge.say("METER-1")
        assert numbers(await reader.until("reading")) == [1]
        with psycopg.connect(house.database.superuser) as conn:
            conn.execute(
                "update registry.group_client set region_code = 330100 where code = %s", (POWER,)
            )
        await bridge.say("METER-1")
        await bridge.say("METER-2")  # still in Suzhou
        assert numbers(await reader.until("reading")) == [3]


REFUSED: tuple[tuple[dict[str, Any], int, str], ...] = (
    ({"after": "nonsense"}, 422, "bookmark_invalid"),
    ({"after": "MSAxLjEgYnJpZGdlLTE6MQ"}, 422, "bookmark_invalid"),  # of another feed
    ({"terminals": "BUS-1"}, 404, "terminal_not_found"),
    ({"terminals": "METER-1", "profile": "smart_meter"}, 422, "terminals_invalid"),
    ({"terminals": ","}, 422, "terminals_invalid"),
    ({"group_client": TRANSIT}, 404, "group_client_not_found"),
    ({"collection": 7}, 404, "collection_not_found"),
    ({"seconds": -1}, 422, "request_invalid"),
    ({"everything": 1}, 422, "query_unknown"),
    ({"access_token": "mk_"}, 422, "query_unknown"),  # B45: what opens is never in an address
)


async def test_what_cannot_be_followed_is_told_before_anything_is_sent(
    house: World, port: int
) -> None:
    """A problem with its code and a remedy; nothing stays open."""
    for query, status, code in REFUSED:
        async with following(port, house.keys["power"], **query) as reader:
            problem = await reader.problem()
            assert (reader.status, problem["code"]) == (status, code), query
            assert problem["remedy"]
    async with following(port, house.keys["power"], {"Last-Event-ID": "x"}) as reader:
        assert (reader.status, (await reader.problem())["code"]) == (422, "bookmark_invalid")
    async with following(port, house.keys["scraper"]) as reader:
        assert reader.status == 403
