"""Files of who serves whom: assigned, handed over, refused as the single verb does, taken back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from foundation.database import Pool, transaction
from registry import assignments, client_files, users
from registry.assignments import Order
from registry.imports import files
from registry.imports.model import Import, ImportState, RowOutcome
from registry.model import FileState, RegionRange
from registry.scope import Role, Scope
from tests.conftest import Database
from tests.country import JIANGSU, everything
from tests.registry.imports_ground import applied, checked, found, rows_of, verdicts, worked
from tests.registry.test_assignments import appoint
from tests.registry.test_client_imports import outcomes, undone

HEADER = "group_client,role,person,effective_at,note"
AHEAD = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)


@pytest.fixture
async def staff(pool: Pool) -> Pool:
    """The country with two account managers and an agent; ann serves power-js."""
    async with transaction(pool, everything.settings()) as conn:
        for name in ("ann", "bob"):
            await appoint(conn, name, Role.ACCOUNT_MANAGER)
        await appoint(conn, "sid", Role.AGENT)
        await assignments.assign(
            conn, everything, "ann", Order(["power-js"], datetime(2026, 1, 1, tzinfo=UTC))
        )
    return pool


def lines(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows]).encode()


async def imported(pool: Pool, database: Database, content: bytes, **more: Any) -> Import:
    return await applied(pool, database, content, kind="assignments", **more)


def served(database: Database) -> list[tuple[str, str, str, bool, bool]]:
    """Client, role and person of each interval, whether it is open, and whether it lies ahead."""
    rows = rows_of(
        database,
        "select c.code, a.role, a.person, a.valid_to is null as open, a.valid_from > now() as ahead"
        " from registry.assignment a join registry.group_client c on c.id = a.group_client_id"
        " order by c.code, a.role desc, a.valid_from",
    )
    return [(r["code"], r["role"], r["person"], r["open"], r["ahead"]) for r in rows]


async def test_a_file_assigns_and_hands_over_once(staff: Pool, database: Database) -> None:
    """From whoever serves, now or ahead; a second time nothing is new; undone all is as before."""
    before = served(database)
    content = lines(
        f"power-js,客户经理,bob,{AHEAD.isoformat()},片区调整",
        "power-js,代理,sid,,",
        "power-zj,account_manager,ann,2026-03-01,",
    )

    dry = await checked(staff, database, content, kind="assignments")
    untouched = served(database)
    first = await imported(staff, database, content)
    after = served(database)
    again = await imported(staff, database, content)
    back = await undone(staff, database, first.id)

    assert (dry.state, dry.rows, dry.wrong, dry.warned) == (ImportState.CHECKED, 3, 0, 1)
    assert untouched == before
    assert (first.created, again.created, again.unchanged) == (3, 0, 3)
    assert await verdicts(staff, first.id) == {2: [("person", "taken_over")]}
    unchanged = {outcome for outcome, _ in (await outcomes(staff, again.id)).values()}
    assert unchanged == {RowOutcome.UNCHANGED}
    assert after == [
        ("power-js", "agent", "sid", True, False),
        ("power-js", "account_manager", "ann", False, False),
        ("power-js", "account_manager", "bob", True, True),
        ("power-zj", "account_manager", "ann", True, False),
    ]
    assert (back.undone, back.kept) == (3, 0)
    assert served(database) == before


async def test_rows_are_refused_as_one_by_one(staff: Pool, database: Database) -> None:
    """Who cannot serve, what is planned or too early, whom nobody sees; the others are applied."""
    async with transaction(staff, everything.settings()) as conn:
        await assignments.assign(conn, everything, "ann", Order(["power-zj"], AHEAD))
        await users.appoint(
            conn, everything, name="wang", password="a long enough password",
            role=Role.OPERATOR, region=JIANGSU,
        )  # fmt: skip
    far = (AHEAD + timedelta(days=800)).isoformat()
    content = lines(
        "power-js,agent,bob,,",
        "power-js,account_manager,nobody,,",
        "power-zj,account_manager,bob,,",
        "nowhere,agent,sid,,",
        "power-zj,boss,sid,,",
        f"power-zj,agent,sid,{far},",
        "power-js,account_manager,ann,2026-05-01,",
        "power-js,account_manager,bob,2025-12-31,",
        ",agent,sid,,",
    )
    scope = Scope.of_role("user:wang", Role.OPERATOR, region=RegionRange(320000, 329999))

    done = await imported(staff, database, content)
    late = await imported(staff, database, lines("power-js,account_manager,bob,2025-12-31,"))
    there = await imported(staff, database, lines("power-zj,agent,sid,,"), scope=scope)
    whole = await imported(
        staff, database, lines("power-js,agent,sid,,", "nowhere,agent,sid,,"), whole=True
    )

    assert await verdicts(staff, done.id) == {
        2: [("person", "person_cannot_serve")],
        3: [("person", "person_cannot_serve"), ("person", "taken_over")],
        4: [("group_client", "hand_over_planned")],
        5: [("group_client", "group_client_not_found")],
        6: [("role", "unknown_word")],
        7: [("effective_at", "too_far_ahead")],
        8: [("group_client", "twice_in_file"), ("person", "serves_already")],
        9: [("effective_at", "hand_over_too_early"), ("group_client", "twice_in_file"),
            ("person", "taken_over")],
        10: [("group_client", "required")],
    }  # fmt: skip
    assert await verdicts(staff, late.id) == {
        2: [("effective_at", "hand_over_too_early"), ("person", "taken_over")]
    }
    assert await verdicts(staff, there.id) == {2: [("group_client", "group_client_not_found")]}
    assert (whole.state, whole.created, done.created) == (ImportState.REFUSED, 0, 0)


async def test_what_was_handed_on_or_worked_on_stays(staff: Pool, database: Database) -> None:
    """Taken back is what nobody built on; each of the others says why."""
    done = await imported(
        staff, database,
        lines("power-js,account_manager,bob,,", "power-js,agent,sid,,",
              "power-zj,account_manager,ann,,"),
    )  # fmt: skip
    filing = Scope.of_role("user:sid", Role.ADMIN)
    async with transaction(staff, everything.settings()) as conn:
        await assignments.hand_over(conn, everything, "ann", "bob", Order(["power-zj"]))
    async with transaction(staff, filing.settings()) as conn:
        await client_files.move_to(conn, filing, "power-js", FileState.FILED)
    async with transaction(staff, everything.settings()) as conn:
        await users.change(conn, everything, "ann", disabled=True)

    back = await undone(staff, database, done.id)

    assert {row: kept for row, (_, kept) in (await outcomes(staff, done.id)).items()} == {
        2: "former_gone",
        3: "worked",
        4: "changed",
    }
    assert (back.undone, back.kept) == (0, 3)


async def test_a_file_and_its_undo_are_links_of_the_operators_chain(
    staff: Pool, database: Database
) -> None:
    """A file is one link of the operator's chain, and its undo another."""
    done = await imported(staff, database, lines("power-zj,account_manager,bob,,"))
    async with transaction(staff, everything.settings()) as conn:
        await files.undo(conn, everything, done.id)
    await worked(database)

    told = rows_of(
        database, "select action, tenant, size from registry.audit"
        " where action in ('import.apply', 'import.undo') order by id",
    )  # fmt: skip
    assert [(row["action"], row["tenant"], row["size"]) for row in told] == [
        ("import.apply", 0, 1),
        ("import.undo", 0, 1),
    ]
    assert (await found(staff, done.id)).undone == 1
    assert served(database) == [("power-js", "account_manager", "ann", True, False)]
