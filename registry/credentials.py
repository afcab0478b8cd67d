"""What a terminal signs in to the broker with: a random secret, shown once, kept as a verifier."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field

from foundation import queries
from foundation.database import Connection
from registry.errors import TerminalNotFound
from registry.scope import Right, Scope

sql = queries.load("registry")

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


async def revoke(conn: Connection, scope: Scope, code: str) -> None:
    """Cut a terminal off within 5 seconds; `issue` lets it in again."""
    scope.require(Right.CREDENTIALS_REVOKE)
    revoked = await conn.execute(sql.revoke_credential, scope.parameters() | {"code": code})
    if not revoked.rowcount:
        raise TerminalNotFound(f"There is no terminal {code}.")
