"""What a terminal signs in to the broker with: a random secret, shown once, kept as a verifier."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest

from foundation import queries
from foundation.database import Connection
from registry.certificates import RevocationReason
from registry.errors import TerminalNotFound
from registry.scope import Right, Scope

sql = queries.load("registry", "credentials.sql")

_SECRET_BYTES = 24
_SALT_BYTES = 12
_ITERATIONS = 1  # 192 random bits cannot be guessed; stretching them would only slow the broker


@dataclass(frozen=True, slots=True)
class Credential:
    """User name (the terminal's code) and password for the broker; nobody can show it again."""

    username: str
    password: str = field(repr=False)


def random_secret() -> str:
    """A password of 192 random bits, in characters that need no quoting anywhere."""
    # A leading "-" would be taken for an option where it is pasted into a command.
    while (secret := secrets.token_urlsafe(_SECRET_BYTES)).startswith("-"):
        pass
    return secret


def verifier(password: str, *, iterations: int = _ITERATIONS) -> str:
    """What Mosquitto's password file holds for a password: `$7$`, PBKDF2 with HMAC-SHA-512.

    Choose more iterations for a password that a person chose.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    encoded = (base64.b64encode(part).decode() for part in (salt, digest))
    return f"$7${iterations}${'$'.join(encoded)}"


def matches(password: str, known: str) -> bool:
    """Whether a password is the one of that verifier; takes the same time wherever they differ."""
    _, _, iterations, salt, digest = known.split("$")
    tried = hashlib.pbkdf2_hmac(
        "sha512", password.encode(), base64.b64decode(salt), int(iterations)
    )
    return compare_digest(tried, base64.b64decode(digest))


async def issue(conn: Connection, scope: Scope, code: str) -> Credential:
    """A new credential for a terminal; the one it had, if any, is cut off within 5 seconds."""
    scope.require(Right.CREDENTIALS_ISSUE)
    credential = Credential(code, random_secret())
    issued = await conn.execute(
        sql.issue_credential,
        scope.parameters() | {"code": code, "verifier": verifier(credential.password)},
    )
    if not issued.rowcount:
        raise TerminalNotFound(f"There is no terminal {code}.")
    return credential


@dataclass(frozen=True, slots=True)
class Standing:
    """Since when a terminal's password is in force, or was; None: it never had one."""

    issued_at: datetime | None
    revoked_at: datetime | None


async def find(conn: Connection, scope: Scope, code: str) -> Standing:
    """How a terminal's password stands; nobody can show the password itself."""
    scope.require(Right.TERMINALS_READ)
    found = await conn.execute(sql.find_credential, scope.parameters() | {"code": code})
    row = await found.fetchone()
    if row is None:
        raise TerminalNotFound(f"There is no terminal {code}.")
    return Standing(**row)


async def cut_off(
    conn: Connection,
    scope: Scope,
    code: str,
    reason: RevocationReason = RevocationReason.UNSPECIFIED,
) -> None:
    """Take all that lets a terminal in, password and certificates, out of force in 5 seconds.

    `issue` lets it in again, and so does a new certificate.
    """
    scope.require(Right.CREDENTIALS_REVOKE)
    cut = await conn.execute(sql.cut_off, scope.parameters() | {"code": code, "reason": reason})
    if await cut.fetchone() is None:
        raise TerminalNotFound(f"There is no terminal {code}.")
