"""Terminals that a broker which asks us did not let in: why, how often, since when.

A line a terminal is kept, so that whoever tries, and however often, fills nothing; of names that
are no terminal's there is no line at all.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from foundation import queries
from foundation.database import Connection
from registry.scope import Right, Scope

sql = queries.load("registry", "credentials.sql")

KEPT_DAYS = 30
_MOST_NOTED = 2000
_FORGOTTEN_AT_ONCE = 5000


class Refusal(StrEnum):
    """Why somebody in a terminal's name was not let in."""

    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    NO_PASSWORD = "no_password"  # noqa: S105
    OTHER_CLIENT_ID = "other_client_id"


@dataclass(frozen=True, slots=True)
class Refused:
    """The last reason, and how often from when to when, without a day's pause."""

    why: Refusal
    count: int
    first_at: datetime
    last_at: datetime


class RefusedLogins:
    """What one process has refused and not yet written down; more terminals are left out."""

    def __init__(self) -> None:
        self._noted: dict[int, tuple[Refusal, int, datetime]] = {}

    def note(self, terminal_id: int, why: Refusal) -> None:
        """Somebody in the name of a terminal was not let in."""
        _, count, _ = self._noted.get(terminal_id, (why, 0, None))
        if count or len(self._noted) < _MOST_NOTED:
            self._noted[terminal_id] = why, count + 1, datetime.now(UTC)

    async def keep(self, conn: Connection) -> None:
        """Write down what was noted, if anything was."""
        noted, self._noted = self._noted, {}
        if noted:
            whys, counts, lasts = zip(*noted.values(), strict=True)
            given = {"ids": list(noted), "whys": list(whys), "counts": list(counts)}
            await conn.execute(sql.note_refused_logins, given | {"lasts": list(lasts)})


async def find(conn: Connection, scope: Scope, terminal_id: int) -> Refused | None:
    """How a terminal that was found in scope was refused, if it was in its owner's time."""
    scope.require(Right.TERMINALS_READ)
    row = await (await conn.execute(sql.find_refused_login, {"id": terminal_id})).fetchone()
    if row is None:
        return None
    return Refused(Refusal(row["why"]), row["count"], row["first_at"], row["last_at"])


async def forget(conn: Connection, scope: Scope) -> int:
    """Forget who has not been refused for long; how many, this time."""
    scope.require(Right.TERMINALS_CHANGE)
    asked = {"days": KEPT_DAYS, "rows": _FORGOTTEN_AT_ONCE}
    return (await conn.execute(sql.forget_refused_logins, asked)).rowcount
