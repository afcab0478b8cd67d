"""Who may connect, in the memory of the hooks: current within seconds, and never guessed at."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from foundation.database import Connection, Pool, transaction
from foundation.errors import Unavailable
from registry import credentials, terminals
from registry.broker_logins import TRUSTED_SECONDS, BrokerLogins
from registry.credentials import matches
from registry.model import TerminalState
from tests.conftest import Database
from tests.country import everything, register
from tests.cut import out_of_reach

CUT_OFF_SECONDS = 5  # the promise


class Counted(BrokerLogins):
    """Says how often it looked up."""

    turns = 0

    async def _look_up(self, conn: Connection, codes: Sequence[str]) -> None:
        self.turns += 1
        await super()._look_up(conn, codes)


@pytest.fixture
async def logins(database: Database, pool: Pool) -> AsyncIterator[Counted]:
    """A memory that follows the registry with the small country in it."""
    known, stop = Counted(), asyncio.Event()
    following = asyncio.create_task(known.follow(database.api, stop))
    yield known
    stop.set()
    await following


async def becomes(true: Callable[[], Awaitable[bool]], seconds: float = 20) -> float:
    """Wait until it is true; how long it took."""
    begun = time.monotonic()
    while not await true():
        assert time.monotonic() - begun < seconds
        await asyncio.sleep(0.02)
    return time.monotonic() - begun


async def issued(pool: Pool, code: str) -> str:
    """A new password of a terminal."""
    async with transaction(pool, everything.settings()) as conn:
        return (await credentials.issue(conn, everything, code)).password


async def test_each_state_lets_in_as_its_life_says(pool: Pool, logins: BrokerLogins) -> None:
    """Registered and retired terminals may not connect; an isolated one may, to be heard."""
    way = (
        TerminalState.PROVISIONED, TerminalState.TESTING, TerminalState.IN_SERVICE,
        TerminalState.MAINTENANCE, TerminalState.ISOLATED, TerminalState.RETIRED,
    )  # fmt: skip
    await register(pool, "m-1", state=TerminalState.REGISTERED)

    may = {"registered": await logins.find("m-1") is not None}
    for state in way:
        async with transaction(pool, everything.settings()) as conn:
            await terminals.move_to(conn, everything, "m-1", state, reason="so")
        expected = state is not TerminalState.RETIRED

        async def is_so(*, expected: bool = expected) -> bool:
            return (await logins.find("m-1") is not None) == expected

        await becomes(is_so)
        may[state.value] = expected

    assert may == {
        "registered": False, "provisioned": True, "testing": True, "in_service": True,
        "maintenance": True, "isolated": True, "retired": False,
    }  # fmt: skip


async def test_what_is_revoked_or_replaced_counts_no_more_within_five_seconds(
    pool: Pool, logins: BrokerLogins
) -> None:
    """However often it was let in before, and kept in memory."""
    await register(pool, "m-1")
    first = await issued(pool, "m-1")

    async def is_password(password: str) -> bool:
        login = await logins.find("m-1")
        return bool(login and login.verifier and matches(password, login.verifier))

    await becomes(lambda: is_password(first))
    second = await issued(pool, "m-1")
    replaced = await becomes(lambda: is_password(second))
    assert not await is_password(first)
    async with transaction(pool, everything.settings()) as conn:
        await credentials.cut_off(conn, everything, "m-1")

    async def is_cut_off() -> bool:
        login = await logins.find("m-1")
        return login is None or login.verifier is None

    assert replaced < CUT_OFF_SECONDS
    assert await becomes(is_cut_off) < CUT_OFF_SECONDS


async def test_a_storm_is_looked_up_together(pool: Pool, logins: Counted) -> None:
    """Three thousand at once cost a few look-ups, and each is answered with its own."""
    codes = [f"m-{k}" for k in range(60)]
    await register(pool, *codes)
    await becomes(lambda: _is_found(logins, codes[0]))
    asked = codes + [f"nobody-{k}" for k in range(2940)]
    before = logins.turns

    found = await asyncio.gather(*map(logins.find, asked))

    assert [one and one.code for one in found] == [*codes, *[None] * 2940]
    assert logins.turns - before <= 6


async def _is_found(logins: BrokerLogins, code: str) -> bool:
    return await logins.find(code) is not None


async def test_without_the_registry_nobody_is_let_in_for_long(
    pool: Pool, database: Database, logins: BrokerLogins
) -> None:
    """What is in memory counts for three seconds more; then nobody knows, and that is a no."""
    await register(pool, "m-1")
    await becomes(lambda: _is_found(logins, "m-1"))
    with out_of_reach(database):
        lost_at = time.monotonic()
        assert await logins.find("m-1") is not None

        async def is_unknown() -> bool:
            try:
                return await logins.find("m-1") is None
            except Unavailable:
                return True

        await becomes(is_unknown)
        unknown_at = time.monotonic()
        with pytest.raises(Unavailable):
            await logins.find("m-2")

    assert unknown_at - lost_at < TRUSTED_SECONDS + 3  # the patience of a look-up in vain
    await becomes(lambda: _known_again(logins))


async def _known_again(logins: BrokerLogins) -> bool:
    try:
        return await logins.find("m-1") is not None
    except Unavailable:
        return False


def test_a_password_is_compared_by_its_verifier() -> None:
    """The right one matches, whatever the number of turns; no other does."""
    known = credentials.verifier("right", iterations=3)

    assert matches("right", known)
    assert not matches("Right", known)
    assert not matches("", known)
