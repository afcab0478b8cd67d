"""Every terminal in memory for the message path: found by code at once, current within a second."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from typing import Any

import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row, tuple_row

from foundation import queries
from foundation.database import KEEPALIVES, Connection, Pool, configure, transaction
from foundation.errors import MusterError
from foundation.logs import get_logger
from foundation.shutdown import paused
from registry import profiles
from registry.model import DeviceProfile, ProfileId, TerminalId, TerminalRef, TerminalState
from registry.scope import Right, Scope

sql = queries.load("registry", "directory.sql")

CHANGES_KEPT_SECONDS = 3600
_LONGEST_GAP_SECONDS = CHANGES_KEPT_SECONDS / 2  # after which everything is read again
_POLL_SECONDS = 0.5
_RETRY_SECONDS = 0.5
_ABSENT_SECONDS = 5.0
_MOST_ABSENT = 10_000
_ROWS_AT_ONCE = 5_000

_STATES = {state.value: state for state in TerminalState}
_log = get_logger("registry.directory")
_scope = Scope.system("directory")


@dataclass(frozen=True, slots=True)
class Change:
    """What a directory has just taken over: terminals by code, and profiles."""

    codes: frozenset[str] = frozenset()
    profiles: frozenset[ProfileId] = frozenset()


@dataclass(slots=True)
class _Absent:
    """What was asked for in vain, for a while: bounded, the oldest forgotten first."""

    until: dict[object, float] = field(default_factory=dict)

    def __contains__(self, asked: object) -> bool:
        return time.monotonic() < self.until.get(asked, 0.0)

    def note(self, asked: object) -> None:
        self.until.pop(asked, None)
        self.until[asked] = time.monotonic() + _ABSENT_SECONDS
        if len(self.until) > _MOST_ABSENT:
            del self.until[next(iter(self.until))]

    def forget(self, found: Iterable[object]) -> None:
        for asked in found:
            self.until.pop(asked, None)


class Directory:
    """All terminals and profiles. `load` it, keep `follow` running, then `find` without waiting.

    Terminals of one profile share one DeviceProfile; a changed profile or terminal is a new object,
    so that whoever holds an old one holds a consistent one.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._profiles: dict[ProfileId, DeviceProfile] = {}
        self._terminals: dict[str, TerminalRef] = {}
        self._client_ids: dict[int, int] = {}
        self._absent = _Absent()
        self._asking = asyncio.Lock()  # one question at a time: a flood of strangers stays cheap
        self._position = "0"
        self._caught_up_at = -inf
        self._callbacks: list[Callable[[Change], None]] = []

    def __len__(self) -> int:
        """How many terminals it knows."""
        return len(self._terminals)

    @property
    def loaded(self) -> bool:
        """Whether it was ever read whole."""
        return self._caught_up_at > -inf

    def find(self, code: str) -> TerminalRef | None:
        """The terminal of that code, as far as we know; never waits."""
        return self._terminals.get(code)

    def find_profile(self, profile_id: ProfileId) -> DeviceProfile | None:
        """The profile of that id, as far as we know; never waits."""
        return self._profiles.get(profile_id)

    def on_change(self, callback: Callable[[Change], None]) -> None:
        """Call `callback` after each change that was taken over."""
        self._callbacks.append(callback)

    async def load(self) -> None:
        """Read everything; what changes from here on is for `follow`."""
        async with transaction(self._pool) as conn:
            await conn.execute("set transaction isolation level repeatable read")
            position = await _position(conn)
            self._take_profiles(await profiles.list_all(conn, _scope))
            terminals: dict[str, TerminalRef] = {}
            async with conn.cursor("directory", row_factory=tuple_row) as cursor:
                await cursor.execute(sql.load_terminals)
                while rows := await cursor.fetchmany(_ROWS_AT_ONCE):
                    terminals.update((row[1], self._ref(row)) for row in rows)
        before, self._terminals = self._terminals, terminals
        self._position = position
        self._caught_up_at = time.monotonic()
        if before:
            changed = (code for code, ref in terminals.items() if before.get(code) != ref)
            self._tell(Change(frozenset(changed), frozenset(self._profiles)))

    async def ask(self, code: str) -> TerminalRef | None:
        """The terminal of that code, asking the database once in 5 seconds if we do not know it."""
        async with self._asking:
            if code not in self._terminals and code not in self._absent:
                async with transaction(self._pool) as conn:
                    row = await _one(conn, code)
                    if row is not None and row[2] not in self._profiles:
                        self._take_profiles(await profiles.list_all(conn, _scope))
                if row is None:
                    self._absent.note(code)
                else:  # what came by the feed meanwhile is newer
                    self._terminals.setdefault(code, self._ref(row))
        return self._terminals.get(code)

    async def ask_metric(self, profile_id: ProfileId, metric: str) -> DeviceProfile | None:
        """The profile as it is now, asking the database once in 5 seconds if it lacks the metric.

        None when there is no such profile.
        """
        async with self._asking:
            known = self._profiles.get(profile_id)
            lacks = known is None or all(metric != m.name for m in known.metrics)
            if lacks and (profile_id, metric) not in self._absent:
                async with transaction(self._pool) as conn:
                    found = await profiles.list_all(conn, _scope)
                self._absent.note((profile_id, metric))
                self._tell(Change(profiles=self._take_profiles(found)))
        return self._profiles.get(profile_id)

    async def follow(self, stop: asyncio.Event) -> None:
        """Keep up with the registry until `stop`; a database that goes away is waited for."""
        while not stop.is_set():
            try:
                async with await self._connect() as conn:
                    await self._listen(conn, stop)
            except (psycopg.Error, MusterError) as error:
                _log.warning("registry_not_followed", reason=str(error).strip())
                await paused(stop, _RETRY_SECONDS)

    async def _connect(self) -> Connection:
        assert isinstance(self._pool.conninfo, str)
        dsn = make_conninfo(self._pool.conninfo, **KEEPALIVES, application_name="muster directory")
        conn = await AsyncConnection.connect(dsn, row_factory=dict_row)
        await configure(conn)
        await conn.set_autocommit(True)
        await conn.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        return conn

    async def _listen(self, conn: Connection, stop: asyncio.Event) -> None:
        if time.monotonic() - self._caught_up_at > _LONGEST_GAP_SECONDS:
            await self.load()  # some of what we missed may be forgotten
        await conn.execute("listen muster_registry")
        while not stop.is_set():
            async with conn.transaction():  # changes, profiles and terminals of one snapshot
                change = await self._catch_up(conn)
            self._caught_up_at = time.monotonic()
            self._tell(change)
            async for _ in conn.notifies(timeout=_POLL_SECONDS, stop_after=1):
                pass

    async def _catch_up(self, conn: Connection) -> Change:
        row = await (await conn.execute(sql.read_changes, {"since": self._position})).fetchone()
        assert row is not None
        changed = frozenset[ProfileId]()
        if row["profiles"]:
            changed = self._take_profiles(await profiles.list_all(conn, _scope))
        codes = await self._read_again(conn, row["terminals"])
        self._position = row["position"]
        return Change(frozenset(codes), changed)

    async def _read_again(self, conn: Connection, ids: Sequence[TerminalId]) -> list[str]:
        """Take over these terminals; returns the codes of those that differ from what we knew."""
        differing: list[str] = []
        for part in _parts(ids, _ROWS_AT_ONCE):
            async with conn.cursor(row_factory=tuple_row) as cursor:
                await cursor.execute(sql.read_terminals, {"ids": part})
                refs = map(self._ref, await cursor.fetchall())
            for ref in refs:
                if self._terminals.get(ref.code) != ref:
                    self._terminals[ref.code] = ref
                    differing.append(ref.code)
        self._absent.forget(differing)
        return differing

    def _ref(self, row: tuple[Any, ...]) -> TerminalRef:
        terminal_id, code, profile_id, state, owner_since_us, client_id = row
        if client_id is not None:  # one object for all terminals of a client
            client_id = self._client_ids.setdefault(client_id, client_id)
        return TerminalRef(
            terminal_id,
            code,
            self._profiles[profile_id],
            _STATES[state],
            owner_since_us,
            client_id,
        )

    def _take_profiles(self, found: Iterable[DeviceProfile]) -> frozenset[ProfileId]:
        """Take over those that are newer than ours, for their terminals too; returns their ids."""
        newer = {
            profile.id: profile
            for profile in found
            if profile.id not in self._profiles
            or profile.version > self._profiles[profile.id].version
        }
        live = newer.keys() & self._profiles.keys()
        self._profiles.update(newer)
        if live:
            for code, ref in self._terminals.items():
                if ref.profile.id in live:  # replacing values while iterating is safe
                    self._terminals[code] = TerminalRef(
                        ref.id,
                        code,
                        newer[ref.profile.id],
                        ref.state,
                        ref.owner_since_us,
                        ref.client_id,
                    )
        return frozenset(newer)

    def _tell(self, change: Change) -> None:
        if change.codes or change.profiles:
            for callback in self._callbacks:
                callback(change)


async def forget_changes(conn: Connection, scope: Scope) -> int:
    """Drop the feed's changes that every follower has read or has given up; returns how many."""
    scope.require(Right.TERMINALS_CHANGE)
    forgotten = await conn.execute(sql.forget_changes, {"kept_seconds": CHANGES_KEPT_SECONDS})
    return forgotten.rowcount


async def _one(conn: Connection, code: str) -> tuple[Any, ...] | None:
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(sql.read_terminal, {"code": code})
        return await cursor.fetchone()


async def _position(conn: Connection) -> str:
    row = await (await conn.execute(sql.position)).fetchone()
    assert row is not None
    return str(row["position"])


def _parts(ids: Sequence[TerminalId], size: int) -> Iterable[list[TerminalId]]:
    rest = iter(ids)
    while part := list(islice(rest, size)):
        yield part
