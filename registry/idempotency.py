"""Creations that may be sent twice: the answer is kept with what it tells of, and given again.

Kept for a day under the caller's `Idempotency-Key`, of which only a hash is stored; the body is
sealed under that key, so that a secret which is shown once does not lie about in the clear.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg.types.json import Jsonb

from foundation import queries
from foundation.database import Connection
from registry.errors import KeyHeld, KeyReused
from registry.scope import Scope

sql = queries.load("registry", "idempotency.sql")

KEPT_SECONDS = 24 * 3600
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a creation was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


async def begin(conn: Connection, scope: Scope, key: str, fingerprint: bytes) -> KeptAnswer | None:
    """Hold a key until the transaction ends; the answer it has already, if any.

    Raises KeyHeld while another request with it is under way, and KeyReused where it was used for
    a request with another `fingerprint`.
    """
    parameters = {"actor": scope.actor, "key_hash": _derived("name", scope, key)}
    row = await (await conn.execute(sql.hold_key, parameters)).fetchone()
    if row is None or not row["held"]:
        raise KeyHeld
    # Only now: who held the key before has committed what this statement is to see.
    row = await (await conn.execute(sql.find_answer, parameters)).fetchone()
    if row is None:
        return None
    if row["fingerprint"] != fingerprint:
        raise KeyReused
    nonce, sealed = row["sealed_body"][:_NONCE_BYTES], row["sealed_body"][_NONCE_BYTES:]
    body = AESGCM(_derived("seal", scope, key)).decrypt(nonce, sealed, fingerprint)
    return KeptAnswer(row["status"], row["headers"], body)


async def keep(
    conn: Connection, scope: Scope, key: str, fingerprint: bytes, answer: KeptAnswer
) -> None:
    """Keep the answer of a request that `begin` let pass, in the same transaction."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(_derived("seal", scope, key)).encrypt(nonce, answer.body, fingerprint)
    await conn.execute(
        sql.keep_answer,
        {
            "actor": scope.actor,
            "key_hash": _derived("name", scope, key),
            "fingerprint": fingerprint,
            "status": answer.status,
            "headers": Jsonb(dict(answer.headers)),
            "sealed_body": nonce + sealed,
        },
    )


async def forget(conn: Connection, scope: Scope) -> int:
    """Forget the answers of more than a day ago; returns how many."""
    forgotten = await conn.execute(sql.forget_answers, {"kept_seconds": KEPT_SECONDS})
    return forgotten.rowcount


def _derived(purpose: str, scope: Scope, key: str) -> bytes:
    """32 bytes that only who has the key can have; those of one purpose say nothing of another."""
    return hashlib.sha256(f"{purpose}\0{scope.actor}\0{key}".encode()).digest()
