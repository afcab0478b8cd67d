"""Two provinces with a client each, and roll-ups of them as somebody asks for them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from foundation.database import Connection, Pool, transaction
from registry import regions, users
from registry.model import RegionRange, TerminalState
from registry.scope import Role, Scope
from telemetry import supervision, supervision_days
from telemetry.roll_call import RollCall
from telemetry.supervision_model import RollUp, RollUpBy, Row
from tests.conftest import Database
from tests.country import HANGZHOU, JIANGSU, NANJING, everything, register, settled
from tests.telemetry.ground import connected, execute
from tests.telemetry.test_roll_call import call, heard

UTC_ZONE = ZoneInfo("UTC")
SUPERVISOR = Scope.of_role("user:s", Role.SUPERVISOR, region=RegionRange(320000, 329999))
ABROAD = Scope.of_role("user:z", Role.SUPERVISOR, region=RegionRange(330000, 339999))
TODAY = datetime.now(UTC).date()
MIDNIGHT = datetime.combine(TODAY, time.min, UTC)


@asynccontextmanager
async def two_provinces(database: Database) -> AsyncIterator[Pool]:
    """Two provinces; terminals of both clients and of the operator, in the own and the other."""
    async with settled(database) as opened:
        home = await register(opened, *(f"m-{n}" for n in range(5)), region=NANJING)
        await register(opened, "away", region=HANGZHOU)
        await register(opened, "foreign", region=NANJING, group_client="power-zj")
        await register(opened, "own", region=JIANGSU, group_client=None)
        await register(opened, "raw", region=NANJING, state=TerminalState.REGISTERED)
        for terminal in home[:3]:
            heard(database, terminal.id, silent=False)
        heard(database, home[3].id, silent=True)
        verified = (
            "update registry.group_client set file_state = 'verified', filed_by = 'user:filer'"
            " where code = 'power-js'"
        )
        execute(database, verified)
        await call(database, RollCall())
        yield opened


async def rolled(pool: Pool, by: RollUpBy, scope: Scope = everything, **how: Any) -> RollUp:
    """A roll-up as somebody asks for it."""
    async with transaction(pool, scope.settings()) as conn:
        if isinstance(how.get("within"), int):
            how["within"] = await regions.find(conn, scope, how["within"])
        return await supervision.roll_up(conn, scope, by, **how)


async def rows(
    pool: Pool, by: RollUpBy, scope: Scope = everything, **how: Any
) -> dict[str | None, Row]:
    """The same by key."""
    return {row.key: row for row in (await rolled(pool, by, scope, **how)).rows}


async def appoint_managers(conn: Connection) -> None:
    """Ann and Bob, who serve nobody yet."""
    for name in ("ann", "bob"):
        await users.appoint(
            conn, everything, name=name, password="four words are enough", role=Role.ACCOUNT_MANAGER
        )


async def take(database: Database, days_ago: int) -> date:
    """Take the day so many days before today, an hour after its end."""
    day = TODAY - timedelta(days=days_ago)
    at = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=1)
    async with connected(database.jobs) as conn:
        assert await supervision_days.take(conn, at, UTC_ZONE)
    return day
