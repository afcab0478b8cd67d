"""The readers of `muster bench live`: many streams in one process, and what each of them got.

`python -m deploy.bench.live_readers PORT` takes keys and terminals as a JSON line on its standard
input, and says that all streams are open; at the next line it says what has come.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

_AT_ONCE = 20
_BEGIN = b"event: "
_READING = b"event: reading"


@dataclass
class Reader:
    """One stream: the number in each reading that it got."""

    key: str
    terminals: Sequence[str]
    metric: str
    got: list[int] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, port: int) -> None:
        """Read until the stream ends."""
        body, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET /api/v1/live?terminals={','.join(self.terminals)} HTTP/1.1\r\n"
            f"Host: 127.0.0.1\r\nAuthorization: Bearer {self.key}\r\n\r\n".encode()
        )
        head = await body.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            self.ends.append(head.decode().partition("\r\n")[0])
            self.opened.set()
            return
        rest = b""
        while (size := int((await body.readline()).strip() or b"0", 16)) > 0:
            *said, rest = (rest + await body.readexactly(size)).split(b"\n\n")
            await body.readline()
            for one in said:
                self.take(one)

    def take(self, said: bytes) -> None:
        """One event."""
        self.opened.set()
        _, _, data = said.partition(b"\ndata: ")
        if _READING in said:
            self.got.append(round(orjson.loads(data)["values"][self.metric]))
        elif _BEGIN + b"gap" in said or _BEGIN + b"end" in said:
            self.ends.append(data.decode())


async def opened(readers: Sequence[Reader], port: int) -> list[asyncio.Task[None]]:
    """Have all of them follow, some at a time."""
    following = []
    for first in range(0, len(readers), _AT_ONCE):
        some = readers[first : first + _AT_ONCE]
        following += [asyncio.create_task(reader.follow(port)) for reader in some]
        for reader in some:
            await reader.opened.wait()
    return following


async def read(port: int, asked: dict[str, Any]) -> None:
    """Open all of them, and tell."""
    readers = [
        Reader(asked["keys"][k % len(asked["keys"])], terminals, asked["metric"])
        for k, terminals in enumerate(asked["streams"])
    ]
    following = await opened(readers, port)
    _say({"open": sum(not reader.ends for reader in readers)})
    while await asyncio.to_thread(sys.stdin.readline):
        _say({"got": [r.got for r in readers], "ends": [end for r in readers for end in r.ends]})
    for task in following:
        task.cancel()


def _say(said: object) -> None:
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(read(int(sys.argv[1]), json.loads(sys.stdin.readline())))
