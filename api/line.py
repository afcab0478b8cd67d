"""The asker's end of a request: its body up to a size, and whether anybody still waits."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope

_NOTHING: Message = {"type": "http.request", "body": b"", "more_body": False}
_GONE: Message = {"type": "http.disconnect"}


class Line:
    """Stands between the server and the application while one request is answered.

    Once the body is in, it waits for the asker to hang up; if they do before the answer is out, the
    task that answers is cancelled, and with it the query that it waits for.
    """

    def __init__(
        self, scope: Scope, receive: Receive, most_body_bytes: int, stalled_seconds: float
    ) -> None:
        self._receive = receive
        self._most_body_bytes = most_body_bytes
        self._stalled_seconds = stalled_seconds
        self._body_bytes = 0
        self._whole = asyncio.Event()
        self._over = asyncio.Event()
        self._is_told = False
        self.is_answered = False
        self.is_cut = False
        if not any(
            name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"]
        ):
            self._whole.set()

    async def receive(self) -> Message:
        """The next part of the body, in time; afterwards, that the asker is gone, when they are."""
        if self._whole.is_set():
            if not self._is_told:
                self._is_told = True
                return _NOTHING
            await self._over.wait()
            return _GONE
        try:
            async with asyncio.timeout(self._stalled_seconds):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408) from None
        if message["type"] == "http.disconnect":
            return message
        self._body_bytes += len(message.get("body", b""))
        if self._body_bytes > self._most_body_bytes:
            raise HTTPException(413)
        if not message.get("more_body"):
            self._is_told = True
            self._whole.set()
        return message

    async def watch(self, answering: asyncio.Task[None]) -> None:
        """Cancel `answering` when the asker hangs up before the answer is out."""
        await self._whole.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._over.set()
        if not self.is_answered:
            self.is_cut = True
            answering.cancel()
