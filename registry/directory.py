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
from registry.roll import Facts, Roll
from registry.scope import Right, Scope
from registry.wire_directory import WireDirectory

sql = queries.load("registry", "directory.sql")

CHANGES_KEPT_SECONDS = 3600
_LONGEST_GAP_SECONDS = CHANGES_KEPT_SECONDS / 2  # after which everything is read again
_POLL_SECONDS = 0.5
_RETRY_SECONDS = 0.5
_ABSENT_SECONDS = 5.0
_MOST_ABSENT = 10_000
_ROWS_AT_ONCE = 5_000
_ROWS_PACKED = 50_000
MOST_REFS = 50_000

_STATES = tuple(TerminalState)
_NAMES = [state.value for state in _STATES]
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
    so that whoever holds an old one holds a consistent one. Objects are made of those that are
    asked for; the rest are rows of arrays. `wire_names` knows whom a
    gateway speaks for.
    """

    def __init__(self, pool: Pool) -> None:
        self.wire_names = WireDirectory()
        self._pool = pool
        self._profiles: dict[ProfileId, DeviceProfile] = {}
        self._roll = Roll()
        self._refs: dict[str, TerminalRef] = {}
        self._absent = _Absent()
        self._asking = asyncio.Lock()  # one question at a time: a flood of strangers stays cheap
        self._position = "0"
        self._caught_up_at = -inf
        self._callbacks: list[Callable[[Change], None]] = []

    def __len__(self) -> int:
        """How many terminals it knows."""
        return len(self._roll)

    @property
    def loaded(self) -> bool:
        """Whether it was ever read whole."""
        return self._caught_up_at > -inf

    def find(self, code: str) -> TerminalRef | None:
        """The terminal of that code, as far as we know; never waits."""
        ref = self._refs.get(code)
        if ref is None and (facts := self._roll.find(code)) is not None:
            if len(self._refs) >= MOST_REFS:
                self._refs.clear()
            ref = self._refs[code] = self._ref(code, facts)
        return ref

    def find_profile(self, profile_id: ProfileId) -> DeviceProfile | None:
        """The profile of that id, as far as we know; never waits."""
        return self._profiles.get(profile_id)

    def on_change(self, callback: Callable[[Change], None]) -> None:
        """Call `callback` after each change that was taken over."""
        self._callbacks.append(callback)

    async def load(self) -> None:
        """Read everything; what changes from here on is for `follow`.

        Read again, it tells of every profile, and of those terminals that were asked for lately.
        """
        async with transaction(self._pool) as conn:
            await conn.execute("set transaction isolation level repeatable read")
            position = await _position(conn)
            self._take_profiles(await profiles.list_all(conn, _scope))
            roll = await _read_roll(conn)
            await self.wire_names.load(conn)
        self._roll, before, self._refs = roll, self._refs, {}
        self._position = position
        again, self._caught_up_at = self.loaded, time.monotonic()
        if again:
            changed = (code for code, ref in before.items() if self.find(code) != ref)
            self._tell(Change(frozenset(changed), frozenset(self._profiles)))

    async def ask(self, code: str) -> TerminalRef | None:
        """The terminal of that code, asking the database once in 5 seconds if we do not know it."""
        async with self._asking:
            if self.find(code) is None and code not in self._absent:
                async with transaction(self._pool) as conn:
                    row = await _one(conn, code)
                    if row is not None and row[2] not in self._profiles:
                        self._take_profiles(await profiles.list_all(conn, _scope))
                if row is None:
                    self._absent.note(code)
                elif self.find(code) is None:  # what came by the feed meanwhile is newer
                    self._roll.put(code, _facts(row))
        return self.find(code)

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
                await cursor.execute(sql.read_terminals, {"ids": part, "states": _NAMES})
                rows = await cursor.fetchall()
            await self.wire_names.read_again(conn, part)
            for row in rows:
                code, facts = row[1], _facts(row)
                if self._roll.find(code) != facts:
                    self._roll.put(code, facts)
                    self._refs.pop(code, None)
                    differing.append(code)
            if gone := set(part) - {row[0] for row in rows}:
                differing += self._take_off(gone)
        self._absent.forget(differing)
        return differing

    def _take_off(self, ids: set[TerminalId]) -> list[str]:
        """Forget terminals that an undone import took off the roll; returns the codes in use."""
        self._roll.take_off(ids)
        codes = [code for code, ref in self._refs.items() if ref.id in ids]
        for code in codes:
            del self._refs[code]
        return codes

    def _ref(self, code: str, facts: Facts) -> TerminalRef:
        return TerminalRef(
            TerminalId(facts.id),
            code,
            self._profiles[ProfileId(facts.profile_id)],
            _STATES[facts.state],
            facts.owner_since_us,
            facts.client_id or None,
        )

    def _take_profiles(self, found: Iterable[DeviceProfile]) -> frozenset[ProfileId]:
        """Take over those that are newer than ours, for their terminals too; returns their ids."""
        newer = {
            profile.id: profile
            for profile in found
            if profile.id not in self._profiles
            or profile.version > self._profiles[profile.id].version
        }
        if newer.keys() & self._profiles.keys():
            self._refs.clear()
        self._profiles.update(newer)
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


async def _read_roll(conn: Connection) -> Roll:
    """Everybody, packed by the database, some ten thousand at a time."""
    counted = await (await conn.execute(sql.count_terminals)).fetchone()
    assert counted is not None
    roll, after = Roll(counted["terminals"]), 0
    while True:
        given = {"key": roll.key, "states": _NAMES, "after": after, "rows": _ROWS_PACKED}
        row = await (await conn.execute(sql.pack_terminals, given, binary=True)).fetchone()
        assert row is not None
        if row["packed"] is None:
            roll.sort()
            return roll
        roll.take(row["packed"])
        after = row["last_id"]


def _facts(row: tuple[Any, ...]) -> Facts:
    terminal_id, _, profile_id, state, owner_since, client_id = row
    return Facts(terminal_id, profile_id, state, owner_since, client_id)


async def _one(conn: Connection, code: str) -> tuple[Any, ...] | None:
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(sql.read_terminal, {"code": code, "states": _NAMES})
        return await cursor.fetchone()


async def _position(conn: Connection) -> str:
    row = await (await conn.execute(sql.position)).fetchone()
    assert row is not None
    return str(row["position"])


def _parts(ids: Sequence[TerminalId], size: int) -> Iterable[list[TerminalId]]:
    rest = iter(ids)
    while part := list(islice(rest, size)):
        yield part
