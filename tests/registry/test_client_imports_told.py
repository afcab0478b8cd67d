"""What a file of clients may do, what is told of it, and what its undo gives back."""

import asyncio
import csv
import io
import uuid

import pytest

from foundation.database import Pool, open_pool, transaction
from registry import assignments, client_files, group_clients, supervision, users
from registry.assignments import Order
from registry.file_model import Contact
from registry.imports import files, running
from registry.imports.model import ImportState
from registry.model import RegionCode, RegionRange, Standing, ValueGrade
from registry.scope import RightMissing, Role, Scope
from tests.conftest import Database
from tests.country import JIANGSU, everything, register
from tests.registry.imports_ground import (
    SEAL,
    checked,
    counted,
    found,
    nobody_heard,
    rows_of,
    sent,
    verdicts,
)
from tests.registry.test_client_imports import (
    CODE,
    HEADER,
    imported,
    lines,
    outcomes,
    plain,
    tree,
    undone,
)
from tests.registry.test_import_kinds import written

WITH_FILES = (
    "select f.*, c.name, c.region_code from registry.client_file f"
    " join registry.group_client c on c.id = f.group_client_id where c.code like 'power%'"
)


async def test_an_operator_of_one_province_imports_nothing_into_another(
    pool: Pool, database: Database
) -> None:
    """Of clients elsewhere only that the codes are taken; no client is given away or taken in."""
    async with transaction(pool, everything.settings()) as conn:
        await users.appoint(
            conn, everything, name="wang", password="a long enough password",
            role=Role.OPERATOR, region=JIANGSU,
        )  # fmt: skip
        await client_files.change(conn, everything, "power-zj", credit_code=CODE)
    scope = Scope.of_role("user:wang", Role.OPERATOR, region=RegionRange(320000, 329999))
    content = lines(
        plain("a") + ",",
        plain("b", region="330100") + ",",
        "power-zj,New,,,,,",
        plain("c", "power-zj") + ",",
        "power-js,,,330000,,,",
        plain("d") + f",{CODE}",
        header=f"{HEADER},credit_code",
    )

    done = await imported(pool, database, content, scope=scope)

    told = {
        row: [(column, code) for column, code in said if code != "changes"]
        for row, said in (await verdicts(pool, done.id)).items()
    }
    assert told == {
        3: [("region", "out_of_reach")],
        4: [("code", "group_client_code_taken")],
        5: [("parent", "parent_not_found")],
        6: [("region", "out_of_reach")],
        7: [("credit_code", "credit_code_taken")],
    }
    assert done.created == 1
    assert rows_of(database, "select value from registry.import_finding where row = 4") == [
        {"value": "power-zj"}
    ]
    manager = Scope.of_role("user:m", Role.ACCOUNT_MANAGER, group_clients=frozenset({1}))
    async with transaction(pool, manager.settings()) as conn:
        with pytest.raises(RightMissing):
            await files.list_page(conn, manager)


async def test_undo_gives_back_what_was_and_keeps_what_is_in_use(
    pool: Pool, database: Database
) -> None:
    """Untouched clients go, changed ones are as they were; the others stay, and say why."""
    async with transaction(pool, everything.settings()) as conn:
        await users.appoint(conn, everything, name="ann", password="four words are enough",
                            role=Role.ACCOUNT_MANAGER)  # fmt: skip
        await client_files.change(
            conn, everything, "power-js", needs="x;y", contacts=[Contact("Wu; Wang", "a|b")]
        )
    before = rows_of(database, WITH_FILES)
    content = lines(
        "power-js,New,,320100,,,more,Li",
        "power-zj,New,top,,,,more,Li",
        plain("top") + ",,",
        plain("moved", "top") + ",,",
        plain("served") + ",,",
        plain("owner") + ",,",
        plain("parent") + ",,",
        plain("child", "parent") + ",some,Wu",
        header=f"{HEADER},needs,contacts",
    )
    done = await imported(pool, database, content)
    async with transaction(pool, everything.settings()) as conn:
        await client_files.set_standing(conn, everything, "moved", Standing.CUSTOMER)
        await assignments.assign(conn, everything, "ann", Order(["served"]))
        await supervision.move(conn, everything, "child", RegionCode(320000))
    await register(pool, "m-1", group_client="owner")

    back = await undone(pool, database, done.id)

    assert {row: kept for row, (_, kept) in (await outcomes(pool, done.id)).items() if kept} == {
        4: "is_parent",
        5: "changed",
        6: "served",
        7: "referred_to",
        8: "is_parent",
        9: "changed",
    }
    assert (done.created, back.undone, back.kept) == (8, 2, 6)
    assert tree(database)["power-zj"] is None
    assert rows_of(database, WITH_FILES) == before
    later = await undone(pool, database, done.id)
    assert (later.undone, later.kept) == (2, 6)


async def test_of_two_files_at_once_each_client_comes_once(pool: Pool, database: Database) -> None:
    """Two processes apply the same file: one makes its clients, to the other they are known."""
    content = lines(*(plain(f"c-{n}", "c-1" if n > 1 else "") for n in range(1, 200)))
    numbers = [(await checked(pool, database, content, kind="clients")).id for _ in range(2)]
    async with transaction(pool, everything.settings()) as conn:
        for number in numbers:
            await files.apply(conn, everything, number, whole=False)

    async with await open_pool(database.jobs, name="jobs", max_size=6) as workers:
        await asyncio.gather(
            *(running.run_next(workers, uuid.uuid4(), SEAL, nobody_heard) for _ in numbers)
        )
        while await running.run_next(workers, uuid.uuid4(), SEAL, nobody_heard):
            pass

    done = [await found(pool, number) for number in numbers]
    assert [one.state for one in done] == [ImportState.APPLIED] * 2
    assert sorted((one.created, one.unchanged) for one in done) == [(0, 199), (199, 0)]
    assert counted(database, "group_client") == 201


async def test_a_file_of_clients_is_one_link_of_the_operators_chain(
    pool: Pool, database: Database
) -> None:
    """What stands in it is the operator's knowledge: no client's own audit tells of it."""
    done = await imported(pool, database, lines(plain("a"), plain("b"), "power-js,New,,,,"))

    told = rows_of(database, "select * from registry.audit where action = 'import.apply'")
    assert [(entry["tenant"], entry["size"]) for entry in told] == [(0, 3)]
    changes = told[0]["changes"][0]["after"]
    assert changes["changes"]["group_client.insert"] == 2
    assert changes["file_sha256"] == done.sha256.hex()
    singles = rows_of(database, "select from registry.audit where action = 'group_client.insert'"
                                " and keys[1] in ('a', 'b')")  # fmt: skip
    assert singles == []


async def test_who_reads_no_files_exports_nothing_of_them(pool: Pool, database: Database) -> None:
    """A client sees its own row, without what the operator thinks of it."""
    async with transaction(pool, everything.settings()) as conn:
        await client_files.change(conn, everything, "power-js", value_grade=ValueGrade.A,
                                  needs="meters", contacts=[Contact("Wu")])  # fmt: skip
        own = (await group_clients.find(conn, everything, "power-js")).id
    client = Scope.of_role("user:c", Role.CLIENT_VIEWER, group_clients=frozenset({own}))

    seen = list(csv.DictReader(io.StringIO((await written(pool, "clients", client)).decode())))
    whole = list(csv.DictReader(io.StringIO((await written(pool, "clients")).decode())))

    assert [row["code"] for row in seen] == ["power-js"]
    hidden = ("value_grade", "watched", "needs", "contacts")
    assert [seen[0][name] for name in hidden] == [""] * 4
    assert [whole[0][name] for name in hidden] == ["A", "no", "meters", "Wu"]
    assert await sent(pool, b"code\nx", kind="clients")
