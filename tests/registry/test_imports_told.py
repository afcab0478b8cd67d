"""What an import may do, what is told of it, and who is handed its passwords."""

import pytest

from foundation.database import Pool, open_pool, transaction
from registry import audit_chain, sim_lists, terminal_lists, terminals, users
from registry.identifiers import Imei, TerminalCode
from registry.imports import files, proof
from registry.imports.model import Import, SecretsGone
from registry.imports.undoing import Heard
from registry.model import RegionCode, RegionRange
from registry.scope import Role, Scope
from registry.sim_lists import Search
from tests.conftest import Database
from tests.country import JIANGSU, NANJING, everything, register
from tests.registry.imports_ground import (
    HEADER,
    SEAL,
    applied,
    counted,
    found,
    imei,
    line,
    nobody_heard,
    rows_of,
    terminals_file,
    verdicts,
    worked,
)

JIANGSU_RANGE = RegionRange(320000, 329999)


def lines(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows]).encode()


async def undone(
    pool: Pool, database: Database, number: int, heard: Heard = nobody_heard
) -> Import:
    async with transaction(pool, everything.settings()) as conn:
        await files.undo(conn, everything, number)
    await worked(database, heard)
    return await found(pool, number)


async def test_an_operator_of_one_province_imports_nothing_into_another(
    pool: Pool, database: Database
) -> None:
    """Row by row, by the queries; and what others have is only taken, without a word of whose."""
    async with transaction(pool, everything.settings()) as conn:
        await users.appoint(
            conn,
            everything,
            name="wang",
            password="a long enough password",
            role=Role.OPERATOR,
            region=JIANGSU,
        )
        await terminals.register(
            conn,
            everything,
            code=TerminalCode("m-000004"),
            profile="meter",
            region=RegionCode(330100),
            imei=Imei(imei(5)),
        )
    scope = Scope.of_role("user:wang", Role.OPERATOR, region=JIANGSU_RANGE)
    content = lines(
        line(1),
        line(2, region="330100", group_client=""),
        line(3, group_client="power-zj"),
        line(4),
        line(5),
    )

    done = await applied(pool, database, content, scope=scope)

    assert await verdicts(pool, done.id) == {
        3: [("region", "out_of_reach")],
        4: [("group_client", "group_client_not_found")],
        5: [("code", "code_taken")],
        6: [("imei", "imei_taken")],
    }
    assert done.created == 1
    written = rows_of(database, "select actor, tenant, action from registry.audit"
                      " where action like 'import.%' order by tenant")  # fmt: skip
    assert {row["actor"] for row in written} == {"user:wang"}


async def test_the_policies_stand_behind_the_queries(pool: Pool, database: Database) -> None:
    """The jobs process, acting for an operator, cannot write outside of that operator's region."""
    scope = Scope.of_role("user:wang", Role.OPERATOR, region=JIANGSU_RANGE)
    await register(pool, "m-1", region=RegionCode(330100), group_client="power-zj")

    async with await open_pool(database.jobs, name="jobs") as jobs_pool:
        async with transaction(jobs_pool, scope.settings()) as conn:
            seen = await (await conn.execute("select code from registry.terminal")).fetchall()
        with pytest.raises(Exception, match="right"):
            async with transaction(jobs_pool, scope.settings()) as conn:
                await conn.execute(
                    "insert into registry.terminal (code, profile_id, region_code)"
                    " values ('x', 1, 330100)"
                )

    assert seen == []


async def test_only_the_jobs_process_changes_without_telling_each(
    pool: Pool, database: Database
) -> None:
    """The setting of an import mutes nobody else: what the API changes is told as ever."""
    async with transaction(pool, everything.settings() | {"muster.import": "1.apply"}) as conn:
        await terminals.register(
            conn, everything, code=TerminalCode("m-1"), profile="meter", region=NANJING
        )

    told = rows_of(database, "select keys from registry.audit where action = 'terminal.insert'")
    assert [row["keys"] for row in told] == [["m-1"]]


async def test_an_import_is_one_link_of_each_owners_chain(pool: Pool, database: Database) -> None:
    """The file's hash, how many rows, the hash over them, every change counted; all verifiable."""
    content = lines(line(1), line(2), line(3, group_client="power-zj"))
    done = await applied(pool, database, content, order_ref="SO-7")
    by_tenant = {
        row["tenant"]: row
        for row in rows_of(
            database, "select * from registry.audit where action = 'import.apply' order by tenant"
        )
    }
    async with (
        await open_pool(database.inspect, name="inspect") as readers,
        transaction(readers) as conn,
    ):
        chains = await audit_chain.verify(conn, everything)
        rows = await proof.verify(conn, everything)

    assert [entry["size"] for entry in by_tenant.values()] == [0, 2, 1]
    assert all(entry["keys"] == [f"import:{done.id}", "SO-7"] for entry in by_tenant.values())
    told = by_tenant[0]["changes"][0]["after"]
    assert told["file_sha256"] == done.sha256.hex()
    assert told["changes"]["terminal.insert"] == 3
    assert told["changes"]["credential.insert"] == 3
    assert chains.faults == ()
    assert (rows.imports, rows.rows, rows.altered) == (1, 3, ())
    others = rows_of(
        database,
        "select distinct action from registry.audit where action ~"
        " '^(terminal|sim|hardware|installation|ownership|credential)[.]'",
    )
    assert others == []


async def test_an_order_finds_what_came_under_it(pool: Pool, database: Database) -> None:
    """The terminals of a file and their SIMs, and none of another order."""
    await applied(pool, database, terminals_file(1, 2), order_ref="SO-7")
    await applied(pool, database, terminals_file(3), order_ref="SO-8")

    async with transaction(pool, everything.settings()) as conn:
        found = await terminal_lists.list_page(conn, everything, order_ref="SO-7")
        cards = await sim_lists.list_page(conn, everything, Search(order_ref="SO-7"))

    assert len(found.items) == 2
    assert {card.terminal_code for card in cards.items} == {t.code for t in found.items}


async def test_rows_that_are_altered_later_are_found(pool: Pool, database: Database) -> None:
    """Whoever changes what was imported, or to whom, does not agree with the audit any more."""
    done = await applied(pool, database, terminals_file(1, 2))
    rows_of(
        database,
        "update registry.import_row set cells[2] = 'another' where row = 3 returning row",
    )

    async with (
        await open_pool(database.inspect, name="inspect") as readers,
        transaction(readers) as conn,
    ):
        rows = await proof.verify(conn, everything)

    assert rows.altered == (done.id,)


async def test_passwords_are_handed_out_once(pool: Pool, database: Database) -> None:
    """To who asked, never to others; what was fetched is gone, and none lies open before."""
    done = await applied(pool, database, terminals_file(1, 2))
    other = Scope.system("somebody else")
    sealed = rows_of(database, "select sealed from registry.import_secret")

    async with transaction(pool, other.settings()) as conn:
        with pytest.raises(SecretsGone):
            await files.begin_fetching(conn, other, done.id)
    async with transaction(pool, everything.settings()) as conn:
        await files.begin_fetching(conn, everything, done.id)
        handed = await files.take_passwords(conn, everything, done.id, SEAL)
        again = await files.take_passwords(conn, everything, done.id, SEAL)
    async with transaction(pool, everything.settings()) as conn:
        with pytest.raises(SecretsGone):
            await files.begin_fetching(conn, everything, done.id)

    assert [code for code, _ in handed] == ["m-000001", "m-000002"]
    assert all(len(password) == 32 for _, password in handed)
    assert again == []
    assert b"m-000001" not in bytes(sealed[0]["sealed"])
    assert counted(database, "import_secret") == 0


async def test_no_passwords_where_none_are_wanted(pool: Pool, database: Database) -> None:
    """`none` leaves the credential to a certificate, or to later."""
    done = await applied(pool, database, terminals_file(1), defaults={"credential": "none"})

    assert (done.created, done.secrets_until) == (1, None)
    assert counted(database, "credential") == 0
