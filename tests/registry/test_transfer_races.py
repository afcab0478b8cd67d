"""Who decides on the same terminals at the same moment: one wins, and nothing is half done."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import psycopg
import pytest

from deploy.embedded.processes import wait_until
from foundation.database import Pool, transaction
from registry import due_transfers, ownership, terminals
from registry.model import TerminalState
from registry.transfer_errors import TerminalInTransfer, TransferOver
from registry.transfer_model import Offer, Transfer, TransferState
from tests.conftest import Database
from tests.country import everything, register
from tests.registry.transferring import JOBS, People, agree, execute, find, propose, withdraw

OFFER = Offer(codes=["m-1"], to_client="power-zj")


async def at_once(database: Database, table: str, *acts: Awaitable[Any]) -> list[Any]:
    """What comes of acts that all wait for the rows of a table before one of them goes on."""

    def waiting(conn: psycopg.Connection[tuple[Any, ...]]) -> bool:
        query = (
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
            " and datname = current_database()"
        )
        return conn.execute(query).fetchall() == [(len(acts),)]

    with (
        psycopg.connect(database.superuser) as holder,
        psycopg.connect(database.superuser, autocommit=True) as watcher,
    ):
        holder.execute(f"select from registry.{table} for update".encode())
        begun = [asyncio.ensure_future(act) for act in acts]
        try:
            assert await asyncio.to_thread(wait_until, lambda: waiting(watcher), 30)
        finally:
            holder.rollback()
            outcomes = await asyncio.gather(*begun, return_exceptions=True)
    return outcomes


async def agreed(pool: Pool, people: People) -> Transfer:
    """A transfer of m-1 that is due."""
    await register(pool, "m-1")
    proposed = await propose(pool, people.giver, OFFER)
    return await agree(pool, people.receiver, proposed.id)


async def owners(pool: Pool) -> list[int | None]:
    """Who owned m-1, one after the other."""
    async with transaction(pool, everything.settings()) as conn:
        intervals = await ownership.list_intervals(conn, everything, "m-1")
    assert [i.valid_to for i in intervals[:-1]] == [i.valid_from for i in intervals[1:]]
    return [interval.group_client_id for interval in intervals]


async def test_a_terminal_is_offered_once_at_a_time(
    pool: Pool, people: People, database: Database
) -> None:
    """Of four proposals of one terminal one stands; the others are told why."""
    await register(pool, "m-1")

    outcomes = await at_once(
        database, "terminal", *(propose(pool, people.giver, OFFER) for _ in range(4))
    )

    stand = [outcome for outcome in outcomes if isinstance(outcome, Transfer)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, TerminalInTransfer)]
    assert (len(stand), len(refused)) == (1, 3)


async def test_consent_against_cancel(
    pool: Pool, jobs: Pool, people: People, database: Database
) -> None:
    """Whichever comes first, what was cancelled is cancelled, and nothing changes hands."""
    await register(pool, "m-1")
    proposed = await propose(pool, people.giver, OFFER)

    consent, cancel = await at_once(
        database,
        "transfer",
        agree(pool, people.receiver, proposed.id),
        withdraw(pool, people.giver, proposed.id),
    )

    assert isinstance(consent, Transfer | TransferOver)
    assert cancel.state is TransferState.CANCELLED
    assert await execute(jobs) == 0
    assert len(await owners(pool)) == 1
    assert (await find(pool, people.giver, proposed.id)).state is TransferState.CANCELLED


async def test_carrying_out_against_cancel(
    pool: Pool, jobs: Pool, people: People, database: Database
) -> None:
    """What is being carried out cannot be called back any more; it is done whole."""
    due = await agreed(pool, people)

    done, cancel = await at_once(
        database, "terminal", execute(jobs), _second(database, withdraw(pool, people.giver, due.id))
    )

    assert done == 1
    assert isinstance(cancel, TransferOver)
    assert len(await owners(pool)) == 2


async def _second(database: Database, act: Awaitable[Any]) -> Any:
    """The act, once somebody waits already."""

    def somebody_waits() -> bool:
        with psycopg.connect(database.superuser) as conn:
            query = (
                "select exists (select from pg_stat_activity where wait_event_type = 'Lock'"
                " and datname = current_database())"
            )
            return conn.execute(query).fetchall() == [(True,)]

    assert await asyncio.to_thread(wait_until, somebody_waits, 30)
    return await act


async def test_carrying_out_against_retiring(
    pool: Pool, jobs: Pool, people: People, database: Database
) -> None:
    """Either it went to the new owner and is retired there, or it is retired and stayed."""
    due = await agreed(pool, people)

    async def retire() -> None:
        async with transaction(pool, everything.settings()) as conn:
            await terminals.retire(conn, everything, "m-1")

    done, retired = await at_once(database, "terminal", execute(jobs), retire())

    ended = await find(pool, people.giver, due.id)
    async with transaction(pool, everything.settings()) as conn:
        terminal = await terminals.find(conn, everything, "m-1")
    assert (done, retired, terminal.state) == (1, None, TerminalState.RETIRED)
    if ended.state is TransferState.EXECUTED:
        assert terminal.group_client_id == due.receiving.client_id
    else:
        assert (ended.state, ended.end_reason) == (TransferState.FAILED, "terminal_retired")
        assert terminal.group_client_id == due.giving.client_id


async def test_carrying_out_against_the_operators_own_act(
    pool: Pool, jobs: Pool, people: People, database: Database
) -> None:
    """One after the other, or the first one only: never two owners, never a gap."""
    due = await agreed(pool, people)

    async def take_back() -> None:
        async with transaction(pool, everything.settings()) as conn:
            await ownership.transfer(conn, everything, "m-1", None)

    outcomes = await at_once(database, "terminal", execute(jobs), take_back())

    ended = await find(pool, people.giver, due.id)
    giving, receiving = due.giving.client_id, due.receiving.client_id
    assert outcomes == [1, None]
    if ended.state is TransferState.EXECUTED:
        assert await owners(pool) == [giving, receiving, None]
    else:
        assert (ended.state, ended.end_reason) == (TransferState.FAILED, "owner_changed")
        assert await owners(pool) == [giving, None]


async def test_several_processes_do_each_once(
    pool: Pool, jobs: Pool, people: People, database: Database
) -> None:
    """Three processes at a dozen transfers that are due: each is carried out by one of them."""
    codes = [f"m-{n}" for n in range(12)]
    await register(pool, *codes)
    for code in codes:
        proposed = await propose(pool, people.giver, Offer(codes=[code], to_client="power-zj"))
        await agree(pool, people.receiver, proposed.id)

    done = await asyncio.gather(*(execute(jobs) for _ in range(3)))

    with psycopg.connect(database.superuser) as conn:
        epochs = conn.execute("select distinct ownership_epoch from registry.terminal").fetchall()
        steps = conn.execute(
            "select count(*), count(distinct transfer_id) from registry.transfer_step"
            " where act = 'executed'"
        ).fetchall()
    assert sum(done) == 12
    assert epochs == [(1,)]
    assert steps == [(12, 12)]


async def test_a_failed_attempt_leaves_nothing(pool: Pool, jobs: Pool, people: People) -> None:
    """A process that dies in the middle has done nothing, and the next one does all of it."""
    due = await agreed(pool, people)

    class Died(Exception):
        """As a process that is killed before its commit."""

    async def die_in_the_middle() -> None:
        async with transaction(jobs, JOBS.settings()) as conn:
            assert await due_transfers.execute_next(conn, JOBS)
            raise Died

    with pytest.raises(Died):
        await die_in_the_middle()
    assert (await find(pool, people.giver, due.id)).state is TransferState.AGREED
    assert len(await owners(pool)) == 1

    assert await execute(jobs) == 1
    assert len(await owners(pool)) == 2
