"""The second factor of a sign-in: time-based codes (RFC 6238) of an app, and codes on paper."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from foundation import queries
from foundation.database import Connection
from registry import sessions, users
from registry.errors import CodeWrong, NotAPerson, SecondFactorAbsent, SecondFactorThere
from registry.rules import Rules
from registry.scope import Right, Scope
from registry.sessions import Opened

sql = queries.load("registry", "identity.sql")

ISSUER = "Muster"
_SECRET_BYTES = 20
_DIGITS = 6
_STEP_SECONDS = 30
_STEPS_OFF = 1  # a phone's clock may be that far off, either way
_RECOVERY_CODES = 10
_RECOVERY_BYTES = 10


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What goes into the app, by hand (`secret`, base32) or as a QR code (`uri`)."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


async def begin(conn: Connection, scope: Scope, rules: Rules) -> Enrolment:
    """A new secret for the asker's app, of no force until `confirm`.

    Raises SecondFactorThere, SecretKeyMissing where the deployment cannot keep one, and
    SignsInElsewhere for whom an identity provider signs in: a second factor is its business.
    """
    scope.require(Right.ACCOUNT_ENROL)
    await users.require_own_password(conn, scope)
    row = await _own(conn)
    secret = secrets.token_bytes(_SECRET_BYTES)
    sealed = rules.sealing.seal(secret, _place(row["user_id"]))
    begun = await (await conn.execute(sql.begin_second_factor, {"sealed": sealed})).fetchone()
    if begun is None or not begun["begun"]:
        raise SecondFactorThere
    uri = _totp(secret).get_provisioning_uri(scope.actor.partition(":")[2], ISSUER)
    return Enrolment(base64.b32encode(secret).decode(), uri)


async def confirm(
    conn: Connection, scope: Scope, token: str, code: str, rules: Rules
) -> tuple[Opened, tuple[str, ...]]:
    """Put the new secret in force with a first code: the session under its new token, and ten
    recovery codes, which are never shown again. All other sessions end. Raises CodeWrong.
    """
    scope.require(Right.ACCOUNT_ENROL)
    row = await _own(conn)
    if row["confirmed"]:
        raise SecondFactorThere
    if row["sealed"] is None:
        raise SecondFactorAbsent
    await _take(conn, row, code, rules)
    codes = _recovery_codes()
    await conn.execute(sql.confirm_second_factor, {"hashes": [_hash(each) for each in codes]})
    await sessions.end_others_of(conn, token)
    return await sessions.renew(conn, token, rules, code_given=True), codes


async def give(conn: Connection, scope: Scope, token: str, code: str, rules: Rules) -> Opened:
    """The second step of a sign-in, by a code of the app or a recovery code; CodeWrong else."""
    scope.require(Right.ACCOUNT_READ)
    await _prove(conn, code, rules)
    return await sessions.renew(conn, token, rules, code_given=True)


async def renew_recovery_codes(
    conn: Connection, scope: Scope, code: str, rules: Rules
) -> tuple[str, ...]:
    """Ten new recovery codes instead of those there are; CodeWrong, SecondFactorAbsent."""
    scope.require(Right.ACCOUNT_ENROL)
    await _prove(conn, code, rules)
    codes = _recovery_codes()
    await conn.execute(sql.keep_recovery_codes, {"hashes": [_hash(each) for each in codes]})
    return codes


async def remove(conn: Connection, scope: Scope, code: str, rules: Rules) -> None:
    """Forget the own second factor, given one more code of it; CodeWrong, SecondFactorAbsent.

    Where it is demanded, nothing but enrolling another one can be done afterwards.
    """
    scope.require(Right.ACCOUNT_ENROL)
    await _prove(conn, code, rules)
    await conn.execute(sql.remove_second_factor)


async def _own(conn: Connection) -> dict[str, Any]:
    row = await (await conn.execute(sql.own_second_factor)).fetchone()
    if row is None:
        raise NotAPerson
    return row


async def _prove(conn: Connection, code: str, rules: Rules) -> None:
    """Return if the code is one of the asker's second factor; it is used up then."""
    row = await _own(conn)
    if not row["confirmed"]:
        raise SecondFactorAbsent
    if len(_plain(code)) > _DIGITS:
        hashed = {"hash": _hash(_plain(code))}
        taken = await (await conn.execute(sql.take_recovery_code, hashed)).fetchone()
        if taken is None or not taken["taken"]:
            raise CodeWrong(field="code")
    else:
        await _take(conn, row, code, rules)


async def _take(conn: Connection, row: dict[str, Any], code: str, rules: Rules) -> None:
    """Return if the app shows this code about now and it was not used; no one before it is then."""
    secret = rules.sealing.open(row["sealed"], _place(row["user_id"]))
    step = step_of(secret, _plain(code), time.time())
    if step is not None:
        taken = await (await conn.execute(sql.take_code, {"step": step})).fetchone()
        if taken is not None and taken["taken"]:
            return
    raise CodeWrong(field="code")


def step_of(secret: bytes, code: str, now: float) -> int | None:
    """The time step near `now` (Unix seconds) whose code it is, the earliest one; None for none."""
    present = int(now) // _STEP_SECONDS
    for step in range(present - _STEPS_OFF, present + _STEPS_OFF + 1):
        try:
            _totp(secret).verify(code.encode(), step * _STEP_SECONDS)
        except InvalidToken:
            continue
        return step
    return None


def _totp(secret: bytes) -> TOTP:
    # SHA-1 is what the apps know (RFC 6238, 1.2); its collisions do not matter in an HMAC.
    return TOTP(secret, _DIGITS, SHA1(), _STEP_SECONDS)  # noqa: S303


def _recovery_codes() -> tuple[str, ...]:
    """Random codes in four groups of four letters and digits that are hard to mistake."""
    return tuple(_grouped(secrets.token_bytes(_RECOVERY_BYTES)) for _ in range(_RECOVERY_CODES))


def _grouped(random: bytes) -> str:
    text = base64.b32encode(random).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _plain(code: str) -> str:
    """A code as people type it, without blanks and dashes."""
    return "".join(code.split()).replace("-", "").lower()


def _hash(code: str) -> bytes:
    return hashlib.sha256(_plain(code).encode()).digest()


def _place(user_id: int) -> str:
    return f"user_account/{user_id}"
