"""Group clients: who owns terminals, supervised by a region, in a tree of their own."""

import re
from collections.abc import Sequence
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import keyset
from registry.errors import GroupClientNotFound, RegionNotFound
from registry.identifiers import CreditCode
from registry.model import (
    FileState,
    GroupClient,
    GroupClientId,
    Page,
    RegionCode,
    RegionLevel,
    RegionRange,
    Standing,
    ValueGrade,
)
from registry.scope import Right, Scope

sql = queries.load("registry")

_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")


async def register(
    conn: Connection,
    scope: Scope,
    *,
    code: str,
    name: str,
    region: RegionCode,
    industry: str,
    tier: str,
    parent: str | None = None,
    credit_code: CreditCode | None = None,
    file_state: FileState = FileState.SURVEYED,
    standing: Standing = Standing.CUSTOMER,
    value_grade: ValueGrade | None = None,
    watched: bool = False,
) -> GroupClient:
    """Put a client on the roll, supervised by `region` at that region's level.

    Its file begins `surveyed`; only files that are taken over from elsewhere are further.
    """
    scope.require(Right.GROUP_CLIENTS_REGISTER)
    parent_id = (await find(conn, scope, parent)).id if parent is not None else None
    inserted = await conn.execute(
        sql.insert_group_client,
        {
            "code": code,
            "name": name,
            "region": region,
            "industry": industry,
            "tier": tier,
            "parent_id": parent_id,
            "credit_code": credit_code and str(credit_code),
            "file_state": file_state,
            "standing": standing,
            "value_grade": value_grade,
            "watched": watched,
        },
    )
    if not inserted.rowcount:
        raise RegionNotFound(f"There is no region {region}.")
    return await find(conn, scope, code)


async def find(conn: Connection, scope: Scope, code: str) -> GroupClient:
    """The client of that code; GroupClientNotFound when there is none in scope."""
    scope.require(Right.GROUP_CLIENTS_READ)
    rows = await _read(conn, scope, code=code)
    if not rows:
        raise GroupClientNotFound(f"There is no group client {code}.")
    return _group_client(rows[0], scope)


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    prefix: str | None = None,
    region: RegionRange | None = None,
    industry: str | None = None,
    tier: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[GroupClient]:
    """One page of the clients in scope, by code; `region` keeps to those supervised there."""
    scope.require(Right.GROUP_CLIENTS_READ)
    low, high = region or (None, None)
    if after is not None and not _CODE.fullmatch(after):
        raise keyset.CursorInvalid
    rows = await _read(
        conn,
        scope,
        **keyset.prefix_range(prefix),
        low=low,
        high=high,
        industry=industry,
        tier=tier,
        after=after or "",
        rows=keyset.rows_asked_for(limit),
    )
    return keyset.page(
        rows, limit, lambda row: _group_client(row, scope), lambda row: str(row["code"])
    )


async def list_codes(
    conn: Connection, scope: Scope, ids: Sequence[GroupClientId]
) -> tuple[str, ...]:
    """The codes of those clients that are in scope, in order."""
    scope.require(Right.GROUP_CLIENTS_READ)
    cursor = await conn.execute(sql.list_client_codes, scope.parameters() | {"ids": list(ids)})
    return tuple([row["code"] async for row in cursor])


_ANY: dict[str, Any] = {"code": None, "prefix_low": None, "prefix_high": None, "low": None,
                        "high": None, "industry": None, "tier": None, "after": "",
                        "rows": 1}  # fmt: skip


async def _read(conn: Connection, scope: Scope, **wanted: Any) -> list[dict[str, Any]]:
    cursor = await conn.execute(sql.list_group_clients, _ANY | wanted | scope.parameters())
    return await cursor.fetchall()


def _group_client(row: dict[str, Any], scope: Scope) -> GroupClient:
    """The client as the asker may know it: what it is worth is for who reads its file."""
    told = Right.CLIENT_FILES_READ in scope.rights
    grade = row["value_grade"] if told else None
    return GroupClient(
        **row
        | {
            "level": RegionLevel(row["level"]),
            "file_state": FileState(row["file_state"]),
            "standing": Standing(row["standing"]),
            "value_grade": ValueGrade(grade) if grade else None,
            "watched": row["watched"] if told else None,
        }
    )
