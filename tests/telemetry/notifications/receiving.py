"""Targets of channels as they are in the world: quick, slow, broken, hostile; over HTTP or TLS."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Answering = Callable[["Request"], bytes]


@dataclass(frozen=True, slots=True)
class Request:
    """What a target was sent."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    """A whole answer of HTTP/1.1."""
    lines = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass(slots=True)
class Target:
    """A server that notes what it is sent and answers as it is told to."""

    port: int = 0
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list)
    answering: Answering = field(default=lambda request: answer(200))
    after: Callable[[asyncio.StreamWriter], Any] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self.scheme}://localhost:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of a connection, one after the other."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")
                pairs = (line.partition(": ") for line in lines if line)
                headers = {name.lower(): value for name, _, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                request = Request(first.split(" ")[1], headers, body)
                self.requests.append(request)
                writer.write(self.answering(request))
                await writer.drain()
                if self.after is not None:
                    await self.after(writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def target(trust: ssl.SSLContext | None = None) -> AsyncIterator[Target]:
    """A target on this machine, with TLS where it has a certificate."""
    made = Target(scheme="https" if trust else "http")
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=trust)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
