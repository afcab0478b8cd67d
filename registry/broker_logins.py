"""Who may connect to a broker that asks us: looked up many at a time, kept for a short while.

One connection serves a process, however many terminals come at once: what is asked while a look-up
is under way is asked together in the next one. It reads the feed of changes between look-ups, so
that nothing that changed is answered from memory; without the feed nothing is, after three seconds.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from math import inf

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from foundation import queries
from foundation.database import KEEPALIVES, Connection, configure
from foundation.errors import MusterError, Unavailable
from foundation.logs import get_logger
from foundation.shutdown import paused
from registry.refused_logins import RefusedLogins

sql = queries.load("registry", "credentials.sql")

KEPT_SECONDS = 60.0
ABSENT_SECONDS = 5.0
TRUSTED_SECONDS = 3.0
"""How long after the last word of the feed what is in memory still counts."""

_POLL_SECONDS = 0.5
_RETRY_SECONDS = 0.5
_PATIENCE_SECONDS = 2.0
_KEEP_SECONDS = 2.0
_MOST_KEPT = 100_000
_MOST_AT_ONCE = 1000
_MOST_WAITING = 20_000
_log = get_logger("registry.broker_logins")


@dataclass(frozen=True, slots=True)
class Login:
    """A terminal that may connect: by a password in force since `issued_at`, by certificate."""

    id: int
    code: str
    verifier: str | None
    issued_at: datetime | None
    certified: bool


class BrokerLogins:
    """Keep `follow` running, then `find`; it also writes down who was `refused`."""

    def __init__(self) -> None:
        self.refused = RefusedLogins()
        self._kept_at = -inf
        self._kept: OrderedDict[str, tuple[float, Login | None]] = OrderedDict()
        self._codes: dict[int, str] = {}
        self._wanted: dict[str, asyncio.Future[Login | None]] = {}
        self._woken = asyncio.Event()
        self._position = "0"
        self._heard_at = -inf

    @property
    def heard_seconds(self) -> float:
        """How long ago the feed of changes was read."""
        return time.monotonic() - self._heard_at

    async def find(self, code: str) -> Login | None:
        """The login of that name, None when it may not connect; Unavailable when nobody knows."""
        kept = self._kept.get(code)
        now = time.monotonic()
        if kept is not None and now < kept[0] and now - self._heard_at < TRUSTED_SECONDS:
            self._kept.move_to_end(code)
            return kept[1]
        asked = self._wanted.get(code)
        if asked is None:
            if len(self._wanted) >= _MOST_WAITING:
                raise Unavailable("Too many terminals ask to be let in at once.")
            asked = self._wanted[code] = asyncio.get_running_loop().create_future()
            self._woken.set()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await asyncio.shield(asked)
        except TimeoutError:
            raise Unavailable("The registry does not say who may connect.") from None

    async def follow(self, dsn: str, stop: asyncio.Event) -> None:
        """Look up and keep up until `stop`; a database that goes away is waited for."""
        while not stop.is_set():
            try:
                async with await _connect(dsn) as conn:
                    await self._serve(conn, stop)
            except (psycopg.Error, MusterError) as error:
                _log.warning("registry_not_followed", reason=str(error).strip())
                await paused(stop, _RETRY_SECONDS)

    async def _serve(self, conn: Connection, stop: asyncio.Event) -> None:
        self._kept.clear()  # what changed while we did not listen is not known
        self._codes.clear()
        row = await (await conn.execute(sql.broker_position)).fetchone()
        assert row is not None
        self._position = row["position"]
        while not stop.is_set():
            if self.heard_seconds >= _POLL_SECONDS:
                await self._catch_up(conn)
            if time.monotonic() - self._kept_at >= _KEEP_SECONDS:
                await self.refused.keep(conn)
                self._kept_at = time.monotonic()
            if self._wanted:
                await self._look_up(conn, list(self._wanted)[:_MOST_AT_ONCE])
                continue
            self._woken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._woken.wait()
        await self.refused.keep(conn)

    async def _catch_up(self, conn: Connection) -> None:
        asked_at = time.monotonic()
        changed = await conn.execute(sql.broker_changes, {"since": self._position})
        row = await changed.fetchone()
        assert row is not None
        for terminal_id in row["terminals"]:
            self._kept.pop(self._codes.pop(terminal_id, ""), None)
        self._position = row["position"]
        self._heard_at = asked_at

    async def _look_up(self, conn: Connection, codes: Sequence[str]) -> None:
        """Answer who asked for these; what is read here may change only after the next feed."""
        rows = await conn.execute(sql.broker_logins, {"codes": codes})
        found = {row["code"]: Login(**row) async for row in rows}
        now = time.monotonic()
        for code in codes:
            login = found.get(code)
            self._kept.pop(code, None)
            self._kept[code] = (now + (KEPT_SECONDS if login else ABSENT_SECONDS), login)
            if login is not None:
                self._codes[login.id] = code
            asked = self._wanted.pop(code)
            if not asked.done():
                asked.set_result(login)
        while len(self._kept) > _MOST_KEPT:
            _, (_, forgotten) = self._kept.popitem(last=False)
            if forgotten is not None:
                self._codes.pop(forgotten.id, None)


async def _connect(dsn: str) -> Connection:
    conn = await AsyncConnection.connect(
        dsn, row_factory=dict_row, application_name="muster broker hooks", **KEEPALIVES
    )
    await configure(conn, _PATIENCE_SECONDS)
    await conn.set_autocommit(True)
    return conn
