"""The way of one profile's rows into its table: straight, else merged, else by halves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import psycopg

from foundation.database import MERGE_STATES, ROW_FAULTS, Connection
from telemetry.errors import TooManyRefused
from telemetry.model import at
from telemetry.rows import Flags, Int64s, Rows
from telemetry.tables import Table

_REFUSED_SHARE = 100  # at most one row in so many, or one


@dataclass(slots=True)
class Stored:
    """What became of each of some rows: inserted, or one of the exceptions by its index.

    A row in none of these was there already, exactly so.
    """

    inserted: Flags
    added: dict[int, frozenset[str]] = field(default_factory=dict)
    """Metrics that the row gave to the stored row of its key, which lacked them."""
    conflicts: dict[int, dict[str, object]] = field(default_factory=dict)
    """Metrics whose stored value is another one, and that value, which stays."""
    refused: dict[int, str] = field(default_factory=dict)
    """What PostgreSQL says of a row that it can never take."""


class Storing:
    """Rows on their way; `stored` says what became of them so far."""

    def __init__(self, conn: Connection, table: Table, rows: Rows) -> None:
        self._conn = conn
        self._table = table
        self._rows = rows
        self._most_refused = max(1, len(rows) // _REFUSED_SHARE)
        self.stored = Stored(np.zeros(len(rows), np.bool_))

    async def place(self, picked: Int64s, *, merging: bool) -> None:
        """Store the rows of these indices, each attempt under a savepoint of its own.

        What a straight COPY meets is merged; a row that cannot be is found by halving and counted
        as refused, until there are so many that the fault must be ours (TooManyRefused).
        """
        rows = self._rows if len(picked) == len(self._rows) else self._rows.take(picked)
        fault = await self._attempt(rows, picked, merging=merging)
        if fault is None:
            return
        if fault.sqlstate in MERGE_STATES:
            await self.place(picked, merging=True)
        elif len(picked) > 1:
            middle = len(picked) // 2
            await self.place(picked[:middle], merging=merging)
            await self.place(picked[middle:], merging=merging)
        else:
            said = fault.diag.message_primary or str(fault)
            self.stored.refused[int(picked[0])] = said
            if len(self.stored.refused) > self._most_refused:
                raise TooManyRefused(f"The database refuses rows of {self._table.name}: {said}.")

    async def _attempt(self, rows: Rows, picked: Int64s, *, merging: bool) -> psycopg.Error | None:
        """Store them; gives the error where merging or halving may help and raises any other."""
        try:
            async with self._conn.transaction():
                if merging:
                    await self._merge(rows, picked)
                else:
                    await self._copy(self._table.copy, rows, rows.occupied())
                    self.stored.inserted[picked] = True
        except psycopg.Error as error:
            mendable = ROW_FAULTS if merging else ROW_FAULTS | MERGE_STATES
            if error.sqlstate in mendable:
                return error
            raise
        return None

    async def _copy(
        self,
        statement: Callable[[Sequence[str]], str],
        rows: Rows,
        metrics: Sequence[str],
        *,
        numbered: bool = False,
    ) -> None:
        encoded = self._table.encode(rows, metrics, numbered=numbered)
        async with self._conn.cursor().copy(statement(metrics).encode()) as copy:
            await copy.write(encoded)

    async def _merge(self, rows: Rows, picked: Int64s) -> None:
        """Insert what is new; of the rest find what adds or contradicts, and add what adds."""
        table, conn = self._table, self._conn
        metrics = rows.occupied()
        await conn.execute(table.stage().encode())
        await self._copy(table.copy_to_staging, rows, metrics, numbered=True)
        cursor = await conn.execute(table.insert_staged(metrics).encode())
        row = await cursor.fetchone()
        assert row is not None
        new = set(zip(row["terminal_ids"], row["times_us"], strict=True))
        keys = zip(rows.terminal_ids.tolist(), rows.times_us.tolist(), strict=True)
        inserted = np.fromiter((key in new for key in keys), np.bool_, len(rows))
        if not inserted.all():
            await self._extend(rows, picked, metrics)
        self.stored.inserted[picked] = inserted

    async def _extend(self, rows: Rows, picked: Int64s, metrics: Sequence[str]) -> None:
        """Complete the stored rows that lack a metric, and note where they contradict."""
        span = {"first": rows.times_us.min(), "last": rows.times_us.max()}
        bounds = {end: at(int(us)) for end, us in span.items()}
        cursor = await self._conn.execute(self._table.compare_staged(metrics).encode(), bounds)
        adding = []
        for row in await cursor.fetchall():
            k = int(picked[row["k"]])
            if row["adds"]:
                adding.append(row["k"])
                self.stored.added[k] = frozenset(row["adds"])
            if row["conflicts"]:
                stored = zip(row["conflicts"], row["stored"], strict=True)
                self.stored.conflicts[k] = {m: self._table.value(m, text) for m, text in stored}
        if adding:
            await self._conn.execute(
                self._table.extend_stored(metrics).encode(), bounds | {"ks": adding}
            )
