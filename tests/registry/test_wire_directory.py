"""Whom a gateway speaks for: known in memory, current within a second."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from foundation.database import Pool, open_pool, transaction
from registry import gateways, terminals, wire_names
from registry.directory import Directory
from registry.identifiers import WireName
from tests.conftest import Database
from tests.country import everything, register
from tests.registry.test_directory import until

ADDRESS, ACCOUNT = WireName.of("meter_address", "7"), WireName.of("dc09_account", "ABCD")


@pytest.fixture
async def bridge_pool(database: Database, pool: Pool) -> AsyncIterator[Pool]:
    """Connections as the bridge makes them."""
    async with await open_pool(database.bridge, name="bridge", max_size=2) as opened:
        yield opened


async def test_a_gateway_speaks_for_itself_and_for_what_is_behind_it(
    pool: Pool, bridge_pool: Pool
) -> None:
    """By kind and value behind it, or by its own names; for nobody behind another one."""
    gate, other, meter = await register(pool, "g-1", "g-2", "m-1")
    async with transaction(pool, everything.settings()) as conn:
        await gateways.put_behind(conn, everything, "m-1", "g-1")
        await wire_names.give(conn, everything, "m-1", ADDRESS)
        await wire_names.give(conn, everything, "g-1", ACCOUNT)
    directory = Directory(bridge_pool)

    await directory.load()

    known = directory.wire_names
    assert len(known) == 2
    assert known.find(ADDRESS, gate.id) == "m-1"
    assert known.find(ACCOUNT, gate.id) == "g-1"
    assert known.find(ADDRESS, meter.id) == "m-1"
    assert known.find(ADDRESS, other.id) is None
    assert known.find(ACCOUNT, meter.id) is None


async def test_names_that_change_hands_arrive_by_themselves(pool: Pool, bridge_pool: Pool) -> None:
    """Given, moved with its terminal, passed on in one transaction, and gone with a retirement."""
    gate, other, _, _ = await register(pool, "g-1", "g-2", "m-1", "m-2")
    directory = Directory(bridge_pool)
    await directory.load()
    known = directory.wire_names
    stop = asyncio.Event()
    following = asyncio.create_task(directory.follow(stop))

    async with transaction(pool, everything.settings()) as conn:
        for code in ("m-1", "m-2"):
            await gateways.put_behind(conn, everything, code, "g-1")
        await wire_names.give(conn, everything, "m-1", ADDRESS)
    await until(lambda: known.find(ADDRESS, gate.id) == "m-1")
    async with transaction(pool, everything.settings()) as conn:
        await wire_names.take_away(conn, everything, "m-1", ADDRESS)
        await wire_names.give(conn, everything, "m-2", ADDRESS)
    await until(lambda: known.find(ADDRESS, gate.id) == "m-2")
    async with transaction(pool, everything.settings()) as conn:
        await gateways.put_behind(conn, everything, "m-2", "g-2")
    await until(lambda: known.find(ADDRESS, other.id) == "m-2")
    assert known.find(ADDRESS, gate.id) is None
    async with transaction(pool, everything.settings()) as conn:
        await terminals.retire(conn, everything, "m-2")
    await until(lambda: len(known) == 0)

    stop.set()
    await following
