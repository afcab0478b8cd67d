"""The bridge's place at a broker, taken by a plain subscriber, for the simulator's tests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiomqtt

from tests.conftest import TestBroker

Heard = list[tuple[str, bytes]]


@asynccontextmanager
async def listening(broker: TestBroker) -> AsyncIterator[Heard]:
    """Everything that terminals publish, as (topic, payload), while the block runs."""
    heard: Heard = []

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            heard.append((str(message.topic), message.payload))

    server = broker.server
    async with aiomqtt.Client(
        server.host, server.port, username="bridge-1", password=broker.passwords["bridge-1"]
    ) as client:
        await client.subscribe("m2m/v1/#", qos=1)
        task = asyncio.create_task(listen(client))
        try:
            yield heard
        finally:
            task.cancel()


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until a condition holds; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is awaited lives in other processes
            await asyncio.sleep(0.01)
