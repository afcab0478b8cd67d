"""Terminals' certificates on the roll: which are in force, until when, and which count no more."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import keyset
from registry.certificate_errors import CertificateNotFound, TerminalHasEnded
from registry.errors import TerminalNotFound
from registry.model import Page
from registry.scope import Right, Scope

sql = queries.load("registry", "credentials.sql")

_FIRST = 2**31 - 1


class RevocationReason(StrEnum):
    """Why a certificate counts no more, in the words of RFC 5280."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key_compromise"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessation_of_operation"
    PRIVILEGE_WITHDRAWN = "privilege_withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is kept of a certificate: `serial` and `fingerprint` (SHA-256) in hexadecimal."""

    serial: str
    fingerprint: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(Draft):
    """A certificate of terminal `code`; in force until `not_after` unless it was revoked."""

    code: str
    issued_at: datetime
    revoked_at: datetime | None
    reason: RevocationReason | None


async def record(conn: Connection, scope: Scope, code: str, draft: Draft) -> None:
    """Put a certificate that was signed for a terminal on the roll, before anybody gets it."""
    scope.require(Right.CREDENTIALS_ISSUE)
    given = scope.parameters() | {"code": code} | asdict(draft)
    recorded = await conn.execute(sql.record_certificate, given)
    if recorded.rowcount:
        return
    seen = await conn.execute(sql.find_credential, scope.parameters() | {"code": code})
    if await seen.fetchone() is None:
        raise TerminalNotFound(f"There is no terminal {code}.")
    raise TerminalHasEnded(f"{code} is retired and gets no certificate.")


async def find(conn: Connection, scope: Scope, code: str, serial: str) -> Certificate:
    """One certificate of a terminal; CertificateNotFound when there is none in scope."""
    scope.require(Right.TERMINALS_READ)
    asked = scope.parameters() | {"code": code, "serial": serial.lower()}
    row = await (await conn.execute(sql.find_certificate, asked)).fetchone()
    if row is None:
        raise CertificateNotFound(f"{code} has no certificate {serial}.")
    return _certificate(row)


async def revoke(
    conn: Connection,
    scope: Scope,
    code: str,
    serial: str,
    reason: RevocationReason = RevocationReason.UNSPECIFIED,
) -> None:
    """Take one certificate out of force within 5 seconds; CertificateNotFound if none is."""
    scope.require(Right.CREDENTIALS_REVOKE)
    asked = scope.parameters() | {"code": code, "serial": serial.lower(), "reason": reason}
    if not (await conn.execute(sql.revoke_certificate, asked)).rowcount:
        raise CertificateNotFound(f"{code} has no certificate {serial} in force.")


async def list_of(
    conn: Connection, scope: Scope, code: str, *, after: str | None = None, limit: int = 50
) -> Page[Certificate]:
    """One page of a terminal's certificates, the newest first."""
    scope.require(Right.TERMINALS_READ)
    before = _FIRST if after is None else _number(after)
    asked = scope.parameters() | {"code": code, "before": before}
    rows = await _rows(conn, sql.list_certificates_of, asked, limit)
    return keyset.page(rows, limit, _certificate, lambda row: str(row["id"]))


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    revoked: bool | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Certificate]:
    """One page of all certificates in scope that have not ended, those that end first before."""
    scope.require(Right.TERMINALS_READ)
    at, number = None, 0
    if after is not None:
        moment, _, last = after.rpartition("~")
        try:
            at, number = datetime.fromisoformat(moment), _number(last)
        except ValueError:
            raise keyset.CursorInvalid from None
    asked = scope.parameters() | {"after": at, "after_id": number, "revoked": revoked}
    rows = await _rows(conn, sql.list_certificates, asked, limit)
    return keyset.page(
        rows, limit, _certificate, lambda row: f"{row['not_after'].isoformat()}~{row['id']}"
    )


async def count_ending(
    conn: Connection, scope: Scope, within_days: Sequence[int]
) -> dict[int, int]:
    """How many terminals lose their last certificate within so many days, by these days."""
    scope.require(Right.TERMINALS_READ)
    counted = await conn.execute(sql.count_ending_certificates, {"days": list(within_days)})
    return {row["days"]: row["terminals"] async for row in counted}


async def _rows(
    conn: Connection, query: str, asked: dict[str, Any], limit: int
) -> list[dict[str, Any]]:
    found = await conn.execute(query, asked | {"rows": keyset.rows_asked_for(limit)})
    return await found.fetchall()


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > _FIRST:
        raise keyset.CursorInvalid
    return int(text)


def _certificate(row: dict[str, Any]) -> Certificate:
    reason = row["reason"]
    return Certificate(
        code=row["code"],
        serial=row["serial"],
        fingerprint=row["fingerprint"],
        not_before=row["not_before"],
        not_after=row["not_after"],
        issued_at=row["issued_at"],
        revoked_at=row["revoked_at"],
        reason=None if reason is None else RevocationReason(reason),
    )
