"""The whole application on a real database, asked without a network between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from foundation.settings import Settings
from tests.api import world
from tests.api.world import World
from tests.conftest import Database


@pytest.fixture
async def house(database: Database) -> World:
    """The small world of `tests.api.world`."""
    return await world.build(database)


@pytest.fixture
async def app(database: Database) -> AsyncIterator[FastAPI]:
    """The application, started."""
    application = create_app(Settings.model_validate({"database_url": database.api}))
    async with application.router.lifespan_context(application):
        yield application


@asynccontextmanager
async def asking(
    app: FastAPI, key: str | None = None, base: str = "http://127.0.0.1"
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, with an API key or none."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as client:
        yield client
