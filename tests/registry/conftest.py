"""Tests of the registry find the small country of `tests.country` in their database."""

from collections.abc import AsyncIterator

import pytest

from foundation.database import Pool
from tests.conftest import Database
from tests.country import settled


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections as the API makes them, to a database with the small country in it."""
    async with settled(database) as opened:
        yield opened
