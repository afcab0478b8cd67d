"""Roll-ups by account manager: who served a client as a day ended, and who does now."""

from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest

from foundation.database import Pool, transaction
from foundation.migrate import scripts
from registry import assignments
from registry.assignments import Order
from telemetry.supervision_model import RollUpBy, Row
from tests.conftest import Database
from tests.country import everything
from tests.telemetry.ground import read
from tests.telemetry.supervised import (
    ABROAD,
    MIDNIGHT,
    appoint_managers,
    rolled,
    rows,
    take,
    two_provinces,
)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Two provinces with a client each."""
    async with two_provinces(database) as opened:
        yield opened


async def test_managers_have_what_they_served_as_the_day_ended(
    pool: Pool, database: Database
) -> None:
    """A hand-over at midnight begins the next day; what nobody serves is nobody's, none absent."""
    async with transaction(pool, everything.settings()) as conn:
        await appoint_managers(conn)
        started = Order(["power-js"], MIDNIGHT - timedelta(days=5))
        await assignments.assign(conn, everything, "ann", started)
    first = await take(database, 2)
    async with transaction(pool, everything.settings()) as conn:
        moved = Order(["power-js"], MIDNIGHT)
        await assignments.hand_over(conn, everything, "ann", "bob", moved)
        await assignments.assign(conn, everything, "ann", Order(["power-zj"], MIDNIGHT))
    second = await take(database, 1)

    def told(found: dict[str | None, Row]) -> dict[str | None, tuple[int, int | None]]:
        return {key: (row.counts.terminals, row.counts.customers) for key, row in found.items()}

    as_then = {"ann": (7, 1), "_nobody": (1, 1), None: (1, 0)}
    assert told(await rows(pool, RollUpBy.MANAGER, day=first)) == as_then
    assert told(await rows(pool, RollUpBy.MANAGER, day=second)) == as_then
    now = await rows(pool, RollUpBy.MANAGER, compared_with=second)
    assert list(now) == ["ann", "bob", "_nobody", None]
    assert told(now) == {"ann": (1, 1), "bob": (7, 1), "_nobody": (0, 0), None: (1, 0)}
    assert (now["ann"].grown, now["bob"].grown, now["ann"].then) == (
        -6, 7, (await rows(pool, RollUpBy.MANAGER, day=second))["ann"].counts)  # fmt: skip
    abroad = await rows(pool, RollUpBy.MANAGER, ABROAD)
    assert told(abroad) == {"ann": (1, 1), None: (1, 0)}  # who serves others' clients is not told
    assert told(await rows(pool, RollUpBy.MANAGER, ABROAD, day=second)) == {
        "_nobody": (1, 1), None: (1, 0)}  # fmt: skip
    pages = await rolled(pool, RollUpBy.MANAGER, limit=1)
    rest = await rolled(pool, RollUpBy.MANAGER, after=pages.next_key)
    assert [row.key for row in (*pages.rows, *rest.rows)] == ["ann", "bob", None]


async def test_days_of_before_managers_were_kept_tell_them(pool: Pool, database: Database) -> None:
    """Upgrading, who served as each day ended is read from the assignments, and nothing is lost."""
    async with transaction(pool, everything.settings()) as conn:
        await appoint_managers(conn)
        for who, ago in (("ann", 3), ("bob", 1)):
            order = Order(["power-js"], MIDNIGHT - timedelta(days=ago, hours=1))
            if who == "ann":
                await assignments.assign(conn, everything, who, order)
            else:
                await assignments.hand_over(conn, everything, "ann", who, order)
    for days_ago in (5, 4, 3, 2, 1):
        await take(database, days_ago)
    kept = "select * from telemetry.supervised_client order by group_client_id, since"
    as_taken = read(database, kept)
    [script] = [script for script in scripts("migrations") if "managers" in script.name]
    with psycopg.connect(database.superuser) as conn:
        # As it was noted before: one interval without managers.
        conn.execute(
            "delete from telemetry.supervised_client where since > %s",
            ((MIDNIGHT - timedelta(days=5)).date(),),
        )
        conn.execute("update telemetry.supervised_client set until = null")
        conn.execute("alter table telemetry.supervised_client drop column manager cascade")
        conn.execute(script.text.encode())

    assert read(database, kept) == as_taken
    assert [row["manager"] for row in as_taken] == [None, "ann", "bob", None]
