"""`python -m deploy.simulator.load`: as many numbered messages as a broker takes, at little cost.

Packets are encoded before the clock starts and written in joined blocks over a few MQTT 5
connections. QoS 0 floods until TCP pushes back; QoS 1 keeps a window, counts PUBACKs in order, and
after a cut goes on from the first message that was not acknowledged. A process of its own, so that
its CPU time stands apart.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import mqtt5
import orjson
import typer
import uvloop

from deploy.simulator.numbered import GAUGES, Gauge, Numbering
from deploy.simulator.pipe import PACKET_IDS, Account, Pipe, keep_connected
from deploy.simulator.running import Broker
from foundation.errors import MusterError, Refused

_PACE_SECONDS = 0.005
_FIRST_ANSWER_SECONDS = 20.0


class LoadRefused(Refused):
    """The broker refused the load generator's connection or one of its messages."""

    code = "load_refused"
    remedy = "Check the accounts file against the broker's accounts."


@dataclass(slots=True)
class Sent:
    """What happened: times are Unix microseconds of the first write and of the last end.

    `acknowledged` counts PUBACKs (QoS 1); `resent` counts messages sent again after a cut;
    `sending_cpu_us` is our own CPU time between first and last.
    """

    messages: int = 0
    bytes: int = 0
    acknowledged: int = 0
    resent: int = 0
    cuts: int = 0
    first_us: int = 0
    last_us: int = 0
    sending_cpu_us: int = 0
    by_account: dict[str, int] = field(default_factory=dict)


def encode(account: Account, numbering: Numbering, prefix: str, qos: int) -> list[bytes]:
    """The PUBLISH packets of one connection, its terminals taking turns."""
    level = mqtt5.QoS(qos)
    streams = [numbering.payloads(terminal) for terminal in account.terminals]
    topics = [f"{prefix}/{terminal}/telemetry" for terminal in account.terminals]
    packets: list[bytes] = []
    for _ in range(numbering.per_terminal):
        for topic, payloads in zip(topics, streams, strict=True):
            packet_id = 1 + len(packets) % PACKET_IDS if qos else None
            packet = mqtt5.PublishPacket(topic, next(payloads), qos=level, packet_id=packet_id)
            packets.append(packet.write())
    return packets


@dataclass(frozen=True, slots=True)
class Load:
    """A whole load: who sends what, and how; `rate` is messages a second, all together."""

    broker: Broker
    accounts: Sequence[Account]
    numbering: Numbering
    qos: int = 1
    window: int = 500
    rate: float | None = None


async def send(load: Load, go: asyncio.Event, announce_ready: asyncio.Event) -> Sent:
    """Encode, connect, say so, wait for `go`, send everything; raises `LoadRefused`."""
    pipes = [
        Pipe(a, encode(a, load.numbering, load.broker.prefix, load.qos), load.qos, load.window)
        for a in load.accounts
    ]
    keepers = [asyncio.create_task(keep_connected(pipe, load.broker)) for pipe in pipes]
    try:
        try:
            async with asyncio.timeout(_FIRST_ANSWER_SECONDS):
                for pipe in pipes:
                    await pipe.ready.wait()
                    _raise_refusal(pipe)
        except TimeoutError:
            raise LoadRefused("The broker does not answer.") from None
        announce_ready.set()
        await go.wait()
        sent = Sent(first_us=time.time_ns() // 1000)
        encoded_at = time.process_time_ns()
        for pipe in pipes:
            pipe.start(0 if load.rate else None)
        pacer = asyncio.create_task(_pace(pipes, load.rate)) if load.rate else None
        for pipe in pipes:
            await pipe.done.wait()
            _raise_refusal(pipe)
        sent.last_us = time.time_ns() // 1000
        sent.sending_cpu_us = (time.process_time_ns() - encoded_at) // 1000
        if pacer is not None:
            await pacer
    finally:
        for pipe in pipes:
            pipe.close()
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
    return _counted(sent, load, pipes)


def _raise_refusal(pipe: Pipe) -> None:
    if pipe.refusal is not None:
        raise LoadRefused(f"The broker refused the load: {pipe.refusal}.")


def _counted(sent: Sent, load: Load, pipes: Sequence[Pipe]) -> Sent:
    for account, pipe in zip(load.accounts, pipes, strict=True):
        sent.messages += len(pipe.packets)
        sent.bytes += sum(map(len, pipe.packets))
        sent.acknowledged += pipe.acknowledged
        sent.resent += pipe.resent
        sent.cuts += pipe.cuts
        sent.by_account[account.username] = len(pipe.packets)
    return sent


async def _pace(pipes: Sequence[Pipe], rate: float) -> None:
    """Let each pipe write its even share of `rate` messages a second."""
    began = time.monotonic()
    while not all(pipe.done.is_set() for pipe in pipes):
        for pipe in pipes:
            pipe.allow(1 + int(rate / len(pipes) * (time.monotonic() - began)))
        await asyncio.sleep(_PACE_SECONDS)


def read_accounts(path: Path, at_most: int | None = None) -> list[Account]:
    """The accounts of a JSON lines file: `username`, `password`, `terminals`, or a fleet file's
    `code` and `password`, each code speaking for itself."""
    accounts = []
    for line in path.read_bytes().splitlines()[:at_most]:
        fields = orjson.loads(line)
        name = fields.get("username") or fields["code"]
        accounts.append(Account(name, fields["password"], fields.get("terminals") or [name]))
    return accounts


def main(
    broker: Annotated[str, typer.Option(help="mqtt://host:port")],
    accounts: Annotated[Path, typer.Option(help="Accounts or fleet file (JSON lines).")],
    messages: Annotated[int, typer.Option(help="Messages of each terminal.", min=1)],
    qos: Annotated[int, typer.Option(min=0, max=1)] = 1,
    window: Annotated[int, typer.Option(help="Unacknowledged messages a connection.")] = 500,
    rate: Annotated[float | None, typer.Option(help="Messages a second, all together.")] = None,
    base_ms: Annotated[int | None, typer.Option(help="First time, Unix ms.")] = None,
    step_ms: Annotated[int, typer.Option(help="Between a terminal's messages.", min=1)] = 1000,
    gauges: Annotated[str | None, typer.Option(help="name:low:high:decimals,...")] = None,
    prefix: Annotated[str, typer.Option(help="Topic prefix.")] = "m2m/v1",
    connections: Annotated[int | None, typer.Option(help="Use the first N accounts.")] = None,
    wait: Annotated[bool, typer.Option(help="Say ready, then wait for a line on stdin.")] = False,
) -> None:
    """Send numbered load and print one JSON line with what was sent."""
    start_ms = int(time.time() * 1000) - messages * step_ms if base_ms is None else base_ms
    load = Load(
        Broker.at(broker, prefix),
        read_accounts(accounts, connections),
        Numbering(start_ms, step_ms, messages, read_gauges(gauges) if gauges else GAUGES),
        qos,
        window,
        rate,
    )
    try:
        sent = uvloop.run(_sent(load, wait))
    except MusterError as error:
        typer.echo(f"{error} {error.hint}", err=True)
        raise typer.Exit(3) from None
    typer.echo(orjson.dumps(asdict(sent)).decode())


def read_gauges(text: str) -> tuple[Gauge, ...]:
    """Gauges from `name:low:high:decimals`, joined by commas."""
    parts = (gauge.split(":") for gauge in text.split(","))
    return tuple(Gauge(n, float(low), float(high), int(d)) for n, low, high, d in parts)


async def _sent(load: Load, wait: bool) -> Sent:
    ready, go = asyncio.Event(), asyncio.Event()

    async def starter() -> None:
        await ready.wait()
        if wait:
            typer.echo('{"ready":true}')
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        go.set()

    waiting = asyncio.create_task(starter())
    try:
        return await send(load, go, ready)
    finally:
        waiting.cancel()


if __name__ == "__main__":
    typer.run(main)
