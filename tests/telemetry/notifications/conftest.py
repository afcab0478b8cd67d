"""What the tests of notifications begin with."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Database
from tests.telemetry.notifications.ground import Ground, prepared
from tests.telemetry.notifications.receiving import Target, target


@pytest.fixture
async def told(database: Database) -> AsyncIterator[Ground]:
    """Meters, and a postman who may go to this machine."""
    async with prepared(database) as ground:
        yield ground


@pytest.fixture
async def receiver() -> AsyncIterator[Target]:
    """A target that takes everything."""
    async with target() as made:
        yield made
