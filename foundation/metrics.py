"""`/metrics` and `/health` of a process that has no web door of its own."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

Readiness = Callable[[], Awaitable[dict[str, str]]]

_STATUS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}
_LONGEST_REQUEST_BYTES = 8192
_SLOWEST_REQUEST_SECONDS = 5


async def serve(listen: str, registry: CollectorRegistry, missing: Readiness) -> asyncio.Server:
    """Answer `/metrics`, `/health/live` and `/health/ready` on `listen` (host:port).

    `missing` says what the process lacks, by name, with a sentence each; empty means ready.
    Meant for loopback or a scraper's network: it serves figures only, never a terminal's name.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SLOWEST_REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                status, kind, body = await _respond(head, registry, missing)
                writer.write(
                    f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Type: {kind}\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # a client that does not speak HTTP or does not read: cut
        finally:
            writer.close()

    host, _, port = listen.rpartition(":")
    return await asyncio.start_server(
        answer, host.strip("[]"), int(port), limit=_LONGEST_REQUEST_BYTES
    )


async def _respond(
    head: bytes, registry: CollectorRegistry, missing: Readiness
) -> tuple[int, str, bytes]:
    request, _, rest = head.decode("latin-1").partition("\r\n")
    method, _, target = request.partition(" ")
    path = target.partition(" ")[0].partition("?")[0]
    if method != "GET":
        return 405, "text/plain", b"only GET\n"
    if path == "/metrics":
        accept = next(
            (v for k, _, v in (line.partition(":") for line in rest.split("\r\n"))
             if k.strip().lower() == "accept"),
            "",
        )  # fmt: skip
        encode, kind = choose_encoder(accept)
        return 200, kind, encode(registry)
    if path == "/health/live":
        return 200, "application/json", b'{"live":true}'
    if path == "/health/ready":
        lacks = await missing()
        body = orjson.dumps({"ready": not lacks, "missing": lacks})
        return (503 if lacks else 200), "application/json", body
    return 404, "text/plain", b"try /metrics, /health/live or /health/ready\n"
