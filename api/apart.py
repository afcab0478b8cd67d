"""Streams that end well when their reader is gone."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeVar

Item = TypeVar("Item")

_ending: set[asyncio.Task[Any]] = set()


async def apart(items: AsyncIterator[Item]) -> AsyncIterator[Item]:
    """The same items, each made in a task of its own, which is cancelled once when the reader goes.

    A streamed answer whose reader hangs up is cancelled again and again until it ends (anyio); what
    waits for the database must not be disturbed while it cancels its query.
    """
    while True:
        making = asyncio.create_task(_next(items))
        try:
            made = await asyncio.shield(making)
        except asyncio.CancelledError:
            _ending.add(making)
            making.add_done_callback(_ended)
            making.cancel()
            raise
        if not made:
            return
        yield made[0]


async def _next(items: AsyncIterator[Item]) -> tuple[Item] | None:
    try:
        return (await anext(items),)
    except StopAsyncIteration:
        return None


def _ended(task: asyncio.Task[Any]) -> None:
    _ending.discard(task)
    if not task.cancelled():
        task.exception()  # nobody is there any more to be told
