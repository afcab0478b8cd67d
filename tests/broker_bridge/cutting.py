"""A network that fails at the worst moment: between the bridge and PostgreSQL, around COMMIT."""

import asyncio
from enum import Enum
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_COMMIT = b"Q\0\0\0\x0bCOMMIT\0"  # PostgreSQL protocol 3.0, simple query


class Cut(Enum):
    """Where the next COMMIT is cut."""

    BEFORE = "before it reaches the server"
    AFTER = "after the server did it, before its answer"


class CuttingProxy:
    """Passes bytes on, until told to cut."""

    def __init__(self, dsn: str) -> None:
        known = conninfo_to_dict(dsn)
        self._server = (str(known["host"]), int(str(known["port"])))
        self._dsn = dsn
        self.cut: Cut | None = None
        self.cuts = 0
        self.copied_only = False
        """Whether only the COMMIT of a connection that copied rows is cut."""
        self.closes = False
        """Whether nobody gets through any more after a cut, until this is taken back."""

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()

    @property
    def dsn(self) -> str:
        """How to connect through it."""
        port = self._listener.sockets[0].getsockname()[1]
        return make_conninfo(self._dsn, host="127.0.0.1", port=port)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.closes and self.cuts:
            writer.close()
            return
        answers, requests = await asyncio.open_connection(*self._server)
        copied = False
        back = asyncio.create_task(_pass_on(answers, writer))
        try:
            while data := await reader.read(65_536):
                copied = copied or b"from stdin" in data.lower()
                wanted = copied or not self.copied_only
                if self.cut is not None and wanted and _COMMIT in data:
                    cut, self.cut = self.cut, None
                    self.cuts += 1
                    if cut is Cut.AFTER:
                        back.cancel()
                        await asyncio.wait([back])
                        requests.write(data)
                        await answers.read(1)  # the server has committed
                    break
                requests.write(data)
                await requests.drain()
        except OSError:
            pass
        finally:
            back.cancel()
            writer.close()
            requests.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
