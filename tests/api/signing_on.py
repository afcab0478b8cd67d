"""A console at which people sign in at an identity provider, and one that lies as it is told to."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.app import create_app
from foundation.settings import Settings
from tests.api import provider as providers
from tests.api.provider import Provider
from tests.api.world import POWER, SUZHOU, World

CONSOLE = "http://127.0.0.1"
CALLBACK = "/signin/provider/callback"
RULES = [
    {"group": "admins", "role": "admin"},
    {"group": "suzhou-operations", "role": "operator", "region": SUZHOU},
    {"group": "power", "role": "client_viewer", "group_client": POWER},
    {"group": "managers", "role": "account_manager"},
    {"group": "nowhere", "role": "operator", "region": 999999},
]


@dataclass
class Stage:
    """The console with sign-on, the provider, and what the tests ask of both."""

    app: FastAPI
    provider: Provider
    database: str

    async def leave(self, client: httpx.AsyncClient, to: str = "/") -> str:
        """Press the button; what the provider sends the browser back to."""
        sent = await client.get("/signin/provider", params={"return_to": to})
        assert sent.status_code == 303, sent.text
        async with httpx.AsyncClient() as browser:
            back = await browser.get(sent.headers["location"])
        return str(back.headers["location"]).removeprefix(CONSOLE)

    async def sign_on(self, client: httpx.AsyncClient, to: str = "/") -> httpx.Response:
        """There and back."""
        return await client.get(await self.leave(client, to))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database holds."""
        with psycopg.connect(self.database, autocommit=True) as conn:
            return conn.execute(query).fetchall()


@pytest.fixture
def group_file(tmp_path: Path) -> Path:
    """The file of RULES."""
    path = tmp_path / "groups.json"
    path.write_text(json.dumps(RULES), "utf-8")
    return path


@asynccontextmanager
async def staged(house: World, group_file: Path, **chosen: str) -> AsyncIterator[Stage]:
    """A console with these settings, and an honest provider."""
    async with providers.running() as provider:
        given = {
            "database_url": house.database.api, "second_factor": "everyone",
            "public_url": CONSOLE, "oidc_issuer": provider.issuer,
            "oidc_client_id": providers.CLIENT, "oidc_client_secret": providers.SECRET,
            "oidc_mapping": group_file, "oidc_name": "Example Group",
        }  # fmt: skip
        app = create_app(Settings.model_validate(given | chosen))
        async with app.router.lifespan_context(app):
            yield Stage(app, provider, house.database.superuser)


@pytest.fixture
async def stage(house: World, group_file: Path) -> AsyncIterator[Stage]:
    """The usual one."""
    async with staged(house, group_file) as one:
        yield one
