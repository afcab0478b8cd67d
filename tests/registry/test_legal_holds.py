"""Legal holds: on one thing and a window, by the headquarters alone, lifted once, on record."""

from datetime import UTC, datetime, timedelta

import pytest

from foundation.database import Pool, transaction
from registry import legal_holds
from registry.errors import TerminalNotFound
from registry.imports import files
from registry.legal_hold_model import (
    LegalHold,
    LegalHoldInvalid,
    LegalHoldLifted,
    LegalHoldNotFound,
    LegalHoldWindowEmpty,
)
from registry.scope import RightMissing, Scope
from tests.conftest import Database
from tests.country import everything, register
from tests.registry.imports_ground import applied, terminals_file, worked
from tests.registry.transferring import People
from tests.telemetry.ground import read

NOW = datetime.now(UTC)


async def place(
    pool: Pool,
    scope: Scope = everything,
    *,
    profile: str | None = None,
    terminal: str | None = None,
    reason: str = "a dispute over bills",
    until: datetime | None = None,
) -> LegalHold:
    """A hold on what was measured from yesterday on."""
    async with transaction(pool, scope.settings()) as conn:
        return await legal_holds.place(
            conn,
            scope,
            profile=profile,
            terminal=terminal,
            reason=reason,
            reference="case 7",
            since=NOW - timedelta(days=1),
            until=until,
        )


async def lift(pool: Pool, number: int, reason: str = "settled") -> LegalHold:
    """The same, lifted."""
    async with transaction(pool, everything.settings()) as conn:
        return await legal_holds.lift(conn, everything, number, reason)


async def test_a_hold_is_placed_and_lifted_once(database: Database, pool: Pool) -> None:
    """Both by whom and why, in the audit of the operator alone, found by reference and thing."""
    await register(pool, "m1")
    placed = await place(pool, terminal="m1")
    lifted = await lift(pool, placed.id)
    with pytest.raises(LegalHoldLifted):
        await lift(pool, placed.id)

    assert (placed.terminal, placed.until, placed.placed_by) == ("m1", None, "system:test")
    assert (lifted.version, lifted.lifted_by, lifted.lift_reason) == (2, "system:test", "settled")
    told = read(
        database,
        "select action, tenant, keys from registry.audit where action like 'legal_hold.%%'"
        " order by id",
    )
    assert told == [
        {"action": f"legal_hold.{act}", "tenant": 0, "keys": ["case 7", "m1"]}
        for act in ("insert", "update")
    ]


async def test_what_is_no_hold_is_refused(pool: Pool) -> None:
    """On nothing, on two things, on what is not there, of no time, without a reason."""
    await register(pool, "m1")
    with pytest.raises(LegalHoldInvalid):
        await place(pool)
    with pytest.raises(LegalHoldInvalid):
        await place(pool, terminal="m1", profile="meter")
    with pytest.raises(TerminalNotFound):
        await place(pool, terminal="m2")
    with pytest.raises(LegalHoldWindowEmpty):
        await place(pool, profile="meter", until=NOW - timedelta(days=2))
    with pytest.raises(LegalHoldInvalid):
        await place(pool, profile="meter", reason="")
    with pytest.raises(LegalHoldNotFound):
        await lift(pool, 7)
    placed = await place(pool, profile="meter")
    with pytest.raises(LegalHoldInvalid):
        await lift(pool, placed.id, "")


async def test_nobody_but_an_administrator_knows_of_holds(pool: Pool, people: People) -> None:
    """Neither a client nor the operator of a region places, reads or lifts one."""
    await register(pool, "m1")
    await place(pool, terminal="m1")
    for scope in (people.giver, people.operator):
        with pytest.raises(RightMissing):
            await place(pool, scope, terminal="m1")
        async with transaction(pool, scope.settings()) as conn:
            with pytest.raises(RightMissing):
                await legal_holds.list_page(conn, scope)
            assert not await (await conn.execute("select from registry.legal_hold")).fetchall()


async def test_holds_are_paged_the_newest_first(pool: Pool) -> None:
    """All, those in force, and those that are lifted."""
    numbers = [(await place(pool, profile="meter")).id for _ in range(3)]
    await lift(pool, numbers[1])
    met, after = [], None
    async with transaction(pool, everything.settings()) as conn:
        while True:
            page = await legal_holds.list_page(conn, everything, after=after, limit=2)
            met += [hold.id for hold in page.items]
            after = page.next_key
            if after is None:
                break
        pages = [
            await legal_holds.list_page(conn, everything, lifted=lifted) for lifted in (True, False)
        ]
    some = [[hold.id for hold in page.items] for page in pages]
    assert met == numbers[::-1]
    assert some == [[numbers[1]], [numbers[2], numbers[0]]]


async def test_what_is_held_is_not_taken_off_the_roll_again(database: Database, pool: Pool) -> None:
    """The undo of a file keeps the terminal, and tells no more than that it was changed."""
    number = (await applied(pool, database, terminals_file(1, 2))).id
    await place(pool, terminal="m-000001")
    async with transaction(pool, everything.settings()) as conn:
        await files.undo(conn, everything, number)
    await worked(database)
    assert read(database, "select code from registry.terminal") == [{"code": "m-000001"}]
    assert read(database, "select kept from registry.import_made order by row") == [
        {"kept": "changed"},
        {"kept": None},
    ]
