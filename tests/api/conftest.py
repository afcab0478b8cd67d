"""The whole application on a real database, asked without a network between."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from deploy.embedded.postgres import Cluster
from foundation.settings import Settings
from tests.api import world
from tests.api.signing_on import group_file, stage  # noqa: F401 - fixtures of these tests, too
from tests.api.world import World
from tests.conftest import TEMPLATE, copy_of


@pytest.fixture(scope="session")
def built_world(cluster: Cluster) -> Iterator[World]:
    """The small world of `tests.api.world`, built once a worker, to be copied."""
    with copy_of(cluster, TEMPLATE) as original:
        yield asyncio.run(world.build(original))


@pytest.fixture
def house(cluster: Cluster, built_world: World) -> Iterator[World]:
    """A copy of the small world for one test."""
    with copy_of(cluster, built_world.database.name) as copy:
        yield replace(built_world, database=copy)


@pytest.fixture
async def app(house: World) -> AsyncIterator[FastAPI]:
    """The application on the small world, started."""
    application = create_app(
        Settings.model_validate({"database_url": house.database.api, "second_factor": "off"})
    )
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
