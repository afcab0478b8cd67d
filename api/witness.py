"""Who was refused what: every attempt that matters is written into the audit, a flood of them once.

A change that is made writes its own entry. What is refused changes nothing, and its transaction is
rolled back: so the attempt is noted here, in one of its own, before the answer goes out.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.limits import origin
from foundation.database import Pool, apply_settings, transaction
from foundation.errors import MusterError
from foundation.logs import get_logger
from registry import audit

log = get_logger(__name__)

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_AT_THE_DOOR = frozenset({408, 413, 429, 431})  # turned away unread, so that a flood costs nothing
_WINDOW_SECONDS = 60.0
_PATIENCE_SECONDS = 2.0
_MOST_OF_ONE = 20
_MOST = 500
_LONGEST_KEY = 64
NOBODY = "anonymous"


def trace(request: Request) -> dict[str, str]:
    """What the audit keeps of a request beside who asks, as settings of its transaction."""
    source = request.client.host if request.client else ""
    return {"muster.request": request.state.request_id, "muster.source": source}


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that somebody (`actor`) tried and was refused, for the `reason` of that code.

    `account` is whose sign-in or key was used or tried, `origin` where from. Attempts that agree in
    these are the same one again, whatever the `settings` of their transactions.
    """

    actor: str
    account: str
    origin: str
    action: str
    reason: str
    keys: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def who(self) -> str:
        """Whose attempts are counted together."""
        return self.origin if self.actor == NOBODY else self.actor


class Attempts:
    """The refused attempts of the present minute: the first of each is written, the rest counted.

    One asker has twenty different ones a minute, and all have five hundred; what goes beyond is
    counted as `many`, so that no flood fills the disk and none goes unsaid.
    """

    def __init__(self) -> None:
        self._untold: dict[Attempt, int] = {}
        self._kinds: Counter[str] = Counter()
        self._pool: Pool | None = None

    @asynccontextmanager
    async def kept(self, pool: Pool) -> AsyncIterator[None]:
        """Write with `pool` while within, and at the end what was only counted."""
        self._pool = pool
        sweeping = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await sweeping
            await self.flush()

    async def tell(self, attempt: Attempt) -> None:
        """Write an attempt down, or count it where it was made in this minute before."""
        attempt = self._placed(attempt)
        if attempt in self._untold:
            self._count(attempt, 1)
            return
        self._untold[attempt] = 0
        self._kinds[attempt.who] += 1
        is_written = False
        try:
            is_written = await self._write(attempt, 1)
        finally:  # also where the asker hung up meanwhile
            if not is_written:
                self._count(attempt, 1)

    async def flush(self) -> None:
        """Write how often the attempts of this minute were repeated, and begin another one."""
        counted, self._untold = self._untold, {}
        self._kinds.clear()
        for attempt, times in counted.items():
            if times and not await self._write(attempt, times):
                self._count(attempt, times)

    def _placed(self, attempt: Attempt) -> Attempt:
        if attempt in self._untold:
            return attempt
        if self._kinds[attempt.who] >= _MOST_OF_ONE:
            attempt = replace(attempt, action="many", reason="many", keys=())
        if attempt not in self._untold and len(self._untold) >= _MOST:
            attempt = Attempt(NOBODY, "", "", "many", "many")
        return attempt

    def _count(self, attempt: Attempt, times: int) -> None:
        self._untold[attempt] = self._untold.get(attempt, 0) + times

    async def _write(self, attempt: Attempt, times: int) -> bool:
        assert self._pool is not None
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), transaction(self._pool) as conn:
                settings = {"muster.actor": attempt.actor} | dict(attempt.settings)
                await apply_settings(conn, settings)
                await audit.tell_refusal(
                    conn,
                    attempt.account,
                    action=attempt.action,
                    reason=attempt.reason,
                    times=times,
                    keys=attempt.keys,
                )
        except (MusterError, TimeoutError) as error:
            # It stays counted, and is tried again with the next flush; the log has it meanwhile.
            log.warning("refused attempt not written", attempt=attempt, times=times, error=error)
            return False
        return True

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_WINDOW_SECONDS)
            await self.flush()


class Witness:
    """ASGI middleware that sees every refusal, whoever in the house says it."""

    def __init__(self, app: ASGIApp, *, attempts: Attempts) -> None:
        self._app = app
        self._attempts = attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def seen(message: Message) -> None:
            if message["type"] == "http.response.start" and _matters(scope, message["status"]):
                await self._attempts.tell(_attempt(scope, message["status"]))
            await send(message)

        await self._app(scope, receive, seen if scope["type"] == "http" else send)


def _matters(scope: Scope, status: int) -> bool:
    """Whether it was a change that was refused, a wrong key, or something without a right to it."""
    if not 400 <= status < 500 or status in _AT_THE_DOOR:
        return False
    if scope["method"] not in _SAFE_METHODS or status == 403:
        return True
    return status == 401 and "authorization" in Headers(scope=scope)


def _attempt(scope: Scope, status: int) -> Attempt:
    request = Request(scope)
    state: dict[str, Any] = scope["state"]
    caller, problem = state.get("caller"), state.get("problem")
    actor = caller.scope.actor if caller else NOBODY
    route = getattr(scope.get("route"), "path", "-")
    named = (str(value)[:_LONGEST_KEY] for value in scope.get("path_params", {}).values())
    return Attempt(
        actor=actor,
        account=actor if caller else state.get("tried", ""),
        origin=origin(request),
        action=f"{scope['method'][:16]} {route}",
        reason=problem.code if problem else f"http_{status}",
        keys=tuple(key for key in named if key.isprintable()),
        settings=(caller.scope.settings() if caller else {}) | trace(request),
    )
