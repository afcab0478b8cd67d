"""The spool: messages that the database does not take now, on disk, in order of arrival.

One SQLite file, written ahead (WAL) and synced at each commit, so that what `append` returned from
survives kill -9 and a power cut. Used from one thread at a time. What is damaged is set aside.
"""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from broker_bridge.parcels import Parcel
from foundation.errors import Refused, Unavailable
from foundation.logs import get_logger

log = get_logger(__name__)

FILE = "spool.sqlite"
_PAGE_BYTES = 16_384
_LARGE_BYTES = 16 * 1024 * 1024  # an empty file larger than this is made small again
_MISSHAPEN = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_COLUMNS = "id, messages, first_received_us, checksum, topics, heads, payloads"
_SCHEMA = """
create table if not exists parcel (
    id integer primary key,
    messages integer not null,
    first_received_us integer not null,
    checksum integer not null,
    topics blob not null,
    heads blob not null,
    payloads blob not null
) strict
"""


class SpoolTaken(Refused):
    """Another bridge has this spool open."""

    code = "spool_taken"
    remedy = "Stop it, or give this one another MUSTER_SPOOL."


class SpoolUnusable(Refused):
    """The spool's directory cannot be written."""

    code = "spool_unusable"
    remedy = "Name a directory on a disk that can be written in MUSTER_SPOOL."


class SpoolFull(Unavailable):
    """The spool is as large as it may become."""

    code = "spool_full"
    remedy = "Bring the database back, or give the spool more room (MUSTER_SPOOL_MAX_BYTES)."


class SpoolFailed(Unavailable):
    """The spool's disk does not take what is written."""

    code = "spool_failed"
    remedy = "Look at the disk of MUSTER_SPOOL; nothing is acknowledged meanwhile."


@dataclass(frozen=True, slots=True)
class Kept:
    """A parcel and its number in the spool; numbers rise."""

    number: int
    parcel: Parcel


class Spool:
    """Parcels by number; open it first. Its figures may be read from any thread."""

    def __init__(self, directory: Path, *, max_bytes: int, min_free_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._min_free_bytes = min_free_bytes
        self._db: sqlite3.Connection | None = None
        self.messages = 0
        self.bytes = 0
        self.oldest_us: int | None = None
        """When the oldest message in it came (Unix us)."""
        self.room = 0
        """How many bytes it takes before it is full."""
        self.is_full = False
        """Whether it has refused what was given, and nothing was taken out since."""
        self.set_aside = 0
        """Messages that were damaged on the disk and are kept apart, as far as they are known."""

    def oldest_seconds(self) -> float:
        """How long the oldest message in it has been waiting; 0.0 if there is none."""
        return 0.0 if self.oldest_us is None else max(0.0, time.time() - self.oldest_us / 1e6)

    def open(self) -> list[tuple[int, bytes]]:
        """Open or make the file; number and topics of every parcel in it, in order.

        Raises SpoolTaken and SpoolUnusable. A file that SQLite cannot read is set aside whole, and
        what can still be read of it is taken over.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                self._db = _opened(self._directory / FILE)
                self._figure()
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode not in _MISSHAPEN:
                    raise
                self._salvage(str(error))
            return self._opened_db().execute("select id, topics from parcel order by id").fetchall()
        except sqlite3.DatabaseError as error:
            self.close()
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise SpoolTaken(f"Another bridge has the spool {self._directory} open.") from error
            raise SpoolUnusable(
                f"The spool {self._directory} cannot be opened: {error}."
            ) from error
        except OSError as error:
            raise SpoolUnusable(
                f"The spool {self._directory} cannot be written ({error.strerror})."
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def append(self, number: int, parcel: Parcel) -> None:
        """Return when the parcel is on the disk; SpoolFull or SpoolFailed when it is not."""
        self._measure()
        self.is_full = parcel.size > self.room
        if self.is_full:
            raise SpoolFull
        self._execute(
            f"insert into parcel ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            number,
            *_values(parcel),
        )
        self.messages += parcel.messages
        self.bytes += parcel.size
        self.room -= parcel.size
        if self.oldest_us is None:
            self.oldest_us = parcel.first_received_us

    def read(self, most: int) -> list[Kept]:
        """The oldest parcels, at least one if there is any, of at most `most` messages in all."""
        try:
            return self._read(most)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode not in _MISSHAPEN:
                raise SpoolFailed(f"The spool cannot be read: {error}.") from error
            self._salvage(str(error))
            return self._read(most)

    def _read(self, most: int) -> list[Kept]:
        found: list[Kept] = []
        for kept in _parcels(self._opened_db()):
            if found and kept.parcel.messages > most:
                break
            found.append(kept)
            most -= kept.parcel.messages
            if most <= 0:
                break
        return found

    def remove(self, number: int) -> None:
        """Forget every parcel up to this one; raises SpoolFailed."""
        gone = self._execute(
            "delete from parcel where id <= ? returning messages,"
            " length(topics) + length(heads) + length(payloads)",
            number,
        )
        self.messages -= sum(messages for messages, _ in gone)
        self.bytes -= sum(size for _, size in gone)
        left = self._execute("select first_received_us from parcel order by id limit 1")
        self.oldest_us = left[0][0] if left else None
        self.is_full = False
        if not left and self._number("pragma page_count") * _PAGE_BYTES > _LARGE_BYTES:
            self._execute("vacuum")
            self._execute("pragma wal_checkpoint(truncate)")
        self._measure()

    def put_aside(self, kept: Kept, why: str) -> None:
        """Keep what nobody can read any more as a file beside the spool, and forget it here."""
        name = self._directory / f"damaged-{_now()}-{kept.number}.parcel"
        parcel = kept.parcel
        name.write_bytes(b"\n".join((parcel.topics, parcel.heads, parcel.payloads)))
        log.error(
            "a parcel of the spool is damaged", why=why, messages=parcel.messages, kept=str(name)
        )
        self.set_aside += parcel.messages

    # The file.

    def _opened_db(self) -> sqlite3.Connection:
        if self._db is None:
            raise SpoolFailed("The spool is not open.")
        return self._db

    def _execute(self, statement: str, *values: object) -> list[tuple[int, ...]]:
        try:
            return self._opened_db().execute(statement, values).fetchall()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode in _MISSHAPEN:
                self._salvage(str(error))
            raise SpoolFailed(f"The spool cannot be written: {error}.") from error

    def _number(self, statement: str) -> int:
        row = self._opened_db().execute(statement).fetchone()
        return int(row[0] or 0)

    def _figure(self) -> None:
        """Count what there is."""
        self.messages, self.bytes, self.oldest_us = (
            self._opened_db()
            .execute(
                "select coalesce(sum(messages), 0), coalesce(sum(length(topics) + length(heads) +"
                " length(payloads)), 0), min(first_received_us) from parcel"
            )
            .fetchone()
        )
        self._measure()

    def _measure(self) -> None:
        """See what it may still take."""
        reusable = self._number("pragma freelist_count") * _PAGE_BYTES
        free = shutil.disk_usage(self._directory).free + reusable - self._min_free_bytes
        self.room = max(0, min(self._max_bytes - self.bytes, free))

    def _salvage(self, why: str) -> None:
        """Set the file aside, and take over into a new one what can be read of it."""
        before = self.messages
        self.close()
        aside = self._directory / f"damaged-{_now()}"
        aside.mkdir()
        for part in self._directory.glob(f"{FILE}*"):
            part.rename(aside / part.name)
        self._db = fresh = _opened(self._directory / FILE)
        with closing(_connected(aside / FILE)) as damaged:
            fresh.execute("begin")
            for kept in _readable(damaged):
                values = (kept.number, *_values(kept.parcel))
                fresh.execute("insert or ignore into parcel values (?, ?, ?, ?, ?, ?, ?)", values)
            fresh.execute("commit")
        self._figure()
        self.set_aside += max(0, before - self.messages)
        log.error("the spool was damaged", why=why, kept=str(aside), messages_saved=self.messages)


def _connected(path: Path) -> sqlite3.Connection:
    """The file of one owner; its statements commit one by one."""
    db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    db.execute("pragma locking_mode = exclusive")
    return db


def _opened(path: Path) -> sqlite3.Connection:
    db = _connected(path)
    try:
        db.execute(f"pragma page_size = {_PAGE_BYTES}")
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
        db.execute(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db


def _parcels(db: sqlite3.Connection, *, descending: bool = False) -> Iterator[Kept]:
    order = "desc" if descending else "asc"
    rows = db.execute(f"select {_COLUMNS} from parcel order by id {order}")  # noqa: S608
    for number, *values in rows:
        yield Kept(number, Parcel(*values))


def _readable(db: sqlite3.Connection) -> Iterator[Kept]:
    """What can be read from the front up to a damage, and from the end back to one."""
    for descending in (False, True):
        try:
            yield from _parcels(db, descending=descending)
        except sqlite3.DatabaseError:
            continue


def _values(parcel: Parcel) -> tuple[int | bytes, ...]:
    return (
        parcel.messages,
        parcel.first_received_us,
        parcel.checksum,
        parcel.topics,
        parcel.heads,
        parcel.payloads,
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
