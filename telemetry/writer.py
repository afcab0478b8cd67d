"""Stores what a bridge gathered: one transaction a batch, one binary COPY a profile.

The only writer of its bridge's name: the lock on the name lives and dies with the connection, so
what an earlier writer left half done is decided before this one writes.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict

import numpy as np
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from foundation import queries
from foundation.database import KEEPALIVES, Connection, configure, translated
from telemetry import batches, events, fragments, gaps, identities, quarantine, receipts
from telemetry.errors import BridgeNameTaken
from telemetry.events import Recorded
from telemetry.fragments import Key, Part
from telemetry.gaps import GapKind, Loss, Seen
from telemetry.identities import Word
from telemetry.messages import Messages
from telemetry.model import Event, Pending, Refusal, Replayed
from telemetry.receipts import Number, Receipt
from telemetry.rows import Flags, Rows
from telemetry.storing import Stored, Storing
from telemetry.tables import Table

sql = queries.load("telemetry")

_NAME_SECONDS = 5.0  # what a killed predecessor's backend may take to notice


class Writer:
    """Writes the batches of one bridge, one after the other, over a connection of its own."""

    def __init__(self, dsn: str, name: str) -> None:
        self._dsn = dsn
        self._name = name
        self._instance = f"muster {secrets.token_hex(4)} "
        self._conn: Connection | None = None
        self._last_n = 0
        self._tables: dict[tuple[int, int], Table] = {}
        self.seen = Seen()
        """What this bridge had seen of its broker when the writer was last opened."""

    def cut(self) -> None:
        """End whatever the connection waits for, as if the network had; the next act has another.

        Who waits may be slow to notice, and still be in the middle of a transaction.
        """
        conn, self._conn = self._conn, None
        if conn is not None and not conn.closed:
            with socket.socket(fileno=os.dup(conn.fileno())) as wire, suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)

    async def open(self) -> None:
        """Connect and take the name, if that is not done; BridgeNameTaken when another has it.

        A connection that an abandoned act left in a transaction is cut: what comes next would
        become a part of that, and be rolled back with it after it seemed to be committed.
        """
        if self._conn is not None and not self._conn.closed:
            if self._conn.info.transaction_status is TransactionStatus.IDLE:
                return
            self.cut()
        with translated():
            conn = await AsyncConnection.connect(
                self._dsn,
                row_factory=dict_row,
                application_name=self._instance + self._name,
                **KEEPALIVES,
            )
            try:
                await configure(conn)
                await conn.set_autocommit(True)
                await self._take_name(conn)
                row = await (await conn.execute(sql.start_bridge, {"name": self._name})).fetchone()
            except BaseException:
                await conn.close()
                raise
        assert row is not None
        self._conn, self._last_n = conn, row.pop("last_n")
        self.seen = Seen(**row)

    async def _take_name(self, conn: Connection) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _NAME_SECONDS
        while True:
            row = await (await conn.execute(sql.take_bridge_name, {"name": self._name})).fetchone()
            if row is not None and row["taken"]:
                return
            await conn.execute(sql.end_own_ghosts, {"instance": self._instance})
            if loop.time() > deadline:
                raise BridgeNameTaken(f"Another bridge named {self._name} is at work.")
            await asyncio.sleep(0.1)

    async def close(self) -> None:
        """Give the name back."""
        if self._conn is not None:
            await self._conn.close()
            self._conn = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Transaction"]:
        """Everything stored within is committed at its end, with its entry in the feed, or not.

        After an error nothing is known of a COMMIT that was under way: the same batch, stored
        again, meets its keys. Raises errors of ours only.
        """
        await self.open()
        conn = self._conn
        assert conn is not None
        with translated():
            async with conn.transaction():
                work = Transaction(conn, self._name, self._tables)
                yield work
                n = await work.feed(self._last_n + 1)
        if conn is self._conn:
            self._last_n = n

    async def note_broker(self, seen: Seen, losses: Sequence[Loss]) -> None:
        """Note what was seen of the broker, and record what it has lost as gaps."""
        await self.open()
        conn = self._conn
        assert conn is not None
        lost = sum(loss.kind is not GapKind.BROKER_DROPPED for loss in losses)
        with translated():
            async with conn.transaction():
                await conn.execute(
                    sql.note_broker, asdict(seen) | {"name": self._name, "lost": lost}
                )
                await gaps.record(conn, self._name, losses)


class Transaction:
    """What one transaction of a writer stores."""

    def __init__(self, conn: Connection, bridge: str, tables: dict[tuple[int, int], Table]) -> None:
        self._conn = conn
        self._bridge = bridge
        self._tables = tables
        self._fed: list[dict[str, object]] = []
        self._happened: list[Event] = []

    async def store(self, rows: Rows, doubtful: Flags | None = None) -> Stored:
        """Put rows into their profile's table; `doubtful` are those that may be there already.

        Raises TooManyRefused when the database finds fault with more than one row in a hundred.
        """
        storing = Storing(self._conn, self._table(rows), rows)
        if doubtful is None or not doubtful.any():
            await storing.place(np.arange(len(rows)), merging=False)
        else:
            await storing.place(np.flatnonzero(doubtful), merging=True)
            if not doubtful.all():
                await storing.place(np.flatnonzero(~doubtful), merging=False)
        stored = storing.stored
        fed = batches.inserted_or_added(rows, stored.inserted, stored.added)
        if len(fed):
            self._fed.append(batches.feed_row(fed))
        return stored

    async def record(self, given: Sequence[Event]) -> Recorded:
        """Keep events."""
        recorded = await events.record(self._conn, given)
        self._happened += [given[k] for k in sorted(recorded.new)]
        return recorded

    async def hear(self, words: Sequence[Word]) -> None:
        """Keep what terminals say of themselves, and record what comes of it."""
        told = await identities.hear(self._conn, words)
        if told:
            await self.record(told)

    async def quarantine(self, refusals: Sequence[Refusal]) -> None:
        """Keep refused messages."""
        await quarantine.store(self._conn, self._bridge, refusals)

    async def pending(self, most: int) -> list[Pending]:
        """Refused messages that are to be taken again, held against other bridges."""
        return await quarantine.pending(self._conn, most)

    async def tell(self, told: Sequence[Replayed]) -> None:
        """Keep what became of refused messages that were taken again."""
        await quarantine.tell(self._conn, told)

    async def receipt(self, numbers: Iterable[Number]) -> list[Receipt]:
        """Keep that these numbers have a fate; what may be told of it after the commit."""
        return await receipts.keep(self._conn, self._bridge, numbers)

    async def keep_parts(self, parts: Sequence[Part], joined: Sequence[Key]) -> None:
        """Keep parts of messages that are not whole yet, and forget those of whole ones."""
        await fragments.keep(self._conn, parts, joined)

    def account(self, messages: Messages) -> None:
        """Let the followers know what became of messages."""
        self._fed.append(messages.entry())

    async def feed(self, n: int) -> int:
        """Tell the followers what was done, as batch `n`; returns the last number given."""
        if not self._fed and not self._happened:
            return n - 1
        entries = self._fed
        if self._happened:
            entries = [*entries, batches.events_row(self._happened)]
        await self._conn.execute(
            sql.write_feed,
            {
                "bridge": self._bridge,
                "n": n,
                "profile_ids": [e["profile_id"] for e in entries],
                "rows": [e["rows"] for e in entries],
                "terminal_ids": [e["terminal_ids"] for e in entries],
                "times_us": [e["times_us"] for e in entries],
                "received_us": [e["received_us"] for e in entries],
                "columns": [e["columns"] for e in entries],
                "firsts_us": [e["first_us"] for e in entries],
            },
        )
        return n

    def _table(self, rows: Rows) -> Table:
        key = (rows.profile.id, rows.profile.version)
        table = self._tables.get(key)
        if table is None:
            table = self._tables[key] = Table(rows.profile)
        return table
