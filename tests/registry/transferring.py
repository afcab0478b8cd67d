"""What the tests of transfers do: propose, agree, withdraw, carry out."""

from dataclasses import dataclass

import psycopg

from foundation.database import Pool, transaction
from registry import due_transfers, transfers
from registry.scope import Scope
from registry.transfer_model import Offer, Transfer, TransferId
from tests.conftest import Database

JOBS = Scope.system("jobs")


@dataclass(frozen=True, slots=True)
class People:
    """Who has to do with transfers from power-js to power-zj."""

    giver: Scope
    receiver: Scope
    operator: Scope
    far: Scope


async def propose(pool: Pool, scope: Scope, offer: Offer) -> Transfer:
    async with transaction(pool, scope.settings()) as conn:
        return await transfers.propose(conn, scope, offer)


async def agree(
    pool: Pool, scope: Scope, transfer_id: TransferId, evidence: str | None = None
) -> Transfer:
    async with transaction(pool, scope.settings()) as conn:
        return await transfers.agree(conn, scope, transfer_id, evidence=evidence)


async def withdraw(pool: Pool, scope: Scope, transfer_id: TransferId) -> Transfer:
    async with transaction(pool, scope.settings()) as conn:
        return await transfers.withdraw(conn, scope, transfer_id, "not now")


async def find(pool: Pool, scope: Scope, transfer_id: TransferId) -> Transfer:
    async with transaction(pool, scope.settings()) as conn:
        return await transfers.find(conn, scope, transfer_id)


async def execute(jobs: Pool) -> int:
    """All that is due, carried out by one process; how many that were."""
    done = 0
    while True:
        async with transaction(jobs, JOBS.settings()) as conn:
            if not await due_transfers.execute_next(conn, JOBS):
                return done
        done += 1


def moved(database: Database, transfer_id: TransferId, column: str, to: str) -> None:
    """Let time have passed for a transfer."""
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute(
            f"update registry.transfer set {column} = {to} where id = %s".encode(), (transfer_id,)
        )
