"""What stands in the way of a transfer: before it is proposed, and when its time has come."""

from datetime import UTC, datetime, timedelta

import pytest

from foundation.database import Pool, transaction
from foundation.errors import Invalid
from registry import (
    credentials,
    ownership,
    terminals,
    transfers,
)
from registry.errors import TerminalNotFound, TransferRefused
from registry.transfer_errors import (
    OwnersDiffer,
    TerminalInTransfer,
)
from registry.transfer_model import Offer, TransferState
from tests.country import everything, register
from tests.registry.transferring import People, agree, execute, find, propose

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("offer", "error"),
    [
        (Offer(codes=[], to_client="power-zj"), Invalid),
        (Offer(codes=["m-1", "m-1"], to_client="power-zj"), Invalid),
        (Offer(codes=["m-1"] * 1001, to_client="power-zj"), Invalid),
        (Offer(codes=["m-1", "m-9"], to_client="power-zj"), TerminalNotFound),
        (Offer(codes=["m-1", "stock"], to_client="power-zj"), OwnersDiffer),
        (Offer(codes=["old"], to_client="power-zj"), TransferRefused),
        (Offer(codes=["m-1"], to_client="power-js"), TransferRefused),
        (Offer(codes=["m-2"], to_client=None, effective_at=NOON), TransferRefused),
        (
            Offer(
                codes=["m-1"],
                to_client="power-zj",
                effective_at=datetime.now(UTC) + timedelta(days=400),
            ),
            Invalid,
        ),
    ],
)
async def test_an_offer_that_cannot_be_is_refused(
    pool: Pool, offer: Offer, error: type[Exception]
) -> None:
    """Whole: not one of its terminals is bound by it."""
    await register(pool, "m-1", "m-2", "old")
    await register(pool, "stock", group_client=None)
    async with transaction(pool, everything.settings()) as conn:
        await ownership.transfer(conn, everything, "m-2", "power-zj", effective_at=NOON)
        await terminals.retire(conn, everything, "old")

    with pytest.raises(error):
        await propose(pool, everything, offer)
    assert (await propose(pool, everything, Offer(codes=["m-1"], to_client="power-zj"))).terminals


async def test_a_retired_terminal_stops_the_whole_transfer(
    pool: Pool, jobs: Pool, people: People
) -> None:
    """What cannot be done for one is done for none, and the reason is told."""
    await register(pool, "m-1", "m-2")
    proposed = await propose(pool, people.giver, Offer(codes=["m-1", "m-2"], to_client="power-zj"))
    await agree(pool, people.receiver, proposed.id)
    async with transaction(pool, everything.settings()) as conn:
        await terminals.retire(conn, everything, "m-2")

    assert await execute(jobs) == 1
    failed = await find(pool, people.giver, proposed.id)
    async with transaction(pool, everything.settings()) as conn:
        kept = await terminals.find(conn, everything, "m-1")

    assert (failed.state, failed.end_reason) == (TransferState.FAILED, "terminal_retired")
    assert kept.group_client_code == "power-js"


async def test_what_the_former_owner_had_under_way_ends(pool: Pool, people: People) -> None:
    """The operator's own act ends a transfer that was open; the terminal is free for another."""
    await register(pool, "m-1")
    proposed = await propose(pool, people.giver, Offer(codes=["m-1"], to_client=None))
    with pytest.raises(TerminalInTransfer):
        await propose(pool, people.giver, Offer(codes=["m-1"], to_client="power-zj"))
    async with transaction(pool, everything.settings()) as conn:
        await ownership.transfer(conn, everything, "m-1", "power-zj")

    ended = await find(pool, people.giver, proposed.id)
    assert (ended.state, ended.end_reason) == (TransferState.FAILED, "owner_changed")
    assert await propose(pool, people.receiver, Offer(codes=["m-1"], to_client="power-js"))


async def test_a_new_password_does_not_outlive_another_transfer(
    pool: Pool, jobs: Pool, people: People
) -> None:
    """Passwords of a transfer are those of terminals that are still the receiver's by it."""
    await register(pool, "m-1", "m-2")
    proposed = await propose(pool, people.giver, Offer(codes=["m-1", "m-2"], to_client="power-zj"))
    await agree(pool, people.receiver, proposed.id)
    await execute(jobs)
    async with transaction(pool, everything.settings()) as conn:
        await ownership.transfer(conn, everything, "m-1", None)

    async with transaction(pool, people.receiver.settings()) as conn:
        issued = await transfers.hand_out(conn, people.receiver, proposed.id)
        with pytest.raises(TerminalNotFound):
            await credentials.issue(conn, people.receiver, "m-1")
    assert [new.username for new in issued] == ["m-2"]
