"""The tabs of `muster bench tabs`: as many overviews as terminals, in one process.

`python -m deploy.bench.tab_readers PORT` takes keys and terminals as a JSON line on its standard
input, and says that all are open; at each next line it says what came, and how many pages did.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.bench.live_readers import Reader, opened

_EVERY_SECONDS = 10.0
_LEAST_SECONDS = 1.0
_OVERVIEW = (
    ("/", "div#live"),
    ("/overview/silent", "div#silent"),
    ("/overview/alarms", "div#alarms"),
)


@dataclass
class Line:
    """A connection on which pages are asked for one after the other, as htmx does."""

    port: int
    key: str
    pages: Counter[str]
    ends: list[str]

    async def ask(self, wanted: Sequence[tuple[str, str]], name: str) -> None:
        """Ask for these parts of a page; what is not answered by one is an end."""
        body, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for path, target in wanted:
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.key}\r\n"
                f"HX-Request: true\r\nHX-Target: {target}\r\n\r\n".encode()
            )
            head = (await body.readuntil(b"\r\n\r\n")).decode().lower()
            length = next(
                int(line.partition(":")[2])
                for line in head.split("\r\n")
                if line.startswith("content-length:")
            )
            page = await body.readexactly(length)
            if (
                " 200 " not in head.partition("\r\n")[0]
                or target.partition("#")[2].encode() not in page
            ):
                self.ends.append(f"{path}: {head.partition(chr(13))[0]}")
            self.pages[name] += 1
        writer.close()


@dataclass
class Tab(Reader):
    """A terminal's page: what a reading on its stream has it ask for."""

    line: Line | None = None
    asked_for: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, said: bytes) -> None:
        before = len(self.got)
        super().take(said)
        if len(self.got) > before:
            self.asked_for.set()

    async def show(self) -> None:
        """Ask for the newest values when a reading came, once a second at most."""
        assert self.line is not None
        while True:
            await self.asked_for.wait()
            self.asked_for.clear()
            await self.line.ask([(f"/terminals/{self.terminals[0]}", "div#latest")], "terminal")
            await asyncio.sleep(_LEAST_SECONDS)


async def _overview(line: Line, after: float) -> None:
    await asyncio.sleep(after)
    while True:
        await line.ask(_OVERVIEW, "overview")
        await asyncio.sleep(_EVERY_SECONDS)


async def read(port: int, asked: dict[str, Any]) -> None:
    """Open all of them, some at a time, and tell."""
    keys, pages = asked["keys"], Counter[str]()
    tabs = []
    for k, code in enumerate(asked["terminals"]):
        tab = Tab(keys[k % len(keys)], [code], asked["metric"])
        tab.line = Line(port, tab.key, pages, tab.ends)
        tabs.append(tab)
    running = await opened(tabs, port)
    running += [asyncio.create_task(tab.show()) for tab in tabs]
    running += [
        asyncio.create_task(_overview(tab.line, _EVERY_SECONDS * k / len(tabs)))
        for k, tab in enumerate(tabs)
        if tab.line is not None
    ]
    _say({"open": sum(not tab.ends for tab in tabs)})
    while await asyncio.to_thread(sys.stdin.readline):
        ends = [end for tab in tabs for end in tab.ends]
        _say({"got": [tab.got for tab in tabs], "ends": ends, "pages": pages})
    for task in running:
        task.cancel()


def _say(said: object) -> None:
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(read(int(sys.argv[1]), json.loads(sys.stdin.readline())))
