"""The authorisation matrix: every route x every role x own, foreign and absent, in both trees."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.app import create_app
from api.shortcut import Shortcut
from foundation.settings import Settings
from tests.api.asked import Door, check, open_doors
from tests.api.asks import Ask
from tests.api.declared import ROUTES
from tests.api.parted import Parted

pytestmark = pytest.mark.asyncio(loop_scope="module")

each_ask = pytest.mark.parametrize("ask", ROUTES, ids=lambda ask: ask.title)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(parted_country: Parted) -> AsyncIterator[Door]:
    """The application as it is."""
    async with open_doors(parted_country, parted_country.world.database.api) as [opened]:
        yield opened


def routes_of(app: FastAPI) -> set[str]:
    """Method and template of every route, pages and JSON, however it was brought in."""
    found = set()
    for route in iter_route_contexts(app.routes):
        if isinstance(route.route, Shortcut):  # which leads to the others
            continue
        assert route.path is not None, f"{route.route} has no path: declare how it is asked."
        for method in (route.methods or {"WEBSOCKET"}) - {"HEAD", "OPTIONS"}:
            found.add(f"{method} {route.path}")
    return found


async def test_every_route_is_declared() -> None:
    """A route that nobody has declared an answer for fails the build; so does one that is gone."""
    routes = routes_of(create_app(Settings.model_validate({})))
    declared = {ask.route for ask in ROUTES}
    lines = "\n".join(
        f'    Ask("{route}", Right.<the right it needs>, <what its address names, or NOTHING>),'
        for route in sorted(routes - declared)
    )

    assert not lines, f"Add to ROUTES in tests/api/declared.py, for each way to ask it:\n{lines}"
    assert declared - routes == set(), "Take these out of ROUTES in tests/api/declared.py."


@each_ask
async def test_every_role_is_answered_by_its_rights_and_its_scope(
    ask: Ask, parted_country: Parted, door: Door
) -> None:
    """No credential 401, lacking right 403, foreign and absent one 404; no word of anybody else."""
    await check(ask, parted_country.callers, parted_country.words, door)
