"""Client files: what is known of a group client, who filed and verified it, and what shows it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, Unpack

from foundation import queries
from foundation.database import Connection
from registry import file_life, keyset
from registry.errors import GroupClientNotFound, IntervalEmpty, MomentAhead, TransitionRefused
from registry.file_errors import ContactInvalid, DueDateInvalid, FileClosed, FileReasonMissing
from registry.file_model import (
    MOST_CONTACTS,
    ClientFile,
    Contact,
    Document,
    Evidence,
    FileMove,
    FilePolicy,
    FileWarning,
    StandingChange,
    Terms,
)
from registry.identifiers import CreditCode
from registry.model import FileState, GroupClientId, Page, Standing, ValueGrade
from registry.scope import Right, Scope

sql = queries.load("registry", "client_files.sql")

MOST_ENDED = 1_000
MOST_AHEAD = timedelta(days=3653)

_OF_THE_HOUSE = ("credit_code", "value_grade", "watched")
_SURVEYED = ("products", "rivals", "expected_terminals", "needs", "contacts")


class Change(TypedDict, total=False):
    """What can be changed of a file; what is not named stays as it is."""

    credit_code: CreditCode | None
    value_grade: ValueGrade | None
    watched: bool
    products: str | None
    rivals: str | None
    expected_terminals: int | None
    needs: str | None
    contacts: Sequence[Contact]


async def find(conn: Connection, scope: Scope, code: str) -> ClientFile:
    """The file of the client of that code; GroupClientNotFound when there is none in scope."""
    scope.require(Right.CLIENT_FILES_READ)
    cursor = await conn.execute(sql.find_file, scope.parameters() | {"code": code})
    row = await cursor.fetchone()
    if row is None:
        raise GroupClientNotFound(f"There is no group client {code}.")
    return _file(row)


async def change(
    conn: Connection, scope: Scope, code: str, **changed: Unpack[Change]
) -> ClientFile:
    """Note what a survey found; what the client is worth, and its code, are the house's to note.

    Another credit code makes a verified file due, and whoever changed it the one who filed it.
    """
    scope.require(Right.CLIENT_FILES_KEEP)
    if any(name in changed for name in _OF_THE_HOUSE):
        scope.require(Right.GROUP_CLIENTS_CHANGE)
    contacts = changed.get("contacts", ())
    if len(contacts) > MOST_CONTACTS:
        raise ContactInvalid(f"A file has {MOST_CONTACTS} contacts at most.")
    file = await _held(conn, scope, code)
    wanted: dict[str, Any] = {
        name: changed.get(name, getattr(file, name)) for name in (*_OF_THE_HOUSE, *_SURVEYED)
    }
    wanted["credit_code"] = wanted["credit_code"] and str(wanted["credit_code"])
    wanted["contacts"] = json.dumps([asdict(contact) for contact in wanted["contacts"]])
    wanted["id"] = file.id
    await conn.execute(sql.change_client, wanted)
    if any(name in changed for name in _SURVEYED):
        await conn.execute(sql.put_survey, wanted)
    return await find(conn, scope, code)


async def move_to(
    conn: Connection,
    scope: Scope,
    code: str,
    to: FileState,
    *,
    reason: str | None = None,
    due_at: datetime | None = None,
) -> ClientFile:
    """Bring a file into another state; TransitionRefused where `file_life` has no way.

    Who filed it does not verify it. It is verified until `due_at`, or as long as the tier says.
    """
    scope.require(file_life.right_to(to))
    reason = (reason and reason.strip()) or None
    if reason is None and to in file_life.EXPLAINED:
        raise FileReasonMissing
    now = datetime.now(UTC)
    if due_at is not None and (
        to is not FileState.VERIFIED or not now < due_at <= now + MOST_AHEAD
    ):
        raise DueDateInvalid
    file = await _held(conn, scope, code, closed=True)
    file_life.check(file.file_state, to)
    await conn.execute(
        sql.move_file, {"id": file.id, "state": to.value, "reason": reason, "due_at": due_at}
    )
    return await find(conn, scope, code)


async def set_standing(
    conn: Connection,
    scope: Scope,
    code: str,
    standing: Standing,
    *,
    since: datetime | None = None,
    reason: str | None = None,
) -> ClientFile:
    """Put on record that a client is a prospect, a customer or lost since an instant (now)."""
    scope.require(Right.GROUP_CLIENTS_CHANGE)
    file = await _held(conn, scope, code, closed=True)
    if since is not None and since > datetime.now(UTC):
        raise MomentAhead(field="since")
    if since is not None and since <= file.standing_since:
        raise IntervalEmpty(field="since")
    if standing is file.standing:
        raise TransitionRefused(f"This client is {standing} already.")
    noted = {"id": file.id, "standing": standing.value, "since": since}
    await conn.execute(sql.set_standing, noted | {"reason": (reason and reason.strip()) or None})
    return await find(conn, scope, code)


async def add_evidence(conn: Connection, scope: Scope, code: str, document: Document) -> Evidence:
    """Put on record that there is a document for this file, for good."""
    scope.require(Right.CLIENT_FILES_KEEP)
    file = await _held(conn, scope, code)
    added = await conn.execute(sql.add_evidence, {"id": file.id} | asdict(document))
    row = await added.fetchone()
    assert row is not None
    return _evidence(row)


async def list_evidence(
    conn: Connection, scope: Scope, code: str, *, after: str | None = None, limit: int = 50
) -> Page[Evidence]:
    """One page of the documents of a file, newest first."""
    scope.require(Right.CLIENT_FILES_READ)
    rows = await _list(conn, scope, sql.list_evidence, code, after, limit)
    return keyset.page(rows, limit, _evidence, _number)


async def list_moves(
    conn: Connection, scope: Scope, code: str, *, after: str | None = None, limit: int = 50
) -> Page[FileMove]:
    """One page of the states that a file came to, newest first."""
    scope.require(Right.CLIENT_FILES_READ)
    rows = await _list(conn, scope, sql.list_moves, code, after, limit)
    return keyset.page(rows, limit, _move, _number)


async def list_standings(
    conn: Connection, scope: Scope, code: str, *, after: str | None = None, limit: int = 50
) -> Page[StandingChange]:
    """One page of the standings that a client came to, newest first."""
    scope.require(Right.CLIENT_FILES_READ)
    rows = await _list(conn, scope, sql.list_standings, code, after, limit)
    return keyset.page(rows, limit, _standing_change, _number)


async def warnings_of(
    conn: Connection, scope: Scope, owner: GroupClientId | None
) -> tuple[FileWarning, ...]:
    """What is to be told to who puts a terminal of that owner on the roll or into service.

    Nothing to those who do not read its file.
    """
    scope.require(Right.TERMINALS_READ)
    if owner is None or Right.CLIENT_FILES_READ not in scope.rights:
        return ()
    cursor = await conn.execute(sql.find_terms, scope.parameters() | {"id": owner})
    row = await cursor.fetchone()
    return () if row is None else _terms(row).warnings


async def end_verifications(conn: Connection, scope: Scope, most: int = MOST_ENDED) -> int:
    """Make at most so many verified files due whose date has come; returns how many.

    As the system, and each once: whoever else does it at the same time takes other ones.
    """
    scope.require(Right.CLIENT_FILES_VERIFY)
    return (await conn.execute(sql.end_verifications, {"rows": most})).rowcount


async def _held(conn: Connection, scope: Scope, code: str, *, closed: bool = False) -> ClientFile:
    """A file as it is, and stays until the end of the transaction; a closed one only if allowed."""
    await conn.execute(sql.hold_client, scope.parameters() | {"code": code})
    file = await find(conn, scope, code)
    if file.file_state is FileState.CLOSED and not closed:
        raise FileClosed
    return file


async def _list(
    conn: Connection, scope: Scope, query: str, code: str, after: str | None, limit: int
) -> list[dict[str, Any]]:
    before = None if after is None else keyset.number(after)
    wanted = {"id": (await find(conn, scope, code)).id, "before": before}
    wanted |= {"rows": keyset.rows_asked_for(limit)}
    return await (await conn.execute(query, wanted)).fetchall()


def _number(row: dict[str, Any]) -> str:
    return str(row["id"])


def _file(row: dict[str, Any]) -> ClientFile:
    grade, credit_code = row["value_grade"], row["credit_code"]
    given = {name: row[name] for name in ClientFile.__dataclass_fields__ if name in row}
    return ClientFile(
        **given
        | {
            "file_state": FileState(row["file_state"]),
            "standing": Standing(row["standing"]),
            "value_grade": ValueGrade(grade) if grade else None,
            "credit_code": CreditCode(credit_code) if credit_code else None,
            "contacts": tuple(Contact(**contact) for contact in row["contacts"]),
        },
        terms=_terms(row),
    )


def _terms(row: dict[str, Any]) -> Terms:
    return Terms(
        FileState(row["file_state"]),
        FilePolicy(row["file_policy"]),
        row["terminals"],
        row["terminal_quota"],
        row["messages_share"],
        row["bytes_share"],
        row["tier_until"],
    )


def _evidence(row: dict[str, Any]) -> Evidence:
    document = Document(row["name"], row["sha256"], row["note"])
    return Evidence(row["id"], document, row["added_at"], row["actor"])


def _move(row: dict[str, Any]) -> FileMove:
    was = row["from_state"]
    return FileMove(
        row["at"],
        FileState(was) if was else None,
        FileState(row["to_state"]),
        row["reason"],
        row["actor"],
    )


def _standing_change(row: dict[str, Any]) -> StandingChange:
    was = row["from_standing"]
    return StandingChange(
        row["since"],
        Standing(was) if was else None,
        Standing(row["to_standing"]),
        row["reason"],
        row["actor"],
        row["noted_at"],
    )
