"""Files that are to be imported: received, looked at, applied and undone on somebody's word."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from foundation import queries
from foundation.database import Connection
from foundation.errors import Invalid
from foundation.sealing import Sealing
from registry import jobs, keyset
from registry.imports import kinds
from registry.imports.model import (
    MOST_FILE_BYTES,
    FileEmpty,
    FileTooLarge,
    Finding,
    Format,
    Import,
    ImportBusy,
    ImportNotFound,
    ImportState,
    JudgedRow,
    RowOutcome,
    SecretsGone,
    Severity,
)
from registry.jobs import Job
from registry.keyset import CursorInvalid
from registry.model import Page
from registry.scope import Right, Scope

sql = queries.load("registry.imports")

AREA = "import."
CHECK, APPLY, UNDO = f"{AREA}check", f"{AREA}apply", f"{AREA}undo"
_PART_BYTES = 512 * 1024
_S = ImportState


async def receive(
    conn: Connection,
    scope: Scope,
    kind: str,
    chunks: AsyncIterator[bytes],
    *,
    name: str,
    order_ref: str | None = None,
    defaults: Mapping[str, str] | None = None,
    most_bytes: int = MOST_FILE_BYTES,
) -> Import:
    """Take a file in and have it checked; where it does not come whole, nothing of it is kept.

    `defaults` stand where a cell is blank or the file has no such column.
    """
    scope.require(Right.IMPORTS_RUN)
    found = kinds.find(kind)
    for right in found.rights:
        scope.require(right)
    usual = dict(defaults or {})
    if order_ref is not None and any(column.name == "order_ref" for column in found.columns):
        usual.setdefault("order_ref", order_ref)
    unknown = usual.keys() - {column.name for column in found.columns}
    if unknown:
        raise Invalid(f"Files of {kind} have no column {min(unknown)}.", field="defaults")
    low, high = scope.region or (None, None)
    asked = {
        "kind": kind,
        "name": name.strip()[-200:] or kind,
        "order_ref": order_ref,
        "defaults": json.dumps(usual),
        "asked_by": scope.actor,
        "low": low,
        "high": high,
    }
    row = await (await conn.execute(sql.insert_import, asked)).fetchone()
    assert row is not None
    import_id: int = row["id"]
    measured = await _take_parts(conn, import_id, chunks, most_bytes)
    await conn.execute(sql.measure_import, {"import_id": import_id, **measured})
    await _tell(conn, import_id, "send")
    await jobs.ask(conn, scope, CHECK, import_id, measured["bytes"])
    return await find(conn, scope, import_id)


async def find(conn: Connection, scope: Scope, import_id: int) -> Import:
    """One import; ImportNotFound when it is not in scope."""
    scope.require(Right.IMPORTS_READ)
    rows = await _read(conn, scope, id=import_id)
    if not rows:
        raise ImportNotFound(f"There is no import {import_id}.")
    return _import(rows[0])


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    kind: str | None = None,
    order_ref: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Import]:
    """One page of the imports in scope, newest first; of one kind or order, if it is named."""
    scope.require(Right.IMPORTS_READ)
    rows = await _read(
        conn,
        scope,
        kind=kind,
        order_ref=order_ref,
        after=_number(after),
        rows=keyset.rows_asked_for(limit),
    )
    return keyset.page(rows, limit, _import, lambda row: str(row["id"]))


async def list_rows(
    conn: Connection,
    scope: Scope,
    import_id: int,
    *,
    only: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[JudgedRow]:
    """One page of an import's rows with their verdicts; `only` wrong, odd or kept ones."""
    scope.require(Right.IMPORTS_READ)
    state = (await find(conn, scope, import_id)).state
    cursor = await conn.execute(
        sql.list_rows,
        {
            "import_id": import_id,
            "after": _number(after) or 0,
            "rows": keyset.rows_asked_for(limit),
            "wrong": only == "wrong",
            "odd": only == "odd",
            "kept": only == "kept",
        },
    )
    rows = await cursor.fetchall()
    return keyset.page(rows, limit, lambda row: _judged(row, state), lambda row: str(row["row"]))


async def apply(conn: Connection, scope: Scope, import_id: int, *, whole: bool) -> Job:
    """Have a checked file applied: row by row, or as a whole or not at all.

    What is wrong is left out row by row; of a whole file nothing is applied then.
    """
    scope.require(Right.IMPORTS_RUN)
    found = await _held(conn, scope, import_id, {_S.CHECKED, _S.REFUSED})
    await _set_state(conn, import_id, _S.APPLYING, whole=whole)
    await _tell(conn, import_id, "ask_apply")
    return await jobs.ask(conn, scope, APPLY, import_id, found.rows)


async def undo(conn: Connection, scope: Scope, import_id: int) -> Job:
    """Have taken back what a file made, where nothing happened since."""
    scope.require(Right.IMPORTS_RUN)
    found = await _held(conn, scope, import_id, {_S.APPLIED, _S.UNDONE})
    if found.swept_at is not None:
        raise ImportBusy("What this file made is no longer known.")
    await _set_state(conn, import_id, _S.UNDOING)
    await _tell(conn, import_id, "ask_undo")
    return await jobs.ask(conn, scope, UNDO, import_id, found.created - found.undone)


async def cancel(conn: Connection, scope: Scope, import_id: int) -> Import:
    """Give a file up that is not applied; what was staged of it is swept away."""
    scope.require(Right.IMPORTS_RUN)
    states = {_S.WAITING, _S.CHECKING, _S.CHECKED, _S.UNREADABLE, _S.REFUSED}
    await _held(conn, scope, import_id, states)
    await jobs.cancel(conn, scope, AREA, import_id)
    await _set_state(conn, import_id, _S.CANCELLED)
    await _tell(conn, import_id, "cancel")
    return await find(conn, scope, import_id)


async def begin_fetching(conn: Connection, scope: Scope, import_id: int) -> None:
    """Say that who asked for the passwords fetches them; SecretsGone where there are none left."""
    scope.require(Right.IMPORTS_RUN)
    await find(conn, scope, import_id)
    begun = await conn.execute(sql.begin_fetching, {"import_id": import_id, "actor": scope.actor})
    if not begun.rowcount:
        raise SecretsGone
    await _tell(conn, import_id, "passwords")


async def take_passwords(
    conn: Connection, scope: Scope, import_id: int, seal: Sealing
) -> list[tuple[str, str]]:
    """The next codes and passwords, which are gone with this; none where all are handed out."""
    scope.require(Right.IMPORTS_RUN)
    row = await (await conn.execute(sql.take_secrets, {"import_id": import_id})).fetchone()
    if row is None:
        return []
    opened = seal.open(row["sealed"], secret_place(import_id, row["n"]))
    return [(code, password) for code, password in json.loads(opened)]


def secret_place(import_id: int, n: int) -> str:
    """To what the sealed passwords of a portion are bound."""
    return f"registry.import_secret/{import_id}/{n}"


async def _held(conn: Connection, scope: Scope, import_id: int, states: set[ImportState]) -> Import:
    found = await find(conn, scope, import_id)
    for right in kinds.find(found.kind).rights:
        scope.require(right)
    row = await (await conn.execute(sql.hold_import, {"import_id": import_id})).fetchone()
    if row is None or row["state"] not in states:
        raise ImportBusy(f"The import is {row['state'] if row else 'gone'}.")
    return found


async def _set_state(
    conn: Connection, import_id: int, state: ImportState, *, whole: bool | None = None
) -> None:
    await conn.execute(sql.set_state, {"import_id": import_id, "state": state, "whole": whole})


async def _tell(conn: Connection, import_id: int, deed: str) -> None:
    await conn.execute(sql.tell_asked, {"import_id": import_id, "deed": deed})


async def _take_parts(
    conn: Connection, import_id: int, chunks: AsyncIterator[bytes], most_bytes: int
) -> dict[str, Any]:
    digest, size, n = hashlib.sha256(), 0, 0
    waiting = bytearray()

    async def put(part: bytes) -> None:
        nonlocal n
        await conn.execute(sql.insert_part, {"import_id": import_id, "n": n, "bytes": part})
        n += 1

    async for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        if size > most_bytes:
            raise FileTooLarge(f"The file has more than {most_bytes} bytes.")
        waiting += chunk
        while len(waiting) >= _PART_BYTES:
            await put(bytes(waiting[:_PART_BYTES]))
            del waiting[:_PART_BYTES]
    if waiting:
        await put(bytes(waiting))
    if not size:
        raise FileEmpty
    return {"bytes": size, "sha256": digest.digest()}


async def _read(conn: Connection, scope: Scope, **wanted: Any) -> list[dict[str, Any]]:
    anything = {"id": None, "kind": None, "order_ref": None, "after": None, "rows": 1}
    asked = anything | wanted | scope.parameters() | {"actor": scope.actor}
    return await (await conn.execute(sql.list_imports, asked)).fetchall()


def _number(after: str | None) -> int | None:
    if after is None:
        return None
    if not after.isdecimal() or len(after) > 18:
        raise CursorInvalid
    return int(after)


def _import(row: dict[str, Any]) -> Import:
    return Import(
        **row
        | {
            "state": ImportState(row["state"]),
            "format": row["format"] and Format(row["format"]),
            "sha256": bytes(row["sha256"]),
        }
    )


def _judged(row: dict[str, Any], state: ImportState) -> JudgedRow:
    findings = [Finding(c, code, Severity(s), value) for c, code, s, value in row["findings"]]
    wrong = any(found.severity is Severity.ERROR for found in findings)
    if row["undone"]:
        outcome = RowOutcome.UNDONE
    elif row["made"]:
        made = RowOutcome.CHANGED if row["changed"] else RowOutcome.CREATED
        outcome = RowOutcome.KEPT if row["kept"] else made
    elif wrong:
        outcome = RowOutcome.WRONG
    else:
        is_over = state in (_S.APPLIED, _S.UNDOING, _S.UNDONE)
        outcome = RowOutcome.UNCHANGED if is_over else RowOutcome.NEW
    return JudgedRow(row["row"], row["cells"], outcome, findings, row["kept"])
