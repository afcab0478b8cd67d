"""One stream: who reads it, what of, and what waits to be sent to them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from api.auth import Credential
from api.errors import ReaderTooSlow
from api.live import frames
from foundation.database import Connection
from foundation.errors import MusterError
from registry.scope import Right, Scope
from telemetry import moments
from telemetry.bookmark import Bookmark
from telemetry.rows import Int32s

Terminals = Callable[[Connection, Scope], Awaitable[Int32s]]
"""Finds the terminals (ids) that are followed; raises where they are not to be seen any more."""

_CUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for a stream, of which terminals, and from where in the feed; None is from now."""

    scope: Scope
    credential: Credential
    terminals: Terminals
    ids: Int32s
    after: Bookmark | None
    seconds: int | None


class Stream:
    """What the hub pushes waits here, up to a bound, until the reader takes it."""

    def __init__(self, asked: Asked, most_waiting_bytes: int) -> None:
        self.asked = asked
        self.scope = asked.scope
        self.ids = asked.ids
        self.moments = moments.NOTHING
        self.bookmark = asked.after
        self.listed_at = time.monotonic()
        self.is_stale = False
        self.over: MusterError | None = None
        self.cards = Right.SIMS_READ in asked.scope.rights
        self._most = most_waiting_bytes
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._woken = asyncio.Event()
        self._sending: asyncio.Timeout | None = None

    def push(self, made: Sequence[bytes]) -> None:
        """Let these wait for the reader; if they are too many, the stream is over."""
        if self.over is not None or not made:
            return
        self._bytes += sum(map(len, made))
        if self._bytes > self._most:
            self.end(ReaderTooSlow())
        else:
            self._waiting += made
            self._woken.set()

    def end(self, why: MusterError) -> None:
        """Send nothing more but why; a reader who does not take even that is cut off soon."""
        if self.over is not None:
            return
        self.over = why
        self._waiting.clear()
        self._woken.set()
        if self._sending is not None and not self._sending.expired():
            self._sending.reschedule(asyncio.get_running_loop().time() + _CUT_SECONDS)

    async def take(self, seconds: float) -> list[bytes] | None:
        """What waits, or none after so long; None when the stream is over."""
        if not self._woken.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
            except TimeoutError:
                return []
        self._woken.clear()
        if self.over is not None:
            return None
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        return waiting

    async def sent(self, sending: Awaitable[None], seconds: float) -> bool:
        """Wait until the reader's end has taken it; False where it does not."""
        try:
            async with asyncio.timeout(_CUT_SECONDS if self.over else seconds) as self._sending:
                await sending
        except TimeoutError:
            return False
        finally:
            self._sending = None
        return True

    def farewell(self) -> bytes:
        """The last event."""
        assert self.over is not None
        return frames.end(self.over)
