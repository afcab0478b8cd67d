"""What the tests of live streams do: feed what a bridge would commit, and read a stream."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from fastapi import FastAPI

from registry import profiles
from registry.model import DeviceProfile
from telemetry.model import Event, Value
from telemetry.sight import unix_us
from telemetry.writer import Writer
from tests.api.served import served
from tests.api.world import SYSTEM, World, minutes_ago
from tests.telemetry.ground import connected, rows_of, writing

LIVE = "/api/v1/live"
PATIENCE_SECONDS = 60
BASE_US = unix_us(minutes_ago(50))


@dataclass(frozen=True, slots=True)
class Said:
    """One event of a stream; a beat has no kind."""

    kind: str
    data: Any
    id: str | None


@dataclass
class Reader:
    """The client's end of a stream."""

    status: int
    headers: dict[str, str]
    body: asyncio.StreamReader
    last_id: str | None = None
    got: list[Said] = field(default_factory=list)

    async def next(self) -> Said | None:
        """The next event or beat; None when the stream has ended."""
        lines: list[bytes] = []
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (line := await self._line()) != b"\n":
                    if not line:
                        return None
                    lines.append(line.rstrip(b"\n"))
        except ConnectionResetError:
            return None
        fields = dict(line.split(b": ", 1) for line in lines if b": " in line)
        told = fields.get(b"id")
        self.last_id = told.decode() if told else self.last_id
        said = Said(
            fields.get(b"event", b"").decode(),
            orjson.loads(fields.get(b"data", b"null")),
            told.decode() if told else None,
        )
        self.got.append(said)
        return said

    async def until(self, kind: str, most: int = 1) -> list[Said]:
        """So many events of a kind, whatever comes between."""
        found: list[Said] = []
        while len(found) < most:
            said = await self.next()
            assert said is not None, f"the stream ended after {self.got[-3:]}"
            if said.kind == kind:
                found.append(said)
        return found

    async def rest(self) -> list[Said]:
        """All that comes until the end."""
        found = []
        while (said := await self.next()) is not None:
            found.append(said)
        return found

    async def problem(self) -> Any:
        """What a refusal says."""
        return orjson.loads(await self.body.readexactly(int(self.headers["content-length"])))

    async def _line(self) -> bytes:
        """A line of the body, out of its chunks."""
        while b"\n" not in self._buffer:
            size = (await self.body.readline()).strip()
            if not size or size == b"0":
                return b""
            chunk = await self.body.readexactly(int(size, 16))
            await self.body.readline()
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line + b"\n"

    _buffer: bytes = b""


@asynccontextmanager
async def following(
    port: int,
    key: str,
    headers: dict[str, str] | None = None,
    limit: int = 2**16,
    **query: object,
) -> AsyncIterator[Reader]:
    """A stream, its head read; the connection ends with it."""
    body, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
    lines = [
        f"GET {LIVE}?{urlencode(query)} HTTP/1.1",
        "Host: 127.0.0.1",
        *([f"Authorization: Bearer {key}"] if key else []),
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = (await body.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        told = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        yield Reader(int(head[0].split()[1]), told, body)
    finally:
        writer.close()


@dataclass
class Bridge:
    """A bridge that has a number for each reading: `volts` says which one it is."""

    house: World
    writer: Writer
    meter: DeviceProfile
    tracker: DeviceProfile
    number: int = 0

    async def say(self, *codes: str, us: int | None = None, **values: Value) -> list[int]:
        """A batch: of each of these meters the next reading; gives their numbers."""
        readings, numbers = [], []
        for code in codes:
            self.number += 1
            numbers.append(self.number)
            said = {"voltage_a": float(self.number), **values}
            when = BASE_US + self.number * 1000 if us is None else us + self.number
            readings.append((self.house.ids[code], when, said))
        async with self.writer.transaction() as work:
            await work.store(rows_of(self.meter, readings))
        return numbers

    async def happen(self, code: str, event: str, text: str | None = None, **data: Value) -> None:
        """An event at a terminal, now."""
        self.number += 1
        when = BASE_US + self.number * 1000
        written = orjson.dumps(data).decode() if data else None
        async with self.writer.transaction() as work:
            await work.record(
                [Event(self.house.ids[code], when, when + 3_000_000, event, "minor", text, written)]
            )


@asynccontextmanager
async def bridging(house: World, name: str = "bridge-1") -> AsyncIterator[Bridge]:
    """A bridge of the small world."""
    async with connected(house.database.api) as conn:
        found = {profile.code: profile for profile in await profiles.list_all(conn, SYSTEM)}
    async with writing(house.database, name) as writer:
        yield Bridge(house, writer, found["smart_meter"], found["vehicle_tracker"])


def numbers(said: Sequence[Said]) -> list[int]:
    """Which readings of a bridge these are."""
    return [round(one.data["values"]["voltage_a"]) for one in said if one.kind == "reading"]


@pytest.fixture
async def bridge(house: World) -> AsyncIterator[Bridge]:
    """A bridge."""
    async with bridging(house) as found:
        yield found


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    """Where the application is served."""
    async with served(app) as found:
        yield found
