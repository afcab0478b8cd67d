"""The application behind a real server on a real socket, for what only shows there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api.__main__ import listening, server


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[int]:
    """Serve a started application as `python -m api` does; the port."""
    chosen = app.state.settings
    with listening("127.0.0.1:0", chosen.stalled_seconds) as listener:
        running = server(app, chosen)
        serving = asyncio.create_task(running.serve([listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            running.should_exit = True
            await serving


async def said(port: int, *parts: bytes) -> bytes:
    """What the server answers to these bytes, until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"".join(parts))
        await writer.drain()
        async with asyncio.timeout(30):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()
