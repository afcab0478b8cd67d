"""`Idempotency-Key`: a creation that is sent again is answered again, and happens once.

A route takes part by asking for `Creates(right)` (see `api.dependencies`); `StrictRoute` keeps the
answer in the request's own transaction. What was refused is not kept: it may be tried again.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, Request, Response

from api.errors import IdempotencyKeyInvalid
from foundation.database import Connection
from registry import idempotency
from registry.idempotency import KeptAnswer
from registry.scope import Scope

REPLAYED = "Idempotency-Replayed"

IdempotencyKey = Annotated[
    str | None,
    Header(
        description="A fresh random text, such as a UUID: who sends the same request with it again"
        " within a day gets the same answer, and nothing is created twice.",
        examples=["6f3c2b1e-8a5d-4f0e-9b7a-2d1c0e9f8a7b"],
    ),
]

# Long enough that nobody guesses one: the answer is sealed under it.
_KEY = re.compile(r"[!-~]{16,128}")
_KEPT_HEADERS = ("content-type", "location", "etag")


class Replayed(Exception):
    """The request was answered before; `answer` is what it was answered."""

    def __init__(self, kept: KeptAnswer) -> None:
        super().__init__()
        self.answer = Response(kept.body, kept.status, {**kept.headers, REPLAYED: "true"})


@dataclass(frozen=True, slots=True)
class Creation:
    """A creation under way that holds a key."""

    conn: Connection
    scope: Scope
    key: str
    fingerprint: bytes

    async def keep(self, answer: Response) -> None:
        """Keep the answer beside what it tells of, in the same transaction."""
        headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
        kept = KeptAnswer(answer.status_code, headers, bytes(answer.body))
        await idempotency.keep(self.conn, self.scope, self.key, self.fingerprint, kept)


async def begin(request: Request, conn: Connection, scope: Scope, key: str | None) -> None:
    """Hold the key of a request, if it has one; Replayed where it was answered before."""
    if key is None:
        return
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyInvalid
    fingerprint = await _fingerprint(request)
    kept = await idempotency.begin(conn, scope, key, fingerprint)
    if kept is not None:
        raise Replayed(kept)
    request.state.creation = Creation(conn, scope, key, fingerprint)


def creation(request: Request) -> Creation | None:
    """The creation that a request is, if it holds a key."""
    return getattr(request.state, "creation", None)


async def _fingerprint(request: Request) -> bytes:
    """What makes two requests the same: method, address and body, byte for byte."""
    address = f"{request.method} {request.url.path}?{request.url.query}\n"
    return hashlib.sha256(address.encode() + await request.body()).digest()
