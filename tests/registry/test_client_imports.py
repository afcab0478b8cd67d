"""Files of clients: checked row by row, applied once, parents in any order, and taken back."""

from typing import Any

import pytest

from foundation.database import Pool, transaction
from registry import client_files, group_clients, supervision
from registry.file_model import Contact
from registry.identifiers import CreditCode
from registry.imports import files
from registry.imports.model import PORTION_ROWS, Import, ImportState, RowOutcome
from registry.model import FileState, RegionLevel, Standing, ValueGrade
from tests.conftest import Database
from tests.country import NANJING, everything
from tests.registry.imports_ground import (
    applied,
    checked,
    counted,
    found,
    rows_of,
    verdicts,
    worked,
)

CODE = CreditCode.parse("91350100M000100Y43")
HEADER = "code,name,parent,region,industry,tier"


def lines(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows]).encode()


def plain(code: str, parent: str = "", region: str = "320100") -> str:
    return f"{code},{code},{parent},{region},power,gold"


async def imported(pool: Pool, database: Database, content: bytes, **more: Any) -> Import:
    return await applied(pool, database, content, kind="clients", **more)


async def undone(pool: Pool, database: Database, number: int) -> Import:
    async with transaction(pool, everything.settings()) as conn:
        await files.undo(conn, everything, number)
    await worked(database)
    return await found(pool, number)


def tree(database: Database) -> dict[str, str | None]:
    """Below whom each client is."""
    rows = rows_of(
        database,
        "select c.code, p.code as parent from registry.group_client c"
        " left join registry.group_client p on p.id = c.parent_id order by c.code",
    )
    return {row["code"]: row["parent"] for row in rows}


async def outcomes(pool: Pool, number: int) -> dict[int, tuple[RowOutcome, str | None]]:
    async with transaction(pool, everything.settings()) as conn:
        page = await files.list_rows(conn, everything, number, limit=1000)
    return {row.row: (row.outcome, row.kept) for row in page.items}


async def test_surveyed_clients_come_on_the_roll(pool: Pool, database: Database) -> None:
    """As prospects with a surveyed file and the survey's answers; a second time nothing is new."""
    content = (
        "客户编码,客户名称,上级客户,监管地区,行业,服务等级,统一社会信用代码,价值等级,重点看管,"
        "在用产品,异网业务,预计终端数,客户需求,联系人,工单号\n"
        f'nj-1,南京一号,power-js,320100,power,gold,{CODE},b,是,专线,异网卡,1200,"抄表\n集抄",'
        "王芳|主任|13800001111|wang@example.com；李雷,SO-1\n"
    ).encode("gb18030")

    dry = await checked(pool, database, content, kind="clients")
    untouched = counted(database, "group_client")
    first = await imported(pool, database, content)
    again = await imported(pool, database, content)
    async with transaction(pool, everything.settings()) as conn:
        client = await group_clients.find(conn, everything, "nj-1")
        file = await client_files.find(conn, everything, "nj-1")
        above = await supervision.list_parents(conn, everything, "nj-1")

    assert (dry.state, dry.rows, dry.wrong, dry.known) == (ImportState.CHECKED, 1, 0, 0)
    assert untouched == 2
    assert (first.created, again.created, again.unchanged) == (1, 0, 1)
    assert await verdicts(pool, first.id) == await verdicts(pool, again.id) == {}
    assert (client.name, client.region_code, client.level) == (
        "南京一号",
        NANJING,
        RegionLevel.CITY,
    )
    assert (file.standing, file.file_state) == (Standing.PROSPECT, FileState.SURVEYED)
    assert (file.credit_code, file.value_grade, file.watched) == (CODE, ValueGrade.B, True)
    assert (file.products, file.rivals, file.needs) == ("专线", "异网卡", "抄表\n集抄")
    assert (file.expected_terminals, file.answered_by) == (1200, "system:test")
    assert tuple(file.contacts) == (
        Contact("王芳", "主任", "13800001111", "wang@example.com"),
        Contact("李雷"),
    )
    assert [one.parent_code for one in above] == ["power-js"]
    assert client.version == 1
    assert rows_of(database, "select order_ref from registry.group_client where code = 'nj-1'") == [
        {"order_ref": "SO-1"}
    ]


async def test_each_row_has_its_verdict(pool: Pool, database: Database) -> None:
    """Column and code of whatever is wrong; what would change is said, the right ones applied."""
    async with transaction(pool, everything.settings()) as conn:
        await client_files.change(conn, everything, "power-js", credit_code=CODE)
        await client_files.move_to(conn, everything, "power-zj", FileState.CLOSED, reason="gone")
    header = f"{HEADER},credit_code,contacts,expected_terminals"
    content = lines(
        "a-1,A,,320100,power,gold,,,",
        "a-2,,,,,,,,",
        "a-3,A,,320100,farming,lead,,,",
        f"a-4,A,,320100,power,gold,{CODE},,",
        "a-5,A,,320100,power,gold,91350100M000100Y44,,",
        "a 6,A,,320100,power,gold,,,",
        "a-7,A,,320100,power,gold,,王芳|主任|none,",
        "a-8,A,nobody,320100,power,gold,,,many",
        "a-1,A,,320100,power,gold,,,",
        "power-js,New name,,,,,,王芳,",
        "power-zj,New name,,,,,,,",
        header=header,
    )

    done = await imported(pool, database, content)

    assert await verdicts(pool, done.id) == {
        3: [(column, "required") for column in ("industry", "name", "region", "tier")],
        4: [("industry", "industry_not_found"), ("tier", "tier_not_found")],
        5: [("credit_code", "credit_code_taken")],
        6: [("credit_code", "credit_code_invalid")],
        7: [("code", "code_invalid")],
        8: [("contacts", "contact_invalid")],
        9: [("expected_terminals", "no_number")],
        10: [("code", "twice_in_file")],
        11: [("contacts", "changes"), ("name", "changes")],
        12: [("code", "file_closed"), ("name", "changes")],
    }
    assert (done.created, done.wrong) == (2, 9)
    assert set(tree(database)) == {"a-1", "power-js", "power-zj"}


async def test_only_what_a_row_gives_is_changed(pool: Pool, database: Database) -> None:
    """A blank cell leaves what there is; who answered is whoever sent the file; versions go up."""
    async with transaction(pool, everything.settings()) as conn:
        before = await client_files.change(
            conn, everything, "power-js", products="cards", needs="none", contacts=[Contact("Wu")]
        )
    content = lines(",B,cards,meters", header="name,value_grade,products,needs")
    content = content.replace(b"name,", b"code,name,", 1).replace(b"\n,", b"\npower-js,,", 1)

    dry = await checked(pool, database, content, kind="clients")
    told = rows_of(
        database, "select column_name, value from registry.import_finding order by column_name"
    )
    done = await imported(pool, database, content)
    async with transaction(pool, everything.settings()) as conn:
        after = await client_files.find(conn, everything, "power-js")

    assert (dry.warned, dry.wrong, done.created) == (1, 0, 1)
    assert told == [
        {"column_name": "needs", "value": "none"},
        {"column_name": "value_grade", "value": None},
    ]
    assert (await outcomes(pool, done.id))[2] == (RowOutcome.CHANGED, None)
    assert (after.needs, after.value_grade) == ("meters", ValueGrade.B)
    assert (after.products, after.contacts, after.name) == (
        "cards",
        before.contacts,
        before.name,
    )
    assert after.version == before.version + 1


async def test_parents_may_stand_anywhere_in_the_file(pool: Pool, database: Database) -> None:
    """Below or above, new or on the roll; whose parent is nowhere or wrong is told, and its own."""
    content = lines(
        plain("leaf", "branch"),
        plain("branch", "root"),
        plain("root", "power-js"),
        plain("power-zj", "root", "330000").replace(",power-zj", ",power-zj", 1),
        plain("lost", "nobody"),
        plain("below-lost", "lost"),
        plain("wrong", region="999998"),
        plain("below-wrong", "wrong"),
    )

    done = await imported(pool, database, content)
    again = await imported(pool, database, content)

    assert {row: found for row, found in (await verdicts(pool, done.id)).items() if row > 5} == {
        6: [("parent", "parent_not_found")],
        7: [("parent", "parent_not_found")],
        8: [("region", "region_not_found")],
        9: [("parent", "parent_not_found")],
    }
    assert tree(database) == {
        "leaf": "branch",
        "branch": "root",
        "root": "power-js",
        "power-js": None,
        "power-zj": "root",
    }
    assert (done.created, again.created, again.unchanged) == (4, 0, 4)
    lineage = rows_of(
        database,
        "select a.code from registry.group_client_lineage l"
        " join registry.group_client c on c.id = l.group_client_id"
        " join registry.group_client a on a.id = l.ancestor_id where c.code = 'leaf' order by 1",
    )
    assert [row["code"] for row in lineage] == ["branch", "leaf", "power-js", "root"]
    back = await undone(pool, database, done.id)
    assert (back.undone, back.kept) == (4, 0)
    assert tree(database) == {"power-js": None, "power-zj": None}


async def test_a_circle_is_told_of_each_of_its_rows(pool: Pool, database: Database) -> None:
    """Of new clients, of one below itself, and through one that the file does not move."""
    async with transaction(pool, everything.settings()) as conn:
        await supervision.put_below(conn, everything, "power-zj", "power-js")
    content = lines(
        plain("a", "b"),
        plain("b", "c"),
        plain("c", "a"),
        plain("below", "a"),
        plain("self", "self"),
        "power-js,,power-zj,,,",
        plain("right"),
    )

    done = await imported(pool, database, content)

    circles = {
        row: [code for _, code in told if code != "changes"]
        for row, told in (await verdicts(pool, done.id)).items()
    }
    assert circles == {row: ["parent_cycle"] for row in (2, 3, 4, 6, 7)} | {5: ["parent_not_found"]}
    assert set(tree(database)) == {"right", "power-js", "power-zj"}


async def test_a_branch_and_its_root_may_change_places(pool: Pool, database: Database) -> None:
    """On the way no client is below itself: parents are placed first."""
    await imported(pool, database, lines(plain("top"), plain("a"), plain("b", "a")))

    done = await imported(pool, database, lines("a,,b,,,", "b,,top,,,"))

    assert (done.state, done.created) == (ImportState.APPLIED, 2)
    assert tree(database) | {"power-js": None, "power-zj": None} == {
        "top": None, "b": "top", "a": "b", "power-js": None, "power-zj": None,
    }  # fmt: skip


def far_apart(*rows: str, last: str) -> bytes:
    """Rows of one portion, and one of the next: blank lines count, and are left out."""
    return lines(*rows, *[""] * PORTION_ROWS, last, header=f"{HEADER},credit_code")


@pytest.mark.parametrize("whole", [False, True])
async def test_parents_of_other_portions_are_found(
    pool: Pool, database: Database, whole: bool
) -> None:
    """Thousands of rows further on: first below none, then below them; and taken back with them."""
    content = far_apart(
        plain("a", "top"), plain("b", "a"), "power-zj,,top,,,", last=plain("top", "power-js")
    )

    done = await imported(pool, database, content, whole=whole)
    below = tree(database)
    again = await imported(pool, database, content, whole=whole)
    back = await undone(pool, database, done.id)

    assert (done.created, again.created, again.unchanged) == (4, 0, 4)
    assert below == {"a": "top", "b": "a", "power-zj": "top", "top": "power-js", "power-js": None}
    assert (back.undone, back.kept) == (4, 0)
    assert tree(database) == {"power-js": None, "power-zj": None}
    for relation in ("group_client_lineage", "client_file_move", "client_standing"):
        assert counted(database, relation) == 2


async def test_a_parent_that_turns_out_wrong_leaves_its_children_where_they_are(
    pool: Pool, database: Database
) -> None:
    """Applied before it was, they are told that they are below none."""
    content = far_apart(plain("a", "top"), plain("b"), last=f"{plain('top')},{CODE}")
    dry = await checked(pool, database, content, kind="clients")
    async with transaction(pool, everything.settings()) as conn:
        await client_files.change(conn, everything, "power-js", credit_code=CODE)
        await files.apply(conn, everything, dry.id, whole=False)
    await worked(database)

    done = await found(pool, dry.id)
    assert (dry.wrong, done.wrong, done.created) == (0, 1, 2)
    assert await verdicts(pool, done.id) == {
        2: [("parent", "parent_left_out")],
        PORTION_ROWS + 4: [("credit_code", "credit_code_taken")],
    }
    assert tree(database)["a"] is None


async def test_of_a_whole_file_with_one_wrong_row_nothing_is_applied(
    pool: Pool, database: Database
) -> None:
    """All or nothing; row by row the right ones are."""
    content = lines(plain("a"), plain("b", region="999998"), "power-js,New,,,,")

    refused = await imported(pool, database, content, whole=True)
    left = counted(database, "group_client")
    done = await imported(pool, database, content)

    assert (refused.state, refused.problem, left) == (ImportState.REFUSED, "rows_wrong", 2)
    assert done.created == 2
