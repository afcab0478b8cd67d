"""Ownership: exactly one owner at each moment, whatever is transferred when."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.database import Pool, transaction
from registry import ownership, sims, terminals
from registry.errors import MomentAhead, OwnershipBroken, TransferRefused
from registry.identifiers import Iccid
from registry.model import Ownership
from tests.country import JIANGSU, everything, register

CARD = Iccid.parse("89860012345678901234")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def test_a_transfer_cuts_time_in_two(pool: Pool) -> None:
    """The old owner has the terminal until the instant of the transfer, the new one from it on."""
    await register(pool, "m-1")

    async with transaction(pool, everything.settings()) as conn:
        await sims.register(conn, everything, iccid=CARD, region=JIANGSU, group_client="power-js")
        await sims.install(conn, everything, CARD, "m-1")
        before = await terminals.find(conn, everything, "m-1")
        after = await ownership.transfer(conn, everything, "m-1", "power-zj", effective_at=NOON)
        intervals = await ownership.list_intervals(conn, everything, "m-1")
        card = await sims.find(conn, everything, CARD)

    assert (before.group_client_code, before.owner_since) == ("power-js", None)
    assert (after.group_client_code, after.owner_since) == ("power-zj", NOON)
    assert after.version == before.version + 1
    assert card.group_client_id == after.group_client_id
    assert intervals == (
        Ownership(before.id, before.group_client_id, None, NOON),
        Ownership(before.id, after.group_client_id, NOON, None),
    )


async def test_a_transfer_that_cannot_be_is_refused(pool: Pool) -> None:
    """Not to the present owner, not from the future, not before the present owner's time."""
    await register(pool, "m-1")
    ahead = datetime.now(UTC) + timedelta(hours=1)

    async with transaction(pool, everything.settings()) as conn:
        await ownership.transfer(conn, everything, "m-1", None, effective_at=NOON)
        with pytest.raises(TransferRefused, match="owned by that client already"):
            await ownership.transfer(conn, everything, "m-1", None)
        with pytest.raises(MomentAhead):
            await ownership.transfer(conn, everything, "m-1", "power-js", effective_at=ahead)
        with pytest.raises(TransferRefused, match="since a later time"):
            await ownership.transfer(conn, everything, "m-1", "power-js", effective_at=NOON)


async def test_a_gap_is_refused_by_the_database(pool: Pool) -> None:
    """Whoever writes intervals by hand cannot leave a moment without an owner."""
    await register(pool, "m-1")

    with pytest.raises(OwnershipBroken):
        async with transaction(pool, everything.settings()) as conn:
            await conn.execute("update registry.ownership set valid_to = now()")


numbers = itertools.count(1)
owners = st.sampled_from(["power-js", "power-zj", None])
minutes = st.integers(-3, 12)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.tuples(owners, minutes), max_size=8))
async def test_any_transfers_leave_one_owner_at_each_moment(
    pool: Pool, steps: list[tuple[str | None, int]]
) -> None:
    """Whatever is asked in whatever order, the intervals are those of the transfers let through."""
    code = f"p-{next(numbers)}"
    await register(pool, code)
    expected: list[tuple[str | None, datetime | None]] = [("power-js", None)]
    async with transaction(pool, everything.settings()) as conn:
        for client, minute in steps:
            at = NOON + timedelta(minutes=minute)
            owner, since = expected[-1]
            if client == owner or (since is not None and at <= since):
                with pytest.raises(TransferRefused):
                    await ownership.transfer(conn, everything, code, client, effective_at=at)
            else:
                await ownership.transfer(conn, everything, code, client, effective_at=at)
                expected.append((client, at))
        terminal = await terminals.find(conn, everything, code)
        intervals = await ownership.list_intervals(conn, everything, code)

    ends = [since for _, since in expected[1:]] + [None]
    assert [i.valid_from for i in intervals] == [since for _, since in expected]
    assert [i.valid_to for i in intervals] == ends
    assert (terminal.group_client_code, terminal.owner_since) == expected[-1]


async def test_two_transfers_at_once_follow_each_other(pool: Pool) -> None:
    """The second of two transfers waits for the first one and sees what it did."""
    await register(pool, "m-1")

    async def transfer(to_client: str | None, at: datetime) -> None:
        async with transaction(pool, everything.settings()) as conn:
            await ownership.transfer(conn, everything, "m-1", to_client, effective_at=at)

    outcomes = await asyncio.gather(
        *(transfer("power-zj", NOON) for _ in range(4)), return_exceptions=True
    )

    assert outcomes.count(None) == 1
    assert {str(o) for o in outcomes if o} == {"The terminal m-1 is owned by that client already."}
