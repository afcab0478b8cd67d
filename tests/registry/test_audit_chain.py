"""The chains of the audit: whoever tampers with them is found out, and many may write at once."""

import random
import threading

import psycopg
import pytest

from foundation.database import Pool, open_pool, transaction
from registry import audit_chain
from registry.audit_chain import Head, Verdict
from registry.scope import RightMissing, Role, Scope
from tests.conftest import Database
from tests.country import HANGZHOU, everything, register

WRITERS, TRANSACTIONS = 4, 25


async def verify(database: Database, kept: tuple[Head, ...] = ()) -> Verdict:
    """What the verifier says, asked as who looks around."""
    async with (
        await open_pool(database.inspect, name="verify") as pool,
        transaction(pool) as conn,
    ):
        await conn.execute("set transaction isolation level repeatable read read only")
        return await audit_chain.verify(conn, everything, kept)


async def heads(database: Database) -> dict[int, Head]:
    async with (
        await open_pool(database.inspect, name="verify") as pool,
        transaction(pool) as conn,
    ):
        return {head.tenant: head for head in await audit_chain.heads(conn, everything)}


def tamper(database: Database, *statements: str) -> None:
    """Do as a superuser who has shut the triggers off."""
    with psycopg.connect(database.superuser) as conn:
        conn.execute("set session_replication_role = replica")
        for statement in statements:
            conn.execute(statement.encode())


async def written(pool: Pool, database: Database) -> int:
    """Six changes of a terminal of `power-js`, each in a transaction; returns its tenant."""
    await register(pool, "m-1")
    for name in "uvwxyz":
        async with transaction(pool, everything.settings()) as conn:
            await conn.execute("update registry.terminal set name = %s", (name,))
    with psycopg.connect(database.superuser) as conn:
        row = conn.execute(
            "select id from registry.group_client where code = 'power-js'"
        ).fetchone()
    assert row is not None
    return int(row[0])


async def test_what_nobody_touched_is_whole(pool: Pool, database: Database) -> None:
    """Every entry stands in the chain of its tenant, which goes as far as its head says."""
    tenant = await written(pool, database)
    found = await heads(database)

    verdict = await verify(database, tuple(found.values()))

    assert verdict.faults == ()
    assert verdict.chains == len(found) == 3
    assert verdict.entries == sum(head.n for head in found.values())
    assert found[tenant].n == 8


ENTRY = "(select entry_id from registry.audit_seal where tenant = {tenant} and n = {n})"
SEAL = "registry.audit_seal where tenant = {tenant} and n = {n}"
REHASH = (
    "update registry.audit_seal s set hash = sha256(s.previous || int8send(s.n) || a.digest)"
    " from registry.audit a where a.id = s.entry_id and s.tenant = {tenant} and s.n = {n}"
)
FORGED = (
    "insert into registry.audit (tenant, actor, scope, action, outcome)"
    " values ({tenant}, 'user:nobody', '{{}}', 'terminal.update', 'done')"
)
SEALED_ANYHOW = (
    "insert into registry.audit_seal select a.id, a.tenant, h.n + 1, h.hash, ''"
    " from registry.audit a join registry.audit_head h on h.tenant = a.tenant"
    " where a.actor = 'user:nobody'"
)


@pytest.mark.parametrize(
    ("statements", "n", "why"),
    [
        (["update registry.audit set actor = 'user:other' where id = " + ENTRY], 4, "was altered"),
        (["update registry.audit set changes = '[]' where id = " + ENTRY], 4, "was altered"),
        (
            ["update registry.audit set at = at - interval '1 day' where id = " + ENTRY],
            4,
            "was altered",
        ),
        (
            ["update registry.audit set actor = 'user:other' where id = " + ENTRY, REHASH],
            4,
            "its hash with it",
        ),
        (["delete from registry.audit where id = " + ENTRY], 4, "is missing"),
        (
            ["delete from registry.audit where id = " + ENTRY, "delete from " + SEAL],
            4,
            "is missing",
        ),
        (["update registry.audit set tenant = 0 where id = " + ENTRY], 4, "was altered"),
        (
            ["update registry.audit_seal set n = n + 1000 where tenant = {tenant} and n > 3"],
            4,
            "is missing",
        ),
        (
            [
                "update registry.audit_seal set n = -n where tenant = {tenant} and n in (4, 5)",
                "update registry.audit_seal set n = n + 9 where tenant = {tenant} and n < 0",
            ],
            4,
            "was altered",
        ),
        ([FORGED], None, "stands in no chain"),
        (
            [FORGED, SEALED_ANYHOW],
            9,
            "was altered",
        ),
    ],
    ids=[
        "actor",
        "changes",
        "time",
        "and_hash",
        "entry",
        "place",
        "owner",
        "gap",
        "order",
        "loose",
        "forged",
    ],
)
async def test_a_superuser_who_tampers_is_found_out(
    pool: Pool, database: Database, statements: list[str], n: int | None, why: str
) -> None:
    """The verifier names the first place that is not as it was written, and the entry there."""
    tenant = await written(pool, database)
    last = (await heads(database))[tenant].n
    assert last == 8
    with psycopg.connect(database.superuser) as conn:
        row = conn.execute(f"select {ENTRY}".format(tenant=tenant, n=4).encode()).fetchone()
    assert row is not None

    tamper(database, *(statement.format(tenant=tenant, n=4) for statement in statements))
    [fault] = (await verify(database)).faults

    assert (fault.tenant, fault.n) == (tenant, n)
    assert why in fault.why
    if n == 4 and why != "is missing":
        assert fault.entry_id in (row[0], row[0] + 1)


async def test_a_cut_off_end_shows_by_the_head_and_by_one_kept_elsewhere(
    pool: Pool, database: Database
) -> None:
    """Who cuts the last entries off must cut the head, too; who kept it sees that."""
    tenant = await written(pool, database)
    kept = await heads(database)
    last = f"from registry.audit_seal where tenant = {tenant} and n > 7"

    tamper(
        database,
        f"delete from registry.audit where id in (select entry_id {last})",
        f"delete {last}",
    )
    [by_head] = (await verify(database)).faults
    tamper(
        database,
        "update registry.audit_head h set n = s.n, hash = s.hash from registry.audit_seal s"
        f" where h.tenant = s.tenant and s.tenant = {tenant} and s.n = 7",
    )
    unseen = (await verify(database)).faults
    [by_kept] = (await verify(database, tuple(kept.values()))).faults

    assert (by_head.tenant, by_head.n) == (tenant, 8)
    assert unseen == ()
    assert (by_kept.tenant, by_kept.n) == (tenant, 8)


async def test_a_chain_that_was_made_anew_shows_by_the_head_kept_elsewhere(
    pool: Pool, database: Database
) -> None:
    """All hashes computed again after a change agree with each other, not with what was kept."""
    tenant = await written(pool, database)
    kept = await heads(database)
    tamper(
        database,
        f"update registry.audit set actor = 'user:other' where id = {ENTRY}".format(
            tenant=tenant, n=4
        ),
    )
    for n in range(4, 9):
        tamper(
            database,
            f"update registry.audit_seal s set previous = p.hash from registry.audit_seal p"
            f" where s.tenant = {tenant} and s.n = {n} and p.tenant = s.tenant and p.n = s.n - 1",
            REHASH.format(tenant=tenant, n=n),
        )
    tamper(
        database,
        "update registry.audit_head h set hash = s.hash from registry.audit_seal s"
        f" where h.tenant = s.tenant and s.tenant = {tenant} and s.n = h.n",
    )

    assert (await verify(database)).faults == ()
    [fault] = (await verify(database, tuple(kept.values()))).faults
    assert (fault.tenant, fault.n) == (tenant, 8)


async def test_chains_hold_when_many_write_at_once(pool: Pool, database: Database) -> None:
    """Transactions over the same tenants, in any order: no chain forks, and none waits for good."""
    own: list[list[str]] = []
    for writer in range(WRITERS):
        codes = [f"js-{writer}", f"zj-{writer}", f"op-{writer}"]
        await register(pool, codes[0])
        await register(pool, codes[1], region=HANGZHOU, group_client="power-zj")
        await register(pool, codes[2], group_client=None)
        own.append(codes)
    before = await heads(database)
    committed = [0] * WRITERS
    failures: list[psycopg.Error] = []

    def write(writer: int) -> None:
        dice = random.Random(writer)
        try:
            with psycopg.connect(database.superuser) as conn:
                for turn in range(TRANSACTIONS):
                    for code in dice.sample(own[writer], 3):
                        conn.execute(
                            "update registry.terminal set name = %s where code = %s",
                            (f"{turn}", code),
                        )
                    if turn % 5 == 4:
                        conn.rollback()
                    else:
                        conn.commit()
                        committed[writer] += 3
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = await heads(database)
    verdict = await verify(database)

    assert failures == []
    assert verdict.faults == ()
    assert sum(after[t].n - before[t].n for t in before) == sum(committed) == WRITERS * 20 * 3


async def test_who_may_not_read_the_audit_may_not_verify_it(pool: Pool) -> None:
    """The right is asked for before anything is read."""
    viewer = Scope.of_role("user:v", Role.CLIENT_VIEWER, group_clients=frozenset({1}))

    async with transaction(pool, viewer.settings()) as conn:
        with pytest.raises(RightMissing):
            await audit_chain.verify(conn, viewer)
        with pytest.raises(RightMissing):
            await audit_chain.heads(conn, viewer)
