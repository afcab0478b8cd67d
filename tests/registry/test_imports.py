"""Files of terminals: checked row by row, applied once, undone where nothing happened since."""

import asyncio
import uuid
from collections.abc import Sequence

import pytest

from foundation.database import Connection, Pool, open_pool, transaction
from foundation.errors import NotFound, Refused
from registry import sims, terminals
from registry.identifiers import Iccid, Imei, TerminalCode
from registry.imports import files, running
from registry.imports.model import PORTION_ROWS, Import, ImportState
from registry.imports.undoing import Heard
from registry.model import RegionRange, TerminalState
from registry.scope import Role, Scope
from tests.conftest import Database
from tests.country import NANJING, everything, register
from tests.registry.imports_ground import (
    HEADER,
    SEAL,
    applied,
    checked,
    counted,
    found,
    iccid,
    imei,
    in_chunks,
    line,
    nobody_heard,
    rows_of,
    sent,
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


async def test_a_file_that_is_right_is_applied_once(pool: Pool, database: Database) -> None:
    """Checked it changes nothing, applied it makes what it says, and again it changes nothing."""
    content = terminals_file(*range(1, 21))

    dry = await checked(pool, database, content)
    untouched = counted(database, "terminal")
    first = await applied(pool, database, content)
    second = await applied(pool, database, content)

    assert (dry.state, dry.rows, dry.wrong, dry.known) == (ImportState.CHECKED, 20, 0, 0)
    assert untouched == 0
    assert (first.state, first.created, first.unchanged) == (ImportState.APPLIED, 20, 0)
    assert (second.state, second.created, second.unchanged) == (ImportState.APPLIED, 0, 20)
    assert await verdicts(pool, second.id) == {}
    for relation in ("terminal", "ownership", "hardware", "sim", "installation", "credential"):
        assert counted(database, relation) == 20


async def test_each_row_has_its_verdict(pool: Pool, database: Database) -> None:
    """Column and code of whatever is wrong with a row; the right ones are applied without it."""
    content = lines(
        line(1),
        line(2, imei="490154203237519"),
        line(3, profile="kettle"),
        line(4, group_client="nobody"),
        line(5, region="999998"),
        line(6, iccid="123"),
        line(7, code="no code!"),
        line(8, imei=imei(1)),
        line(9, iccid=iccid(1)),
        line(10, state="retired"),
        line(11, imei="8.6E+14"),
        line(12, code=""),
        line(13),
    )

    done = await applied(pool, database, content)

    assert await verdicts(pool, done.id) == {
        3: [("imei", "imei_check_digit")],
        4: [("profile", "profile_not_found")],
        5: [("group_client", "group_client_not_found")],
        6: [("region", "region_not_found")],
        7: [("iccid", "iccid_invalid")],
        8: [("code", "code_invalid")],
        9: [("imei", "twice_in_file")],
        10: [("iccid", "twice_in_file")],
        11: [("state", "unknown_word")],
        12: [("imei", "number_mangled")],
        13: [("code", "required")],
    }
    assert (done.created, done.wrong, done.unchanged) == (2, 11, 0)
    assert {row["code"] for row in rows_of(database, "select code from registry.terminal")} == {
        "m-000001",
        "m-000013",
    }


async def test_one_wrong_row_among_many_portions_is_left_out_alone(
    pool: Pool, database: Database
) -> None:
    """It is named by its number, and neither its portion nor any other loses a row."""
    rows = 2 * PORTION_ROWS + 500
    content = terminals_file(*range(rows)).replace(line(PORTION_ROWS + 70).encode(), b"x,kettle")
    defaults = {"credential": "none", "region": "320100"}

    done = await applied(pool, database, content, defaults=defaults)

    assert (done.rows, done.wrong, done.created, done.state) == (
        rows,
        1,
        rows - 1,
        ImportState.APPLIED,
    )
    assert counted(database, "terminal") == counted(database, "installation") == rows - 1
    assert rows_of(database, "select row, column_name, code from registry.import_finding") == [
        {"row": PORTION_ROWS + 72, "column_name": "profile", "code": "profile_not_found"}
    ]


async def test_of_a_whole_file_with_one_wrong_row_nothing_is_applied(
    pool: Pool, database: Database
) -> None:
    """All or nothing: it is refused, nothing is left, and it can be applied row by row then."""
    content = lines(line(1), line(2, profile="kettle"), line(3))

    refused = await applied(pool, database, content, whole=True)
    left = counted(database, "terminal")
    async with transaction(pool, everything.settings()) as conn:
        await files.apply(conn, everything, refused.id, whole=False)
    await worked(database)

    assert (refused.state, refused.problem) == (ImportState.REFUSED, "rows_wrong")
    assert (refused.created, left) == (0, 0)
    assert (await found(pool, refused.id)).created == 2


async def test_a_whole_file_meets_what_was_registered_since_its_check(
    pool: Pool, database: Database
) -> None:
    """Its last row's code is taken meanwhile: nothing of it is applied, and the row says why."""
    dry = await checked(pool, database, terminals_file(1, 2))
    await register(pool, "m-000002")

    async with transaction(pool, everything.settings()) as conn:
        await files.apply(conn, everything, dry.id, whole=True)
    await worked(database)

    assert (await found(pool, dry.id)).state is ImportState.REFUSED
    assert counted(database, "terminal") == 1
    assert ("imei", "differs") in (await verdicts(pool, dry.id))[3]


async def test_two_rows_that_swap_sims_are_both_refused(pool: Pool, database: Database) -> None:
    """Neither is half done: both terminals keep the card that they have."""
    await applied(pool, database, terminals_file(1, 2))
    swapped = lines(
        line(1, iccid=iccid(2), imsi="", msisdn=""), line(2, iccid=iccid(1), imsi="", msisdn="")
    )

    done = await applied(pool, database, swapped)

    assert await verdicts(pool, done.id) == {
        2: [("iccid", "differs")],
        3: [("iccid", "differs")],
    }
    async with transaction(pool, everything.settings()) as conn:
        first = await sims.find_in(conn, everything, "m-000001")
        second = await sims.find_in(conn, everything, "m-000002")
    assert [str(sim.iccid) for sim in (first, second) if sim] == [iccid(1), iccid(2)]


async def test_a_sim_from_stock_goes_into_the_terminal_that_names_it(
    pool: Pool, database: Database
) -> None:
    """It is not made anew; undone, it lies in stock again."""
    async with transaction(pool, everything.settings()) as conn:
        await sims.register(conn, everything, iccid=Iccid(iccid(1)), region=NANJING)

    done = await applied(pool, database, lines(line(1, imsi="", msisdn="")))
    installed = counted(database, "installation")
    adopted = rows_of(
        database,
        "select from registry.sim s join registry.group_client c on c.id = s.group_client_id"
        " where c.code = 'power-js'",
    )
    await undone(pool, database, done.id)

    assert (done.created, installed, len(adopted)) == (1, 1, 1)
    assert rows_of(database, "select group_client_id from registry.sim") == [
        {"group_client_id": None}
    ]
    assert (counted(database, "sim"), counted(database, "installation")) == (1, 0)
    assert counted(database, "terminal") == 0


async def test_undo_takes_back_what_nothing_happened_to(pool: Pool, database: Database) -> None:
    """What was heard or changed since stays, and its row says why; the rest was never there."""
    done = await applied(pool, database, terminals_file(1, 2, 3, 4))
    async with transaction(pool, everything.settings()) as conn:
        await terminals.move_to(conn, everything, "m-000002", TerminalState.IN_SERVICE)
        heard_id = (await terminals.find(conn, everything, "m-000003")).id

    async def heard(_: Connection, ids: Sequence[int]) -> list[int]:
        return [one for one in ids if one == heard_id]

    back = await undone(pool, database, done.id, heard)

    assert (back.state, back.undone, back.kept) == (ImportState.UNDONE, 2, 2)
    async with transaction(pool, everything.settings()) as conn:
        page = await files.list_rows(conn, everything, done.id, only="kept")
    assert [(row.row, row.kept) for row in page.items] == [(3, "changed"), (4, "heard")]
    assert {row["code"] for row in rows_of(database, "select code from registry.terminal")} == {
        "m-000002",
        "m-000003",
    }
    for relation in ("terminal", "ownership", "hardware", "sim", "installation", "credential"):
        assert counted(database, relation) == 2


async def test_a_gateway_may_come_with_what_is_behind_it(pool: Pool, database: Database) -> None:
    """In a row above of the same file; what names one that is nowhere is refused."""
    content = (
        b"code,profile,region,gateway,wire_names\n"
        b"GATE-1,meter,320100,,code:GATE-1\n"
        b"M-1,meter,320100,GATE-1,meter_address:7\n"
        b"M-2,meter,320100,GATE-1,meter_address:8\n"
        b"M-3,meter,320100,NOWHERE,meter_address:9\n"
        b"M-4,meter,320100,GATE-1,meter_address:7\n"
    )

    done = await applied(pool, database, content)
    again = await applied(pool, database, content)

    expected = {
        5: [("gateway", "gateway_not_found")],
        6: [("wire_names", "twice_in_file")],
    }
    assert await verdicts(pool, done.id) == expected
    assert await verdicts(pool, again.id) == expected | {
        6: [("wire_names", "twice_in_file"), ("wire_names", "wire_name_taken")]
    }
    assert (done.created, again.created, again.unchanged) == (3, 0, 3)
    behind = rows_of(
        database,
        "select t.code from registry.terminal t join registry.terminal g on g.id = t.gateway_id"
        " where g.code = 'GATE-1' order by 1",
    )
    assert [row["code"] for row in behind] == ["M-1", "M-2"]
    assert counted(database, "terminal_gateway") == 2
    back = await undone(pool, database, done.id)
    assert (back.undone, counted(database, "terminal")) == (3, 0)


async def test_of_one_imei_in_an_import_and_beside_it_one_wins(
    pool: Pool, database: Database
) -> None:
    """Registered by hand while the portion is applied: the row is judged again, and told."""
    dry = await checked(pool, database, terminals_file(1, 2, 3))
    async with transaction(pool, everything.settings()) as conn:
        await files.apply(conn, everything, dry.id, whole=False)
    async with await open_pool(database.jobs, name="jobs") as jobs_pool:
        async with transaction(pool, everything.settings()) as rival:
            await terminals.register(
                rival,
                everything,
                code=TerminalCode("rival"),
                profile="meter",
                region=NANJING,
                imei=Imei(imei(2)),
            )
            working = asyncio.create_task(
                running.run_next(jobs_pool, uuid.uuid4(), SEAL, nobody_heard)
            )
            while not rows_of(
                database, "select from pg_stat_activity where wait_event_type = 'Lock'"
            ):
                assert not working.done()
                await asyncio.sleep(0.02)
        await working

    done = await found(pool, dry.id)
    assert (done.state, done.created) == (ImportState.APPLIED, 2)
    assert await verdicts(pool, done.id) == {3: [("imei", "imei_taken")]}
    assert counted(database, "hardware") == 3


async def test_what_is_cancelled_leaves_nothing(pool: Pool, database: Database) -> None:
    """Neither rows nor findings nor the file, and it cannot be applied any more."""
    dry = await checked(pool, database, terminals_file(1))

    async with transaction(pool, everything.settings()) as conn:
        await files.cancel(conn, everything, dry.id)
    async with await open_pool(database.jobs, name="jobs") as jobs_pool:
        for _ in range(3):
            await running.sweep(jobs_pool)

    with pytest.raises(Refused):
        async with transaction(pool, everything.settings()) as conn:
            await files.apply(conn, everything, dry.id, whole=False)
    for relation in ("import_part", "import_row", "import_finding", "terminal"):
        assert counted(database, relation) == 0


async def test_an_upload_that_is_broken_off_leaves_nothing(pool: Pool, database: Database) -> None:
    """The transaction of its first byte is the one of its last."""

    async def broken() -> None:
        async def chunks(content: bytes) -> object:
            async for chunk in in_chunks(content, 8):
                yield chunk
            raise ConnectionResetError

        async with transaction(pool, everything.settings()) as conn:
            await files.receive(conn, everything, "terminals", chunks(terminals_file(1)), name="x")  # type: ignore[arg-type]

    with pytest.raises(ConnectionResetError):
        await broken()

    assert [counted(database, name) for name in ("import", "import_part", "job")] == [0, 0, 0]


async def test_whoever_asked_must_still_be_in_force(pool: Pool, database: Database) -> None:
    """The job of an account that was closed meanwhile fails, and changes nothing."""
    scope = Scope.of_role("user:gone", Role.OPERATOR, region=JIANGSU_RANGE)
    number = await sent(pool, terminals_file(1), scope=scope)

    await worked(database)

    assert (await found(pool, number)).problem == "asker_gone"
    with pytest.raises(NotFound):
        async with transaction(pool, everything.settings()) as conn:
            await terminals.find(conn, everything, "m-000001")
