"""How the platform is, by what the database knows of it: no process is asked, and no host.

Every process names its connections, and every bridge notes once a second how it is. What cannot
reach the database is missing here, or old.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from foundation import queries
from foundation.database import Connection
from registry.scope import Right, Scope

sql = queries.load("telemetry", "platform.sql")

NEEDED = ("bridge", "jobs", "api")
"""The kinds of process without which messages are not stored, judged or shown."""

_GONE = timedelta(days=1)
FRESH = timedelta(seconds=15)
"""A bridge that is well notes how it is every second; one that is older is not counted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process that is connected; `busy` and `active_at` None where it is not ours to know.

    Of the jobs one `leads`.
    """

    kind: str
    host: str
    pid: int
    connections: int
    busy: int | None
    active_at: datetime | None
    leads: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeStanding:
    """A bridge as it noted it last, at `noted_at`; `lag_seconds` is how far its feed is followed.

    `unsettled` messages were delivered and not stored yet; those of the spool wait on its disk,
    the oldest since `spool_since`.
    """

    name: str
    started_at: datetime
    noted_at: datetime | None
    is_connected: bool
    session_established_at: datetime | None
    sessions_lost: int
    session_lost_at: datetime | None
    broker_started_at: datetime | None
    heard_until: datetime | None
    unsettled: int
    spool_messages: int
    spool_bytes: int
    spool_room_bytes: int
    spool_since: datetime | None
    lag_seconds: float

    def answers(self, now: datetime) -> bool:
        """Whether it noted how it is just now."""
        return self.noted_at is not None and now - self.noted_at < FRESH

    def is_gone(self, now: datetime) -> bool:
        """Whether it has not been heard of for a day: presence leaves it out of account, too."""
        return now - (self.noted_at or self.started_at) > _GONE

    def is_well(self, now: datetime) -> bool:
        """Whether it answers, the broker has it, and nothing waits on its disk."""
        return self.answers(now) and self.is_connected and not self.spool_messages


@dataclass(frozen=True, slots=True)
class Follower:
    """What follows the feed of batches, and how old the oldest is that it has not seen."""

    name: str
    lag_seconds: float


@dataclass(frozen=True, slots=True)
class Work:
    """Jobs of an area, as `import`: what waits, since when, what runs, what failed in a day."""

    area: str
    queued: int
    running: int
    failed: int
    waiting_since: datetime | None


@dataclass(frozen=True, slots=True)
class Feed:
    """What comes after a batch is committed."""

    followers: tuple[Follower, ...]
    work: tuple[Work, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The database and its server; of replication None where there is none.

    `edition` is the licence that TimescaleDB runs under: `apache`, which does not compress, or
    `timescale`. `slot_bytes` of the write-ahead log are kept for who has not fetched them.
    """

    version: str
    timescaledb: str
    edition: str
    migration: str
    bytes: int
    connections: int
    most_connections: int
    oldest_transaction_at: datetime | None
    oldest_transaction_of: str | None
    deadlocks: int
    is_replica: bool
    replicas: int
    replica_lag_bytes: int | None
    slots: int
    slot_bytes: int | None
    archived_at: datetime | None
    archive_failures: int

    @property
    def compresses(self) -> bool:
        """Whether old readings can be compressed here."""
        return self.edition == "timescale"


def missing(found: Iterable[Process]) -> tuple[str, ...]:
    """The kinds that are needed and of which none is connected."""
    there = {one.kind for one in found}
    return tuple(kind for kind in NEEDED if kind not in there)


async def list_processes(conn: Connection, scope: Scope) -> tuple[Process, ...]:
    """Our processes that are connected to the database now."""
    scope.require(Right.PLATFORM_READ)
    return tuple([Process(**row) async for row in await conn.execute(sql.list_processes)])


async def list_bridges(conn: Connection, scope: Scope) -> tuple[BridgeStanding, ...]:
    """Every bridge that there is or was, with its spool and how far its feed is followed."""
    scope.require(Right.PLATFORM_READ)
    return tuple([BridgeStanding(**row) async for row in await conn.execute(sql.list_bridges)])


async def read_feed(conn: Connection, scope: Scope) -> Feed:
    """How far behind the followers of the feed are, and the work that was asked for."""
    scope.require(Right.PLATFORM_READ)
    followers = [Follower(**row) async for row in await conn.execute(sql.list_followers)]
    work = [Work(**row) async for row in await conn.execute(sql.list_work)]
    return Feed(tuple(followers), tuple(work))


async def examine_database(conn: Connection, scope: Scope) -> Server:
    """The database: its size, connections, oldest transaction, replicas, and its edition."""
    scope.require(Right.PLATFORM_READ)
    row = await (await conn.execute(sql.examine_database)).fetchone()
    assert row is not None
    return Server(**row)
