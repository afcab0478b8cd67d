"""How many group clients are scraped at once: a scrape is work, and comes again by itself."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request

from api.errors import ScrapesFull

AT_ONCE = 2
MOST_WAITING = 32


class Scrapes:
    """The scrapes of one process that read at the moment, and those that wait for their turn."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def turn(self) -> AsyncIterator[None]:
        """Have a turn within; ScrapesFull where too many wait for one."""
        if self._waiting >= MOST_WAITING:
            raise ScrapesFull
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()


async def in_turn(request: Request) -> AsyncIterator[None]:
    """Wait for a turn before there is a transaction, and give it back with that."""
    async for _ in request.app.state.scrapes.turn():
        yield
