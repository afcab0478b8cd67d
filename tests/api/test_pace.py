"""Work in parts: everything is done, in order, and others have their turn meanwhile."""

import asyncio
import time

from api.live.pace import paced


async def test_others_have_their_turn_between_the_parts() -> None:
    """Of twenty parts of two milliseconds, none follows another at once; nor when time is up."""
    for seconds in (60.0, 0.0):
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        meanwhile = asyncio.create_task(other())
        seen = []
        async for thing in paced(range(20), seconds):
            seen.append((thing, turns))
            time.sleep(0.002)  # noqa: ASYNC251 - this is the work
        meanwhile.cancel()
        assert [thing for thing, _ in seen] == list(range(20))
        assert len({turn for _, turn in seen}) == 20
