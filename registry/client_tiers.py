"""Which tier a client is on, and until when where it only tries it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import group_clients, tiers
from registry.errors import GroupClientNotFound
from registry.file_errors import TierUnchanged, TrialEndInvalid
from registry.model import GroupClient
from registry.scope import Right, Scope

sql = queries.load("registry", "client_tiers.sql")

MOST_AHEAD = timedelta(days=3653)
MOST_ENDED = 1_000


async def hold(conn: Connection, scope: Scope, code: str) -> dict[str, Any]:
    """The id and tier of a client in scope, as they stay until the end of the transaction."""
    scope.require(Right.TIERS_ASSIGN)
    cursor = await conn.execute(sql.hold_client, scope.parameters() | {"code": code})
    row = await cursor.fetchone()
    if row is None:
        raise GroupClientNotFound(f"There is no group client {code}.")
    return row


async def put_on(
    conn: Connection, scope: Scope, code: str, tier: str, *, until: datetime | None = None
) -> GroupClient:
    """Let a client be on a tier from now on; on one that is tried, `until` then or its days.

    On the same tier another `until` prolongs the trial, or cuts it short.
    """
    scope.require(Right.TIERS_ASSIGN)
    wanted = await tiers.find(conn, scope, tier)
    now = datetime.now(UTC)
    if until is not None and not now < until <= now + MOST_AHEAD:
        raise TrialEndInvalid
    if until is not None and wanted.trial_days is None:
        raise TrialEndInvalid(f"The tier {tier} is for good.")
    held = await hold(conn, scope, code)
    if held["tier_code"] == tier and until in (None, held["tier_until"]):
        raise TierUnchanged
    if until is None and wanted.trial_days is not None:
        until = now + timedelta(days=wanted.trial_days)
    await conn.execute(sql.put_on, {"id": held["id"], "tier": tier, "until": until})
    return await group_clients.find(conn, scope, code)


async def end_trials(conn: Connection, scope: Scope, most: int = MOST_ENDED) -> int:
    """Let at most so many clients whose trial is over fall back to the tier after it.

    As the system, and each once: whoever else does it at the same time takes other ones.
    """
    scope.require(Right.TIERS_ASSIGN)
    return (await conn.execute(sql.end_trials, {"rows": most})).rowcount
