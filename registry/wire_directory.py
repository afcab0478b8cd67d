"""The names of protocols in memory: whom a frame speaks for, behind the gateway that sent it.

Few terminals have a name beside their code, so that this is small beside the directory, which
holds it and keeps it current.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg.rows import tuple_row

from foundation import queries
from foundation.database import Connection
from registry.identifiers import WireName
from registry.model import TerminalId

sql = queries.load("registry", "wire_directory.sql")

_Key = tuple[str, str, int]
_ROWS_AT_ONCE = 5_000


class WireDirectory:
    """Codes of terminals by kind, value and gateway."""

    def __init__(self) -> None:
        self._named: dict[_Key, tuple[TerminalId, str]] = {}
        self._keys: dict[TerminalId, tuple[_Key, ...]] = {}

    def __len__(self) -> int:
        """How many names it knows."""
        return len(self._named)

    def find(self, name: WireName, sender: TerminalId) -> str | None:
        """The code of whom `sender` speaks for by this name: one behind it, or itself; never waits.

        None is `wrong_identity`: nobody of that name is behind this gateway.
        """
        called = (name.kind, name.value)
        own = (key for key in self._keys.get(sender, ()) if key[:2] == called)
        known = self._named.get((*called, sender)) or self._named.get(next(own, (*called, -1)))
        return known and known[1]

    async def load(self, conn: Connection) -> None:
        """Read every name, in the caller's snapshot."""
        fresh = WireDirectory()
        async with conn.cursor("wire_names", row_factory=tuple_row) as cursor:
            await cursor.execute(sql.load_wire_names)
            while rows := await cursor.fetchmany(_ROWS_AT_ONCE):
                fresh._take(rows)
        self._named, self._keys = fresh._named, fresh._keys

    async def read_again(self, conn: Connection, ids: Sequence[TerminalId]) -> None:
        """Take over the names of terminals that changed, in the caller's snapshot."""
        async with conn.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(sql.read_wire_names, {"ids": list(ids)})
            rows = await cursor.fetchall()
        for terminal_id in ids:
            for key in self._keys.pop(terminal_id, ()):
                if self._named[key][0] == terminal_id:  # not another one's by now
                    del self._named[key]
        self._take(rows)

    def _take(self, rows: Iterable[tuple[Any, ...]]) -> None:
        for terminal_id, code, kind, value, gateway_id in rows:
            key = (kind, value, gateway_id)
            self._named[key] = terminal_id, code
            self._keys[terminal_id] = (*self._keys.get(terminal_id, ()), key)
