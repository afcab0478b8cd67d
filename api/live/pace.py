"""Work for many streams in small parts, so that the same loop answers requests between them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

Thing = TypeVar("Thing")

_PART_SECONDS = 0.001
_FREE = 4  # times as long as a part took


async def paced(things: Iterable[Thing], seconds: float) -> AsyncIterator[Thing]:
    """Each of these; what is done with them takes a fifth of the loop's time.

    Once so many `seconds` are gone, the rest is done without waiting, still in parts.
    """
    began = part = time.perf_counter()
    for thing in things:
        yield thing
        now = time.perf_counter()
        if now - part > _PART_SECONDS:
            in_time = now - began < seconds
            await asyncio.sleep(_FREE * (now - part) if in_time else 0)
            part = time.perf_counter()
