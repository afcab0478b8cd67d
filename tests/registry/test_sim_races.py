"""SIMs that are put twice on the roll or change places, at once: one wins, nothing half done."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from foundation.database import Pool, transaction
from foundation.errors import MusterError
from registry import sims
from registry.errors import SimIsElsewhere, SimTaken, TerminalHasSim
from registry.identifiers import Iccid, Imsi, Msisdn
from registry.model import RegionRange
from registry.scope import Role, Scope
from registry.sim_errors import SimNotInstalled, SimOfAnotherOwner, SimTwice
from registry.sim_model import Placement
from tests.country import HANGZHOU, JIANGSU, everything, register

CARDS = [Iccid(f"8986001234567890{n:04d}") for n in range(4)]
OPERATOR = Scope.of_role("user:olga", Role.ADMIN)
PROVINCES = {
    JIANGSU: Scope.of_role("user:j", Role.OPERATOR, region=RegionRange(320000, 329999)),
    HANGZHOU: Scope.of_role("user:z", Role.OPERATOR, region=RegionRange(330000, 339999)),
}


@pytest.mark.parametrize(
    "number",
    [
        {"iccid": CARDS[0]},
        {"imsi": Imsi("460040123456789")},
        {"msisdn": Msisdn("1440112345678")},
    ],
    ids=["iccid", "imsi", "msisdn"],
)
async def test_of_two_at_once_one_wins(pool: Pool, number: Mapping[str, Any]) -> None:
    """Two provinces register one number: exactly one has it, the other learns no more."""
    entered = asyncio.Barrier(2)

    async def attempt(region: Any, card: Iccid) -> MusterError | None:
        try:
            async with transaction(pool, PROVINCES[region].settings()) as conn:
                await entered.wait()
                given = {"iccid": card} | dict(number)
                await sims.register(conn, PROVINCES[region], region=region, **given)
        except MusterError as error:
            return error
        return None

    outcomes = await asyncio.gather(*(
        attempt(region, card) for region, card in zip(PROVINCES, CARDS[1:], strict=False)
    ))  # fmt: skip

    [lost] = [error for error in outcomes if error is not None]
    assert type(lost) is SimTaken
    assert str(lost) == "A SIM with this ICCID, IMSI or MSISDN is on the roll already."
    async with transaction(pool, everything.settings()) as conn:
        cursor = await conn.execute("select count(*) as sims from registry.sim")
        assert await cursor.fetchone() == {"sims": 1}


async def settled(pool: Pool) -> None:
    """`m-0`, `m-1` and `m-2` with a card each, and a card in stock."""
    await register(pool, "m-0", "m-1", "m-2")
    async with transaction(pool, OPERATOR.settings()) as conn:
        for card in CARDS:
            await sims.register(conn, OPERATOR, iccid=card, region=JIANGSU)
        for n in range(3):
            await sims.install(conn, OPERATOR, CARDS[n], f"m-{n}")


async def put(pool: Pool, *places: tuple[int, int]) -> None:
    """Put each card (its number) into a terminal (its number), in one request."""
    async with transaction(pool, OPERATOR.settings()) as conn:
        placements = [Placement(CARDS[card], f"m-{terminal}") for card, terminal in places]
        await sims.place(conn, OPERATOR, placements)


async def places(pool: Pool) -> dict[str, int]:
    """Which card is in which terminal now."""
    async with transaction(pool, everything.settings()) as conn:
        found = {}
        for n, card in enumerate(CARDS):
            if code := (await sims.find(conn, everything, card)).terminal_code:
                found[code] = n
    return found


async def swapped_by_hand(pool: Pool) -> None:
    """One card out, and the other in before it is out of where it was."""
    async with transaction(pool, OPERATOR.settings()) as conn:
        await sims.remove(conn, OPERATOR, CARDS[1])
        await sims.install(conn, OPERATOR, CARDS[0], "m-1")


async def test_two_terminals_exchange_their_cards(pool: Pool) -> None:
    """In one request; and three in a ring. Each stay ends where the next begins."""
    await settled(pool)
    await put(pool, (0, 1), (1, 0))
    assert await places(pool) == {"m-0": 1, "m-1": 0, "m-2": 2}
    await put(pool, (1, 1), (0, 2), (2, 0))
    assert await places(pool) == {"m-0": 2, "m-1": 1, "m-2": 0}
    async with transaction(pool, OPERATOR.settings()) as conn:
        stays = (await sims.list_stays(conn, OPERATOR, CARDS[0])).items
    assert [stay.terminal_code for stay in stays] == ["m-2", "m-1", "m-0"]
    assert [stay.valid_to for stay in stays] == [None, stays[0].valid_from, stays[1].valid_from]


async def test_what_is_not_free_leaves_everything_as_it_was(pool: Pool) -> None:
    """A card whose terminal keeps another one, or that is named twice: refused, nothing moved."""
    await settled(pool)
    before = await places(pool)
    for refusal, wanted in (
        (TerminalHasSim, [(3, 2), (0, 1)]),
        (TerminalHasSim, [(0, 1)]),
        (SimTwice, [(0, 1), (0, 2)]),
        (SimTwice, [(0, 1), (1, 1)]),
    ):
        with pytest.raises(refusal):
            await put(pool, *wanted)
    with pytest.raises(SimIsElsewhere):
        await swapped_by_hand(pool)
    with pytest.raises(SimNotInstalled):
        async with transaction(pool, OPERATOR.settings()) as conn:
            await sims.remove(conn, OPERATOR, CARDS[3])
    assert await places(pool) == before


async def test_no_card_changes_its_owner_by_a_swap(pool: Pool) -> None:
    """Cards of two clients do not change places between their terminals."""
    await settled(pool)
    await register(pool, "m-3", group_client="power-zj")
    await put(pool, (3, 3))

    with pytest.raises(SimOfAnotherOwner):
        await put(pool, (3, 0), (0, 3))
    assert await places(pool) == {"m-0": 0, "m-1": 1, "m-2": 2, "m-3": 3}


async def test_swaps_at_once_end_as_one_after_the_other(pool: Pool) -> None:
    """Whoever comes second sees what the first did; nobody waits for ever, no card is twice."""
    await settled(pool)
    swaps = [((0, 1), (1, 0)), ((1, 2), (2, 1)), ((2, 0), (0, 2)), ((0, 1), (1, 0))]

    async def attempt(swap: tuple[tuple[int, int], ...]) -> type[BaseException] | None:
        try:
            await put(pool, *swap)
        except MusterError as error:
            return type(error)
        return None

    outcomes = await asyncio.gather(*(attempt(swap) for swap in swaps))

    assert set(outcomes) <= {None, TerminalHasSim}
    assert None in outcomes
    found = await places(pool)
    assert sorted(found) == ["m-0", "m-1", "m-2"]
    assert len(set(found.values())) == 3
