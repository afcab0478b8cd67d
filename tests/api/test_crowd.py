"""A crowd at one door: callers of all tenants at once, some of whom leave in the middle."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from foundation.database import Pool
from foundation.settings import Settings
from tests.api.asked import check_words
from tests.api.conftest import asking
from tests.api.parted import FILES, TERMINALS, Caller, Parted

REQUESTS, CONNECTIONS = 1000, 8
EXPECTED = {200, 401, 403, 404, 422}
_SETTINGS = ("everything", "region_low", "region_high", "group_clients", "actor")
_HELD = "select " + ", ".join(f"current_setting('muster.{s}', true) as {s}" for s in _SETTINGS)


@pytest.fixture
async def crowded(parted_country: Parted) -> AsyncIterator[FastAPI]:
    """The application with few connections, so that everybody shares them."""
    application = create_app(
        Settings.model_validate(
            {
                "database_url": parted_country.world.database.api,
                "database_pool_size": CONNECTIONS,
                "second_factor": "off",
            }
        )
    )
    async with application.router.lifespan_context(application):
        application.state.pool.timeout = 250  # however busy the machine is, everybody gets a turn
        yield application


async def test_a_connection_forgets_whose_it_was(parted_country: Parted, crowded: FastAPI) -> None:
    """1,000 requests of all tenants at once, some cancelled in the middle, some that fail.

    No answer holds another tenant's word, and no connection of the pool holds a scope afterwards.
    """
    dice = random.Random(6)
    async with asking(crowded) as client:
        askers = [
            asyncio.create_task(_ask(client, dice, dice.choice(parted_country.callers)))
            for _ in range(REQUESTS)
        ]
        for asker in askers:
            if dice.random() < 0.3:
                asyncio.get_running_loop().call_later(dice.uniform(0, 2), asker.cancel)
        answers = await asyncio.gather(*askers, return_exceptions=True)
        held = await _settings_held(crowded.state.pool)
    answered = [a for a in answers if not isinstance(a, BaseException)]

    assert any(isinstance(a, asyncio.CancelledError) for a in answers)
    assert [a for a in answers if isinstance(a, Exception)] == []
    for caller, answer in answered:
        assert answer.status_code in EXPECTED, answer.text
        check_words(parted_country.words, caller, answer.text, str(answer.request.url))
    assert {answer.status_code for _, answer in answered} == EXPECTED
    assert len(held) == CONNECTIONS
    assert {value for values in held for value in values} <= {None, ""}


async def _settings_held(pool: Pool) -> list[tuple[str | None, ...]]:
    """What each connection of the pool still knows of the scopes it carried."""
    async with AsyncExitStack() as stack:
        held = []
        for _ in range(CONNECTIONS):
            conn = await stack.enter_async_context(pool.connection())
            row = await (await conn.execute(_HELD)).fetchone()
            assert row is not None
            held.append(tuple(row.values()))
    return held


async def _ask(
    client: httpx.AsyncClient, dice: random.Random, caller: Caller
) -> tuple[Caller, httpx.Response]:
    code, file = dice.choice(list(TERMINALS)), dice.choice(list(FILES))
    path = dice.choice(
        ["/terminals", f"/terminals/{code}", f"/terminals/{code}/latest", "/group-clients",
         f"/group-clients/{file}", "/quarantine", f"/terminals?group_client={file}",
         "/terminals?after=nonsense", f"/terminals/{code}/telemetry?metric=nonsense"]
    )  # fmt: skip
    headers = {"Authorization": f"Bearer {caller.key}"} if caller.key else {}
    return caller, await client.get(f"/api/v1{path}", headers=headers)
