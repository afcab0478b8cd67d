"""Legal holds: what was measured is not dropped while one is on it, however old; on record."""

from datetime import datetime
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import group_clients, keyset, profiles, terminals
from registry.legal_hold_model import (
    LegalHold,
    LegalHoldInvalid,
    LegalHoldLifted,
    LegalHoldNotFound,
)
from registry.model import Page
from registry.scope import Right, Scope

sql = queries.load("registry", "legal_holds.sql")


async def place(
    conn: Connection,
    scope: Scope,
    *,
    reason: str,
    reference: str,
    group_client: str | None = None,
    terminal: str | None = None,
    profile: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> LegalHold:
    """Keep what was, and will be, measured of one thing (a code) from `since` to `until`.

    Holds from the end of the transaction on; what was dropped before stays so.
    """
    scope.require(Right.LEGAL_HOLDS_PLACE)
    if sum(code is not None for code in (group_client, terminal, profile)) != 1:
        raise LegalHoldInvalid
    given: dict[str, Any] = {
        "group_client": None,
        "terminal": None,
        "profile": None,
        "reason": reason,
        "reference": reference,
        "since": since,
        "until": until,
    }
    if group_client is not None:
        given["group_client"] = (await group_clients.find(conn, scope, group_client)).id
    elif terminal is not None:
        given["terminal"] = (await terminals.find(conn, scope, terminal)).id
    elif profile is not None:
        given["profile"] = (await profiles.find(conn, scope, profile)).id
    row = await (await conn.execute(sql.insert_hold, given)).fetchone()
    assert row is not None
    return await find(conn, scope, row["id"])


async def lift(conn: Connection, scope: Scope, number: int, reason: str) -> LegalHold:
    """Let what a hold keeps go, for good; LegalHoldLifted where that was done before."""
    scope.require(Right.LEGAL_HOLDS_PLACE)
    lifted = await conn.execute(
        sql.lift_hold, scope.parameters() | {"id": number, "reason": reason}
    )
    found = await find(conn, scope, number)
    if not lifted.rowcount:
        raise LegalHoldLifted
    return found


async def find(conn: Connection, scope: Scope, number: int) -> LegalHold:
    """The hold of that number; LegalHoldNotFound when there is none."""
    scope.require(Right.LEGAL_HOLDS_READ)
    rows = await _read(conn, scope, id=number)
    if not rows:
        raise LegalHoldNotFound(f"There is no legal hold {number}.")
    return LegalHold(**rows[0])


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    lifted: bool | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[LegalHold]:
    """One page of the holds, newest first; `lifted` keeps to those that are, or to the others."""
    scope.require(Right.LEGAL_HOLDS_READ)
    before = None if after is None else keyset.number(after)
    rows = await _read(conn, scope, lifted=lifted, before=before, rows=keyset.rows_asked_for(limit))
    return keyset.page(rows, limit, lambda row: LegalHold(**row), lambda row: str(row["id"]))


_ANY: dict[str, Any] = {"id": None, "lifted": None, "before": None, "rows": 1}


async def _read(conn: Connection, scope: Scope, **wanted: Any) -> list[dict[str, Any]]:
    cursor = await conn.execute(sql.list_holds, scope.parameters() | _ANY | wanted)
    return await cursor.fetchall()
