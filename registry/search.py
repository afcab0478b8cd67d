"""One search for whatever people have in hand: a code, a number, two letters of a name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from psycopg.types.json import Jsonb

from foundation import queries
from foundation.database import Connection
from registry.scope import Right, Scope
from registry.terminal_lists import CARD_NUMBERS, LEAST_LETTERS, WALKED, TooFewLetters

sql = queries.load("registry", "terminal_lists.sql")

MOST = 50
_GROUPED = re.compile(r"[0-9]+(?:[ .-][0-9A-Fa-f]+)+")
_BETWEEN = re.compile(r"[ .-]")


class Kind(StrEnum):
    """What can be found."""

    TERMINAL = "terminal"
    SIM = "sim"
    GROUP_CLIENT = "group_client"


@dataclass(frozen=True, slots=True)
class Found:
    """A thing that is called so: `value` is its `matched` name or number.

    `code` names it (a SIM by its ICCID); `terminal` is the one that a SIM is in, where it is seen.
    """

    kind: Kind
    code: str
    name: str | None
    matched: str
    value: str
    terminal: str | None


async def look_up(conn: Connection, scope: Scope, text: str, *, most: int = 10) -> list[Found]:
    """What in scope is called so, `most` of each kind and field, whole matches first.

    By the beginning of code, IMEI, ICCID, IMSI, MSISDN or wire name, or by any part of a name. A
    number that is printed in groups is found without its blanks and hyphens, too.
    """
    scope.require(Right.TERMINALS_READ)
    text = text.strip()
    if len(text) < LEAST_LETTERS:
        raise TooFewLetters(field="q")
    found = await _called(conn, scope, text, most)
    if not found and _GROUPED.fullmatch(text):
        found = await _called(conn, scope, _BETWEEN.sub("", text), most)
    return found


async def _called(conn: Connection, scope: Scope, text: str, most: int) -> list[Found]:
    asked = {"q": text, "most": most, "walks": WALKED, "fields": _fields(scope)}
    cursor = await conn.execute(sql.search, {"wanted": Jsonb(scope.parameters() | asked)})
    matches = await cursor.fetchall()
    named = {
        Kind.TERMINAL: await _rows(conn, scope, sql.list_these_terminals, matches, Kind.TERMINAL),
        Kind.SIM: await _rows(conn, scope, sql.list_these_sims, matches, Kind.SIM),
        Kind.GROUP_CLIENT: await _rows(
            conn, scope, sql.list_these_clients, matches, Kind.GROUP_CLIENT
        ),
    }
    found: dict[tuple[Kind, int], Found] = {}
    matches.sort(key=lambda m: (m["value"] != text, list(Kind).index(Kind(m["kind"])), m["value"]))
    for match in matches:
        kind, number = Kind(match["kind"]), match["id"]
        row = named[kind].get(number)
        if row is not None and (kind, number) not in found:
            found[kind, number] = _found(kind, row, match)
    return list(found.values())


def _fields(scope: Scope) -> list[str]:
    fields = [f"terminal.{field}" for field in ("code", "name", "imei", "wire_name")]
    if Right.SIMS_READ in scope.rights:
        fields += [f"{kind}.{field}" for kind in ("terminal", "sim") for field in CARD_NUMBERS]
    if Right.GROUP_CLIENTS_READ in scope.rights:
        fields += ["group_client.code", "group_client.name"]
    return fields


async def _rows(
    conn: Connection, scope: Scope, query: str, matches: Sequence[dict[str, Any]], kind: Kind
) -> dict[int, dict[str, Any]]:
    """Those of the matches that the caller may read, by number."""
    ids = sorted({match["id"] for match in matches if match["kind"] == kind})
    if not ids:
        return {}
    cursor = await conn.execute(query, scope.parameters() | {"ids": ids})
    return {row["id"]: row async for row in cursor}


def _found(kind: Kind, row: dict[str, Any], match: dict[str, Any]) -> Found:
    sim = kind is Kind.SIM
    return Found(
        kind=kind,
        code=row["iccid"] if sim else row["code"],
        name=None if sim else row["name"],
        matched=match["field"],
        value=match["value"],
        terminal=row["terminal_code"] if sim else None,
    )
