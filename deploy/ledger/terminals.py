"""The terminals of a ledger, one process: each numbers its messages and keeps them for a receipt.

What has no receipt is sent again after each connection, and when no receipt has come for a while:
the oldest first and never more than a few ahead of the receipts, or a fleet that sends all it keeps
again would keep a platform that is behind from ever catching up.
Prints a JSON line a second with what it has done so far; a line on its standard input ends the
load, and the last line comes when every message has its receipt.
"""

import asyncio
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import mqtt5
import orjson
import typer
import uvloop

from deploy.ledger.script import Kind, Script

_PREFIX = "m2m/v1"
_MOST_KEPT = 2000  # by one terminal; then it stops measuring until a receipt comes
_WINDOW = 20  # sent ahead of the receipts, at least; and at least what is measured in so long:
_WINDOW_SECONDS = 4  # a receipt comes each second
_CHUNK = 64
_TICK_SECONDS = 0.02
_RETRY_SECONDS = 0.5
_RESEND_SECONDS = (10.0, 160.0)  # doubled from the first to the second
_KEEP_ALIVE_SECONDS = 10


@dataclass(slots=True)
class Told:
    """What all terminals did so far: messages first sent, sent again, receipted, refused."""

    sent: int = 0
    resent: int = 0
    receipted: int = 0
    refused: int = 0
    cuts: int = 0
    kept: int = 0
    counts: list[int] = field(default_factory=list)


class Terminal(asyncio.Protocol):
    """One terminal: its connection, its number and what it keeps."""

    def __init__(
        self, script: Script, number: int, code: str, boot: str, *, window: int, plain: bool
    ) -> None:
        self._window = window
        self._plain = plain
        self._awaiting: deque[tuple[int, int]] = deque()
        self._script = script
        self._number = number
        self.code = code
        self._boot = boot
        self._topic = f"{_PREFIX}/{code}/telemetry"
        self._receipts = f"{_PREFIX}/{code}/receipt"
        self.last = 0
        self.resent = 0
        self.receipted = 0
        self.refused = 0
        self.cuts = 0
        self.kept: deque[tuple[int, bytes, int]] = deque()
        self.lost = asyncio.Event()
        self._ahead: deque[tuple[bytes, int]] = deque()
        self._transport: asyncio.Transport | None = None
        self._ready = False
        self._rest = b""
        self._packet_id = 0
        self._progress_at = 0.0
        self._patience = _RESEND_SECONDS[0]
        self._ahead_of_receipts = 0
        self._settled = 0

    # What it measures.

    def measure(self) -> None:
        """One message more, unless it keeps too many already."""
        if len(self.kept) >= _MOST_KEPT:
            return
        if not self._ahead:
            said = self._script.messages(self._number, self.last + 1, _CHUNK)
            payloads = self._script.payloads(self._number, self._boot, self.last + 1, _CHUNK)
            self._ahead.extend(zip(payloads, said.kinds.tolist(), strict=True))
        payload, kind = self._ahead.popleft()
        self.last += 1
        if kind == Kind.GIVEN_UP:
            return
        if not self.kept:
            self._progress_at = time.monotonic()
        self.kept.append((self.last, payload, kind))
        self._pump()

    def look_after(self) -> None:
        """Send again what should have its receipt by now, and keep the connection alive."""
        late = self.kept and time.monotonic() - self._progress_at > self._patience
        if late and self._ready:
            self._patience = min(2 * self._patience, _RESEND_SECONDS[1])
            self._send_again()

    def _send_again(self) -> None:
        self._progress_at = time.monotonic()
        self.resent += self._ahead_of_receipts
        self._ahead_of_receipts = 0
        self._pump()

    def _pump(self) -> None:
        """Send what is next, as far as the window lets us."""
        while self._ready and self._ahead_of_receipts < min(len(self.kept), self._window):
            self._publish(*self.kept[self._ahead_of_receipts])
            self._ahead_of_receipts += 1

    def _publish(self, number: int, payload: bytes, kind: int) -> None:
        assert self._transport is not None
        if self._tells_of_a_gap(number):
            payload = b'{"from":%d,%b' % (number, payload[1:])
        for _ in range(2 if kind == Kind.TWICE else 1):
            self._packet_id = self._packet_id % 65_000 + 1
            if self._plain:
                self._awaiting.append((self._packet_id, number))
            packet = mqtt5.PublishPacket(
                self._topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=self._packet_id
            )
            self._transport.write(packet.write())

    def _tells_of_a_gap(self, number: int) -> bool:
        """Whether this is the oldest that we keep, and the one before was given up."""
        return number == self.kept[0][0] != self._settled + 1

    # The connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._rest = b""
        self._awaiting.clear()
        self._transport.write(
            mqtt5.ConnectPacket(
                self.code,
                username=self.code,
                password=self.code.encode(),
                clean_start=True,
                keep_alive=_KEEP_ALIVE_SECONDS,
            ).write()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport, self._ready = None, False
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        self._rest += data
        view, position = memoryview(self._rest), 0
        while position < len(self._rest):
            try:
                packet, length = mqtt5.read(view[position:])
            except IndexError:
                break
            position += length
            self._take(packet)
        self._rest = self._rest[position:]

    def ping(self) -> None:
        """Say that we are there; a broker that says nothing back is left by its transport."""
        if self._transport is not None and self._ready:
            self._transport.write(mqtt5.PingReqPacket().write())

    def drop(self) -> None:
        """Cut the connection, as a bad network does."""
        if self._transport is not None:
            self._transport.abort()

    def _take(self, packet: mqtt5.Packet) -> None:
        if isinstance(packet, mqtt5.ConnAckPacket):
            if packet.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
                self.drop()
                return
            wanted = mqtt5.TopicFilter(self._receipts, max_qos=mqtt5.QoS.AT_LEAST_ONCE)
            assert self._transport is not None
            self._transport.write(mqtt5.SubscribePacket(65_535, [wanted]).write())
        elif isinstance(packet, mqtt5.SubAckPacket):
            self._ready = True
            self._send_again()
        elif isinstance(packet, mqtt5.PublishPacket):
            if packet.packet_id is not None and self._transport is not None:
                self._transport.write(mqtt5.PubAckPacket(packet.packet_id).write())
            if not self._plain:
                self._receive(orjson.loads(packet.payload or b"{}"))
        elif isinstance(packet, mqtt5.PubAckPacket) and self._plain:
            while self._awaiting and self._awaiting[0][0] != packet.packet_id:
                self._awaiting.popleft()
            _, number = self._awaiting.popleft()
            if not self._awaiting or self._awaiting[0][1] != number:
                self._forget(number)

    def _receive(self, receipt: dict[str, object]) -> None:
        if receipt.get("boot") != self._boot:
            return
        self.refused += len(cast("list[object]", receipt.get("refused") or []))
        self._forget(cast("int", receipt.get("seq") or 0))

    def _forget(self, upto: int) -> None:
        if upto <= self._settled:
            return
        self._settled = upto
        while self.kept and self.kept[0][0] <= upto:
            self.kept.popleft()
            self._ahead_of_receipts = max(0, self._ahead_of_receipts - 1)
            self.receipted += 1
            self._progress_at, self._patience = time.monotonic(), _RESEND_SECONDS[0]
        # Sent before it was the oldest, it told of no gap: nobody waits for what we do not have.
        if self._ready and self._ahead_of_receipts and self._tells_of_a_gap(self.kept[0][0]):
            self._publish(*self.kept[0])
        self._pump()


async def _keep_connected(terminal: Terminal, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    while True:
        terminal.lost.clear()
        try:
            async with asyncio.timeout(_KEEP_ALIVE_SECONDS):
                await loop.create_connection(lambda: terminal, host, port)
            await terminal.lost.wait()
        except (OSError, TimeoutError):
            pass
        terminal.cuts += 1
        await asyncio.sleep(_RETRY_SECONDS)


def told(terminals: list[Terminal]) -> Told:
    """The sum of what they did."""
    return Told(
        sent=sum(t.last for t in terminals),
        resent=sum(t.resent for t in terminals),
        receipted=sum(t.receipted for t in terminals),
        refused=sum(t.refused for t in terminals),
        cuts=sum(t.cuts for t in terminals),
        kept=sum(len(t.kept) for t in terminals),
        counts=[t.last for t in terminals],
    )


async def _play(terminals: list[Terminal], host: str, port: int, rate: float) -> None:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.remove_reader(sys.stdin)
        ending.set()

    loop.add_reader(sys.stdin, end)
    keepers = [asyncio.create_task(_keep_connected(t, host, port)) for t in terminals]
    measured_at = said_at = time.monotonic()
    turn, due = 0, 0.0
    while not ending.is_set() or any(t.kept for t in terminals):
        await asyncio.sleep(_TICK_SECONDS)
        now = time.monotonic()
        if not ending.is_set():
            # What could not be measured in time is not caught up beyond a second.
            due = min(due + rate * (now - measured_at), rate)
            measured_at = now
            for _ in range(int(due)):
                terminals[turn % len(terminals)].measure()
                turn += 1
            due -= int(due)
        if now - said_at >= 1:
            said_at = now
            for terminal in terminals:
                terminal.look_after()
                terminal.ping()
            _say(told(terminals))
    for keeper in keepers:
        keeper.cancel()
    _say(told(terminals))


def _say(document: Told) -> None:
    sys.stdout.write(orjson.dumps(document).decode() + "\n")
    sys.stdout.flush()


def main(
    host: str,
    port: int,
    codes: Path,
    seed: int,
    base_ms: int,
    rate: float,
    plain: bool = False,
) -> None:
    """Play the terminals of the file `codes` (one a line, its own password) at `rate` in all.

    Plain ones wait for the PUBACK instead of the receipt.
    """
    script = Script(seed, base_ms)
    names = codes.read_text("ascii").split()
    window = max(_WINDOW, int(_WINDOW_SECONDS * rate / len(names)))
    terminals = [
        Terminal(script, number, code, f"boot-{seed}", window=window, plain=plain)
        for number, code in enumerate(names)
    ]
    uvloop.run(_play(terminals, host, port, rate))


if __name__ == "__main__":
    typer.run(main)
