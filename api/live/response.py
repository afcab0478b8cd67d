"""The answer that a live stream is, over plain HTTP/1.1 and through proxies that keep it open."""

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.live.hub import Hub
from api.live.stream import Asked

MEDIA_TYPE = "text/event-stream"
# No proxy is to gather what is meant to arrive now.
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class LiveResponse(StreamingResponse):
    """Sends what the hub has for one reader until either side ends it."""

    def __init__(self, hub: Hub, asked: Asked) -> None:
        super().__init__((), media_type=MEDIA_TYPE, headers=_HEADERS)
        self._hub = hub
        self._asked = asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; what can be refused is, before anything is sent."""
        async with self._hub.admitted(self._asked) as stream:
            first = await self._hub.begin(stream)
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            part = {"type": "http.response.body", "body": first, "more_body": True}
            if not await self._hub.send(stream, send(part)):
                return
            async for said in self._hub.events(stream):
                if not await self._hub.send(stream, send(part | {"body": said})):
                    return
        await send({"type": "http.response.body", "body": b""})
