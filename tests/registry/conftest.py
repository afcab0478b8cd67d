"""Tests of the registry find the small country of `tests.country` in their database."""

from collections.abc import AsyncIterator

import pytest

from foundation.database import Pool, open_pool, transaction
from registry import group_clients
from registry.model import RegionRange
from registry.scope import Role, Scope
from tests.conftest import Database
from tests.country import everything, settled
from tests.registry.transferring import People


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections as the API makes them, to a database with the small country in it."""
    async with settled(database) as opened:
        yield opened


@pytest.fixture
async def people(pool: Pool) -> People:
    """An admin of each client, the operator of Jiangsu and the one of Zhejiang."""
    async with transaction(pool, everything.settings()) as conn:
        ids = {
            code: (await group_clients.find(conn, everything, code)).id
            for code in ("power-js", "power-zj")
        }
    giver, receiver = (
        Scope.of_role(f"user:{code}", Role.CLIENT_ADMIN, group_clients=frozenset({ids[code]}))
        for code in ids
    )
    jiangsu, zhejiang = (
        Scope.of_role(f"user:op{low}", Role.OPERATOR, region=RegionRange(low, low + 9999))
        for low in (320000, 330000)
    )
    return People(giver, receiver, jiangsu, zhejiang)


@pytest.fixture
async def jobs(database: Database) -> AsyncIterator[Pool]:
    """Connections as the jobs process makes them."""
    async with await open_pool(database.jobs, name="jobs", max_size=4) as opened:
        yield opened
