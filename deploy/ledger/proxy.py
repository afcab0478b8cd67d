"""A TCP connection that can be made to fail: between any two parts of the house."""

import asyncio
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Self

Task = asyncio.Task[None]

_READ_BYTES = 65_536
_ARRIVAL_SECONDS = 0.5  # what a request that is cut off behind has to arrive and be acted on
_THROTTLED_BYTES_PER_SECOND = 8_000
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends RST


class Mode(StrEnum):
    """What becomes of bytes."""

    THROUGH = "through"
    BLACK_HOLE = "black_hole"
    """Read and forgotten, both ways, without a word: a network that swallows packets."""
    HALF_OPEN = "half_open"
    """Requests arrive, answers are swallowed."""
    SLICES = "slices"
    """One byte at a time."""
    THROTTLED = "throttled"
    """64 kbit/s."""


class Proxy:
    """Listens on a port of its own and carries what comes there to `host`:`port`.

    It runs in a thread, so that it goes on while who strikes with it waits.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._mode = Mode.THROUGH
        self._cut_at: bytes | None = None
        self.cuts = 0
        self._hold_at: bytes | None = None
        self.held = 0
        """How many requests were held, those that were let go included."""
        self._gates: deque[asyncio.Event] = deque()
        self.port = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def set(self, mode: Mode) -> None:
        """From now on, also for connections that stand.

        What was swallowed is gone: connections that lost bytes are reset when it passes again, as
        a firewall that forgot them would.
        """
        lossy = self._mode in (Mode.BLACK_HOLE, Mode.HALF_OPEN)
        self._mode = mode
        if mode is Mode.THROUGH and lossy:
            self.reset()

    def reset(self) -> None:
        """Cut every connection with RST."""
        self._do(self._reset)

    def cut_once_at(self, pattern: bytes) -> None:
        """Cut a connection when its request holds `pattern`: that arrives, its answer does not."""
        self._cut_at = pattern

    def hold_at(self, pattern: bytes | None) -> None:
        """Keep each request that holds `pattern`, until it is let go; None keeps no more."""
        self.held = 0
        self._hold_at = pattern
        if pattern is None:
            self._do(self._let_all_go)

    def let_one_go(self) -> None:
        """Pass on the request that was held first."""
        self._do(lambda: self._gates.popleft().set())

    def _let_all_go(self) -> None:
        while self._gates:
            self._gates.popleft().set()

    def _do(self, act: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(act)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _end(self) -> None:
        self._server.close()
        self._reset()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _reset(self) -> None:
        for writer in self._open:
            connected: socket.socket | None = writer.get_extra_info("socket")
            if connected is not None and connected.fileno() >= 0:
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, requests = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = (writer, requests)
        self._open.update(ends)
        there = asyncio.create_task(self._pass_on(answers, writer))
        here = asyncio.create_task(self._pass_requests(reader, requests, there))
        try:
            await asyncio.wait((here, there), return_when=asyncio.FIRST_COMPLETED)
            if there.cancelled():  # a cut: the request shall arrive first
                await asyncio.wait((here,))
        except asyncio.CancelledError:  # the proxy ends; a server's task may not say so itself
            return
        finally:
            here.cancel()
            there.cancel()
            await asyncio.gather(here, there, return_exceptions=True)
            for end in ends:
                end.transport.abort()
                self._open.discard(end)

    async def _pass_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: Task
    ) -> None:
        while data := await reader.read(_READ_BYTES):
            if self._cut_at is not None and self._cut_at in data:
                self._cut_at = None
                self.cuts += 1
                answers.cancel()
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(_ARRIVAL_SECONDS)
                return
            if self._hold_at is not None and self._hold_at in data:
                gate = asyncio.Event()
                self._gates.append(gate)
                self.held += 1
                await gate.wait()
            await self._write(writer, data)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_READ_BYTES):
            if self._mode is not Mode.HALF_OPEN:
                await self._write(writer, data)

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        match self._mode:
            case Mode.BLACK_HOLE:
                return
            case Mode.SLICES:
                for k in range(len(data)):
                    writer.write(data[k : k + 1])
                    await writer.drain()
            case Mode.THROTTLED:
                writer.write(data)
                await asyncio.sleep(len(data) / _THROTTLED_BYTES_PER_SECOND)
            case _:
                writer.write(data)
        await writer.drain()
