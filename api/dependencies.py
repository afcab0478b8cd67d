"""What a route's signature may ask for: one transaction, who asks, and a right.

    async def read(scope: Annotated[Scope, Needs(Right.TERMINALS_READ)], conn: Transaction)

A request has one transaction: it signs the caller in, then carries their scope, and is committed
before the answer goes out, rolled back on any error.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from api import auth, idempotency
from api.auth import Caller
from api.idempotency import IdempotencyKey
from api.witness import trace
from foundation.database import Connection, apply_settings, transaction
from registry.scope import Right, Scope
from telemetry.sight import history_from

# These two only describe in OpenAPI what `auth` reads from the request itself.
_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="apiKey",
    description="An API key, as `Authorization: Bearer <key>`.",
)
_cookie = APIKeyCookie(
    name=auth.SECURE_COOKIE,
    auto_error=False,
    scheme_name="session",
    description=f"A console session; named `{auth.PLAIN_COOKIE}` on plain HTTP of loopback.",
)


async def transact(request: Request) -> AsyncIterator[Connection]:
    """The request's transaction; it ends before the answer is sent."""
    async with transaction(request.app.state.pool) as conn:
        yield conn


Transaction = Annotated[Connection, Depends(transact, scope="function")]


async def identify(
    request: Request,
    conn: Transaction,
    _key: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    _session: Annotated[str | None, Depends(_cookie)],
) -> Caller:
    """Who asks, by API key or session; NotSignedIn when nobody whom we know."""
    caller = await auth.authenticate(conn, request)
    await apply_settings(conn, caller.scope.settings() | trace(request))
    request.state.caller = caller
    request.app.state.limits.admit(request, caller.scope)
    return caller


Who = Annotated[Caller, Depends(identify, scope="function")]


def Needs(right: Right) -> Any:  # noqa: N802 - reads as a word in signatures, like Depends
    """Ask for the caller's scope, and refuse callers who lack `right` before the route runs."""

    async def permitted(caller: Who) -> Scope:
        caller.scope.require(right)
        return caller.scope

    return Depends(permitted, scope="function")


def LooksBack(right: Right) -> Any:  # noqa: N802 - as Needs
    """As `Needs`, for what was measured: the answer says how far back the caller's tier reaches."""

    async def permitted(request: Request, caller: Who, conn: Transaction) -> Scope:
        caller.scope.require(right)
        request.state.history_from = await history_from(conn, caller.scope)
        return caller.scope

    return Depends(permitted, scope="function")


def Creates(right: Right) -> Any:  # noqa: N802 - as Needs
    """Ask for the scope of a caller who creates: as `Needs`, and once for each Idempotency-Key."""

    async def permitted(
        request: Request, caller: Who, conn: Transaction, idempotency_key: IdempotencyKey = None
    ) -> Scope:
        caller.scope.require(right)
        await idempotency.begin(request, conn, caller.scope, idempotency_key)
        return caller.scope

    return Depends(permitted, scope="function")
