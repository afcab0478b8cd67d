"""When many that fell silent together are a storm, as data that the headquarters change."""

from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from foundation import queries
from foundation.database import Connection
from foundation.errors import Invalid, NotFound
from registry.conditions import SEVERITIES
from registry.scope import Right, Scope

sql = queries.load("telemetry", "alarms/storm_thresholds.sql")


MOST_LETTERS = 100
LEAST = (2, 1_000_000)
WINDOW_SECONDS = (10, 3600)


class ThresholdInvalid(Invalid):
    """A threshold that no storm, or anything, would reach."""

    code = "storm_threshold_invalid"
    remedy = "See the guide to alarms for when many are a storm."


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
    _check(**wanted)
    await conn.execute(sql.change_threshold, scope.parameters() | wanted | {"shared": shared})
    return await find(conn, scope, shared)


def _check(*, name: str, severity: str, least: int, share: float, window_seconds: int) -> None:
    if not 1 <= len(name) <= MOST_LETTERS:
        why = f"A storm has a name of at most {MOST_LETTERS} letters."
        raise ThresholdInvalid(why, field="name")
    if severity not in SEVERITIES:
        raise ThresholdInvalid(f"A severity is one of {', '.join(SEVERITIES)}.", field="severity")
    if not LEAST[0] <= least <= LEAST[1]:
        why = f"It takes {LEAST[0]} to {LEAST[1]} terminals at least."
        raise ThresholdInvalid(why, field="least")
    if not 0 < share <= 1:
        why = "It takes a share above none and up to all of those that spoke before."
        raise ThresholdInvalid(why, field="share")
    if not WINDOW_SECONDS[0] <= window_seconds <= WINDOW_SECONDS[1]:
        why = f"They fall silent within {WINDOW_SECONDS[0]} to {WINDOW_SECONDS[1]} seconds."
        raise ThresholdInvalid(why, field="window_seconds")
