"""Live streams: how many there may be, who does not read, and how they end."""

import asyncio
from contextlib import AsyncExitStack

from fastapi import FastAPI

from api.live.hub import POLL_SECONDS
from foundation.database import transaction
from tests.api.conftest import asking
from tests.api.following import Bridge, Reader, bridge, following, numbers, port
from tests.api.served import served
from tests.api.test_limits import limited
from tests.api.world import SYSTEM, World

__all__ = ["bridge", "port"]  # fixtures of these tests, too


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
