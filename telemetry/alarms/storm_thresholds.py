"""When many that fell silent together are a storm, as data that the headquarters change."""

from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from foundation import queries
from foundation.database import Connection
from foundation.errors import NotFound
from registry.scope import Right, Scope

sql = queries.load("telemetry", "alarms/storm_thresholds.sql")


class ThresholdNotFound(NotFound):
    """Nothing is told of what would be shared."""

    code = "storm_threshold_not_found"


@dataclass(frozen=True, slots=True)
class StormThreshold:
    """At least so many, and such a share, that fell silent within a window are one alarm."""

    shared: str
    name: str
    severity: str
    least: int
    share: float
    window_seconds: int
    version: int


class Change(TypedDict, total=False):
    """What can be changed; what is not named stays."""

    name: str
    severity: str
    least: int
    share: float
    window_seconds: int


async def list_all(conn: Connection, scope: Scope) -> list[StormThreshold]:
    """Each, by what is shared: there are few."""
    scope.require(Right.RULES_READ)
    cursor = await conn.execute(sql.list_thresholds, {"shared": None})
    return [StormThreshold(**row) async for row in cursor]


async def find(conn: Connection, scope: Scope, shared: str) -> StormThreshold:
    """The one of what is shared."""
    scope.require(Right.RULES_READ)
    row = await (await conn.execute(sql.list_thresholds, {"shared": shared})).fetchone()
    if row is None:
        raise ThresholdNotFound(f"There are no storms by {shared[:64]}.")
    return StormThreshold(**row)


async def change(
    conn: Connection, scope: Scope, shared: str, **changed: Unpack[Change]
) -> StormThreshold:
    """Let storms begin otherwise from now on; those that are open go on, and end by it."""
    scope.require(Right.STORMS_CHANGE)
    found = await find(conn, scope, shared)
    wanted: dict[str, Any] = {
        name: changed.get(name, getattr(found, name)) for name in Change.__annotations__
    }
    await conn.execute(sql.change_threshold, scope.parameters() | wanted | {"shared": shared})
    return await find(conn, scope, shared)
