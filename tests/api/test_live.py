"""Live streams: what comes, to whom, and from where it goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI

from api.live.hub import POLL_SECONDS
from api.schemas.telemetry import EventAnswer
from foundation.database import transaction
from registry import ownership
from telemetry import batches
from telemetry.facts import Changes
from tests.api.conftest import asking
from tests.api.following import BASE_US, Bridge, Reader, bridging, following, numbers
from tests.api.served import served
from tests.api.test_limits import limited
from tests.api.world import POWER, SUZHOU, SYSTEM, TRANSIT, World
from tests.telemetry.ground import connected


@pytest.fixture
async def bridge(house: World) -> AsyncIterator[Bridge]:
    """A bridge."""
    async with bridging(house) as found:
        yield found


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    """Where the application is served."""
    async with served(app) as found:
        yield found


async def changed(house: World, code: str, present: bool) -> None:
    """Presence finds a terminal's data to have come or gone."""
    changes = Changes([house.ids[code]], [BASE_US], ["data"], [present])
    async with connected(house.database.jobs) as conn:
        await batches.publish(conn, batches.OF_PRESENCE, batches.presence_row(changes))


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
    assert [said.kind for said in rest] == ["open", "end"]
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
            now_us = BASE_US + 3600 * 1_000_000
            await bridge.say("METER-1", us=now_us)  # of the new owner's time
            await bridge.say("METER-1")  # of the old one's
            await bridge.say("METER-2")
            assert numbers(await new.until("reading")) == [2]
            assert numbers(await old.until("reading", 2)) == [3, 4]
        assert numbers(await region.until("reading", 4)) == [1, 2, 3, 4]


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


async def streams(app: FastAPI) -> str:
    """What the process says of its live streams."""
    async with asking(app) as client:
        text = (await client.get("/metrics")).text
    return "\n".join(line for line in text.splitlines() if "live" in line and line[0] != "#")


async def eventually(app: FastAPI, said: str) -> None:
    """Wait until its metrics say so."""
    async with asyncio.timeout(30):
        for _ in iter(int, 1):
            if said in await streams(app):
                return
            await asyncio.sleep(0.05)


async def test_streams_are_limited_by_caller_by_client_and_in_all(house: World) -> None:
    """429 and 503 with Retry-After; when one is closed, there is room again."""
    settings = {"live_streams": 3, "live_streams_caller": 1, "live_streams_client": 1}
    async with (
        limited(house, live_terminals=3, **settings) as app,
        served(app) as port,
        AsyncExitStack() as stack,
    ):

        async def opened(key: str) -> Reader:
            return await stack.enter_async_context(following(port, house.keys[key]))

        first = await opened("power")
        await first.until("open")
        own = await opened("power")
        by_client = await opened("agent")
        await (await opened("transit")).until("open")
        refused = await opened("admin")  # more terminals than may be
        for reader, status, code in (
            (own, 429, "too_many_streams"),
            (by_client, 429, "too_many_streams"),
            (refused, 422, "too_many_followed"),
        ):
            assert (reader.status, (await reader.problem())["code"]) == (status, code)
        assert int(own.headers["retry-after"]) >= 1
        assert "muster_api_live_streams 2.0" in await streams(app)
        async with following(port, house.keys["jiangsu"], terminals="METER-1") as third:
            await third.until("open")
            async with following(port, house.keys["admin"], terminals="METER-1") as full:
                assert (full.status, (await full.problem())["code"]) == (503, "streams_full")
                assert int(full.headers["retry-after"]) >= 1
        await eventually(app, "muster_api_live_streams 2.0")
        assert 'muster_api_live_ended_total{reason="gone"} 1.0' in await streams(app)


async def test_a_reader_who_does_not_read_is_ended_and_goes_on_later(
    house: World, bridge: Bridge
) -> None:
    """What waits for it is bounded; the stream says so, and the rest is read again, each once."""
    many, text = 60, "x" * 60_000
    async with limited(house, live_waiting_bytes=65_536) as app, served(app) as port:
        async with following(port, house.keys["power"], limit=4096, terminals="METER-1") as reader:
            for k in range(many):
                await bridge.happen("METER-1", f"e.{k}", text)
            while 'ended_total{reason="reader_too_slow"}' not in await streams(app):
                await bridge.happen("METER-1", f"e.{many}", text)
                many += 1
                await asyncio.sleep(0.02)
            told = await reader.rest()
            place = reader.last_id
        assert told[-1].kind in ("end", "event", "open")  # or cut off, where it took not even that
        async with following(
            port, house.keys["power"], terminals="METER-1", after=place, seconds=0
        ) as reader:
            told += await reader.rest()
    codes = [said.data["code"] for said in told if said.kind == "event"]
    assert codes == [f"e.{k}" for k in range(1, many)] or len(codes) == len(set(codes)) == many


async def test_a_process_that_stops_ends_its_streams(
    house: World, bridge: Bridge, app: FastAPI
) -> None:
    """At once, with a last event, so that the reader opens it elsewhere."""
    stopping = AsyncExitStack()
    async with stopping:
        port = await stopping.enter_async_context(served(app))
        reader = await stopping.enter_async_context(
            following(port, house.keys["power"], terminals="METER-1")
        )
        await reader.until("open")
        reading = asyncio.create_task(reader.rest())
        began = asyncio.get_running_loop().time()
        app.state.live.stop()
        told = await reading
    assert told[-1].data["code"] == "stopping"
    assert asyncio.get_running_loop().time() - began < app.state.settings.stop_deadline_seconds


async def test_nothing_is_read_while_there_is_no_stream(
    house: World, app: FastAPI, bridge: Bridge, port: int
) -> None:
    """The follower starts with the first stream, and rests after the last."""
    assert app.state.live.is_following is False
    async with following(port, house.keys["power"], terminals="METER-1") as reader:
        await reader.until("open")
        assert app.state.live.is_following is True
    await eventually(app, "muster_api_live_streams 0.0")
    await asyncio.sleep(2 * POLL_SECONDS)
    assert app.state.live.is_following is False
    async with following(port, house.keys["power"], terminals="METER-1") as reader:
        await reader.until("open")
        await bridge.say("METER-1")
        assert numbers(await reader.until("reading")) == [1]


async def test_without_everything_in_sight_the_feed_is_empty(house: World, bridge: Bridge) -> None:
    """The feed is for a process that parts it; a scope of less is answered nothing at all."""
    await bridge.say("METER-1")
    settings = [{}, {"muster.region_low": "320000", "muster.region_high": "329999"}]
    feed = "select * from telemetry.feed_heads('{bridge-1}', '{0}', '{9}', 9)"
    bodies = "select * from telemetry.feed_bodies('{bridge-1}', '{1}', '{%s}', '-infinity')"
    statements = [
        feed,
        bodies % bridge.meter.id,
        "select * from telemetry.feed_sources()",
        "select * from registry.changes_since('0')",
    ]
    async with limited(house) as app:
        for scope in (*settings, SYSTEM.settings()):
            async with transaction(app.state.pool, scope) as conn:
                found = [len(await (await conn.execute(s.encode())).fetchall()) for s in statements]
            assert any(found) is (scope is not settings[0] and scope is not settings[1]), scope
            assert all(found) is any(found)
