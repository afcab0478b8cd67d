"""A broker that cuts, or that acknowledges out of turn, cannot make the load count wrongly."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

import mqtt5
import pytest

from deploy.simulator.load import Load, LoadRefused, send
from deploy.simulator.numbered import Numbering
from deploy.simulator.pipe import Account
from deploy.simulator.running import Broker

ACCOUNT = Account("a", "a", ["a"])
NUMBERING = Numbering(base_ms=1_795_000_000_000, step_ms=1000, per_terminal=100)
PAYLOADS = list(NUMBERING.payloads("a"))

# Given a connection's number and the packet ids that came on it: those to acknowledge now, and
# whether to hang up then.
Answer = Callable[[int, list[int]], tuple[Iterable[int], bool]]


@asynccontextmanager
async def scripted(answer: Answer) -> AsyncIterator[tuple[Broker, list[list[bytes]]]]:
    """A peer that answers as told; yields its address and the payloads by connection."""
    came: list[list[bytes]] = []
    serving: list[asyncio.Task[None]] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.create_task(serve(reader, writer)))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await converse(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, ids, rest = len(came), list[int](), b""
        came.append([])
        while data := await read(reader):
            rest += data
            while rest:
                try:
                    packet, length = mqtt5.read(memoryview(rest))
                except IndexError:
                    break
                rest = rest[length:]
                if isinstance(packet, mqtt5.ConnectPacket):
                    writer.write(mqtt5.ConnAckPacket(receive_max=40).write())
                elif isinstance(packet, mqtt5.PublishPacket):
                    assert packet.packet_id is not None
                    ids.append(packet.packet_id)
                    came[number].append(packet.payload)
            acknowledged, hang_up = answer(number, ids)
            for packet_id in acknowledged:
                writer.write(mqtt5.PubAckPacket(packet_id).write())
                ids.remove(packet_id)
            if hang_up:
                break

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Broker("127.0.0.1", port), came
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.wait(serving)


async def read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65_536)
    except ConnectionError:
        return b""


async def sent_to(broker: Broker) -> dict[str, int]:
    go = asyncio.Event()
    go.set()
    sent = await send(Load(broker, [ACCOUNT], NUMBERING, qos=1), go, asyncio.Event())
    return {name: getattr(sent, name) for name in ("messages", "acknowledged", "resent", "cuts")}


async def test_what_was_not_acknowledged_before_a_cut_is_sent_again() -> None:
    """Acknowledged are 15 of 55 sent; from the 16th on everything comes again after the cut."""

    def answer(number: int, ids: list[int]) -> tuple[Iterable[int], bool]:
        if number:
            return list(ids), False
        return (ids[:15], True) if len(ids) == 40 else ((), False)

    async with scripted(answer) as (broker, came):
        counted = await sent_to(broker)

    assert came == [PAYLOADS[:40], PAYLOADS[15:]]
    assert counted == {"messages": 100, "acknowledged": 100, "resent": 40, "cuts": 1}


async def test_no_more_is_in_the_air_than_the_broker_allows() -> None:
    """A Receive Maximum of 40 holds, whatever window was asked for."""
    most = 0

    def answer(_: int, ids: list[int]) -> tuple[Iterable[int], bool]:
        nonlocal most
        most = max(most, len(ids))
        return list(ids) if ids and ids[-1] == 100 else ids[:7], False

    async with scripted(answer) as (broker, _):
        await sent_to(broker)
    assert most == 40


async def test_an_acknowledgement_out_of_turn_ends_the_load() -> None:
    """Counting goes by order; a broker that keeps none would make the count a lie."""

    def answer(_: int, ids: list[int]) -> tuple[Iterable[int], bool]:
        return ids[1:2], False

    async with scripted(answer) as (broker, _):
        with pytest.raises(LoadRefused, match=r"PUBACK 2 .* not 1"):
            await sent_to(broker)
