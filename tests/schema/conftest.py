"""Tests of the schema find the small country of `tests.country` in their database."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.embedded.postgres import Cluster
from foundation.database import Pool
from tests.api import parted
from tests.api.parted import Parted
from tests.conftest import TEMPLATE, Database, copy_of
from tests.country import settled


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections as the API makes them, to a database with the small country in it."""
    async with settled(database) as opened:
        yield opened


@pytest.fixture(scope="session")
def parted_country(cluster: Cluster) -> Iterator[Parted]:
    """The country of `tests.api.parted`, in which everything says whose it is; only to be read."""
    with copy_of(cluster, TEMPLATE) as database:
        yield asyncio.run(parted.build(database))
