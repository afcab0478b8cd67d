"""Two locks: the filter of each query, and row-level security; either holds the walls alone."""

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from registry.scope import Right, Role, Scope
from tests.api.asked import Door, check, open_doors
from tests.api.asks import Ask
from tests.api.declared import ROUTES
from tests.api.parted import Caller, Parted

pytestmark = pytest.mark.asyncio(loop_scope="module")

each_ask = pytest.mark.parametrize("ask", ROUTES, ids=lambda ask: ask.title)

EVERYTHING = {
    "everything": True,
    "region_low": -(2**31),
    "region_high": 2**31 - 1,
    "group_clients": [],
}


@pytest.fixture(scope="module")
def callers(parted_country: Parted) -> Sequence[Caller]:
    """Who may do most on each side of both trees."""
    return [c for c in parted_country.callers if c.role in (Role.OPERATOR, Role.CLIENT_ADMIN)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def doors(parted_country: Parted) -> AsyncIterator[list[Door]]:
    """The application as the owner of the tables, whom no policy keeps from anything; and as is."""
    database = parted_country.world.database
    async with open_doors(parted_country, database.owner, database.api) as opened:
        yield opened


@each_ask
async def test_the_queries_hold_without_the_policies(
    ask: Ask, parted_country: Parted, callers: Sequence[Caller], doors: list[Door]
) -> None:
    """Each query filters by the scope that it was handed.

    But for the file that a terminal's card names its owner by: that is joined under the policies.
    """
    words = [word for word in parted_country.words if word.right is not Right.GROUP_CLIENTS_READ]
    await check(ask, callers, words, doors[0])


@each_ask
async def test_the_policies_hold_without_the_queries(
    ask: Ask,
    parted_country: Parted,
    callers: Sequence[Caller],
    doors: list[Door],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Queries that are handed everything as their filter still find the own only."""
    monkeypatch.setattr(Scope, "parameters", lambda _: dict(EVERYTHING))
    await check(ask, callers, parted_country.words, doors[1])
