"""Who changed what, who was refused what: entries that the database writes and nobody alters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import group_clients, keyset
from registry.errors import AuditEntryNotFound
from registry.keyset import CursorInvalid
from registry.model import Page
from registry.scope import Right, Scope

sql = queries.load("registry", "audit.sql")

OPERATOR = "-"
"""Stands for the operator itself where the code of a tenant is asked for."""

_MOST_CHANGES = 20
_ALL = 2**31 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What the operator thinks of a client, in entries that are the client's to read.
_OF_THE_FILE = frozenset({"value_grade", "watched", "file_reason", "filed_by", "verified_by",
                          "due_at", "standing_reason"})  # fmt: skip


class Outcome(StrEnum):
    """What became of what somebody wanted."""

    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened to one thing, found by `key` (and `part` of it); columns by name.

    `before` is None for what is new or came from another owner, `after` for what is gone or went
    to one. Of columns in `secret` only that they changed is known.
    """

    key: str
    part: str | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    secret: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one statement changed of a tenant's things, or an attempt refused `times` over.

    `tenant` is the code of the owning group client, None is the operator. `size` counts the
    things, of which `keys` names the first. `source` and `scope` are None where the asker may not
    know them.
    """

    id: int
    at: datetime
    tenant: str | None
    actor: str
    action: str
    outcome: Outcome
    reason: str | None
    times: int
    request: str | None
    source: str | None
    scope: Mapping[str, Any] | None
    keys: tuple[str, ...]
    size: int
    changes: tuple[Change, ...]


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    actor: str | None = None,
    key: str | None = None,
    action: str | None = None,
    outcome: Outcome | None = None,
    tenant: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Entry]:
    """One page of the entries of `tenant` (a client's code, or OPERATOR) or all, newest first.

    `key` finds a thing by its code or number, and then the changes are of that thing; else those
    of an entry of more than 20 things are left to `find`.
    """
    scope.require(Right.AUDIT_READ)
    after_at, after_id = _position(after)
    rows = await _read(
        conn,
        scope,
        actor=actor,
        key=key,
        action=action,
        outcome=outcome,
        tenant=await _tenant_id(conn, scope, tenant),
        start=start,
        end=end,
        after=after_at,
        after_id=after_id,
        rows=keyset.rows_asked_for(limit),
    )
    return keyset.page(rows, limit, lambda row: _entry(row, scope), _key)


async def find(conn: Connection, scope: Scope, entry_id: int) -> Entry:
    """One entry with all its changes; AuditEntryNotFound when it is not in scope."""
    scope.require(Right.AUDIT_READ)
    rows = await _read(conn, scope, id=entry_id, most_changes=_ALL)
    if not rows:
        raise AuditEntryNotFound(f"There is no audit entry {entry_id}.")
    return _entry(rows[0], scope)


async def tell_refusal(
    conn: Connection,
    account: str,
    *,
    action: str,
    reason: str,
    times: int = 1,
    keys: Sequence[str] = (),
) -> None:
    """Note an attempt that was refused; it belongs to the tenant of `account`.

    Who acts, in which request and from where, the transaction's settings say.
    """
    await conn.execute(
        sql.tell_refusal,
        {
            "account": account,
            "action": action,
            "reason": reason,
            "times": times,
            "keys": list(keys),
        },
    )


_ANY: dict[str, Any] = {"id": None, "actor": None, "key": None, "action": None, "outcome": None,
                        "tenant": None, "start": None, "end": None, "after": None,
                        "after_id": None, "rows": 1, "most_changes": _MOST_CHANGES}  # fmt: skip


async def _read(conn: Connection, scope: Scope, **wanted: Any) -> list[dict[str, Any]]:
    cursor = await conn.execute(sql.list_entries, _ANY | wanted | scope.parameters())
    return await cursor.fetchall()


async def _tenant_id(conn: Connection, scope: Scope, code: str | None) -> int | None:
    if code is None:
        return None
    return 0 if code == OPERATOR else (await group_clients.find(conn, scope, code)).id


def _key(row: dict[str, Any]) -> str:
    return f"{(row['at'] - _EPOCH) // timedelta(microseconds=1)}.{row['id']}"


def _position(after: str | None) -> tuple[datetime | None, int | None]:
    if after is None:
        return None, None
    try:
        at, entry_id = map(int, after.split("."))
        return _EPOCH + timedelta(microseconds=at), entry_id
    except (ValueError, OverflowError):
        raise CursorInvalid from None


def _entry(row: dict[str, Any], scope: Scope) -> Entry:
    tells_of_file = row["action"].startswith("group_client.")
    hidden = tells_of_file and Right.CLIENT_FILES_READ not in scope.rights
    return Entry(
        id=row["id"],
        at=row["at"],
        tenant=row["tenant_code"],
        actor=row["actor"],
        action=row["action"],
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        times=row["times"],
        request=row["request"],
        source=row["source"],
        scope=row["scope"],
        keys=tuple(row["keys"]),
        size=row["size"],
        changes=tuple(
            _change(change, _OF_THE_FILE if hidden else frozenset()) for change in row["changes"]
        ),
    )


def _change(told: dict[str, Any], hidden: frozenset[str]) -> Change:
    before, after = (
        told.get(side) and {n: v for n, v in told[side].items() if n not in hidden}
        for side in ("before", "after")
    )
    if before is None and after is not None:  # what is new has no more than what it was given
        after = {name: value for name, value in after.items() if value is not None}
    return Change(
        key=told["key"],
        part=told["part"],
        before=before,
        after=after,
        secret=tuple(told.get("secret") or ()),
    )
