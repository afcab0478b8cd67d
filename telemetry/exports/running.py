"""One export after the other, as a process of background work writes them.

A file is written anew from its beginning by whoever takes the job up: what another process left of
it goes first, and it is there only when its last part is, in the transaction that ends the job.
"""

import asyncio
import hashlib
from uuid import UUID

from foundation import queries
from foundation.database import Connection, Pool, transaction
from foundation.errors import MusterError
from registry import work
from registry.scope import Right, Scope
from registry.work import Work, asker
from telemetry.exports import asking, reading, writing
from telemetry.exports.model import (
    PART_BYTES,
    Bounds,
    Content,
    Export,
    ExportsFull,
    ExportTooLarge,
    ScopeChanged,
)

sql = queries.load("telemetry.exports")

KINDS = (asking.READ,)
_SYSTEM = Scope.system("exports")
_SWEPT_AT_ONCE = 20
_REMEMBERED_DAYS = 90


async def run_next(pool: Pool, holder: UUID, bounds: Bounds) -> bool:
    """Write the oldest export that nobody writes; says whether there was one."""
    job = await work.take_next(pool, KINDS, holder)
    if job is None:
        return False

    async def do(taken: Work) -> None:
        await _write(taken, bounds)

    await work.finish(Work(pool, job, holder), Right.TELEMETRY_READ, do, _fail)
    return True


async def sweep(pool: Pool) -> None:
    """Let files expire whose days are over, and free the room of those that are gone."""
    async with transaction(pool, _SYSTEM.settings()) as conn:
        await conn.execute(sql.expire)
        await conn.execute(sql.fail_hopeless)
        await conn.execute(sql.forget_exports, {"days": _REMEMBERED_DAYS})
        cursor = await conn.execute(sql.list_swept, {"rows": _SWEPT_AT_ONCE})
        swept = [row["id"] async for row in cursor]
    for export_id in swept:
        async with transaction(pool, _SYSTEM.settings()) as conn:
            for query in (sql.forget_parts, sql.forget_stretches, sql.end_sweep):
                await conn.execute(query, {"id": export_id})


async def count(conn: Connection, scope: Scope) -> dict[str, tuple[int, int]]:
    """How many exports in scope there are by state, and how many bytes their files have."""
    scope.require(Right.TELEMETRY_READ)
    cursor = await conn.execute(sql.count_states)
    return {row["state"]: (row["exports"], row["bytes"]) async for row in cursor}


class _File:
    """A file that is being written: what is not yet a part, and what is known of the whole."""

    def __init__(self, taken: Work, export: Export, bounds: Bounds, terminals: int) -> None:
        self._work, self._export, self._bounds = taken, export, bounds
        self._terminals = terminals
        self._waiting = bytearray()
        self._digest = hashlib.sha256()
        self._parts, self._size, self._rows = 0, 0, 0

    @property
    def sha256(self) -> bytes:
        return self._digest.digest()

    def take(self, data: bytes, rows: int) -> None:
        """Some more bytes, in which so many rows stand."""
        self._digest.update(data)
        self._waiting += data
        self._size += len(data)
        self._rows += rows

    async def put(self, conn: Connection, terminals_read: int, *, last: bool = False) -> None:
        """Keep all whole parts, or all there is, and say how far it is; refuse what is too much."""
        named = {"id": self._export.id}
        while len(self._waiting) >= PART_BYTES or (last and self._waiting):
            part = bytes(self._waiting[:PART_BYTES])
            del self._waiting[:PART_BYTES]
            await conn.execute(sql.put_part, named | {"n": self._parts, "bytes": part})
            self._parts += 1
        far = {"terminals": self._terminals, "terminals_read": terminals_read, "rows": self._rows}
        await conn.execute(sql.advance, named | far | {"size_bytes": self._size})
        if self._size > self._bounds.file_bytes:
            raise ExportTooLarge
        scope = self._work.scope
        whose = {"group_client_id": asking.client_of(scope), "actor": scope.actor}
        row = await (await conn.execute(sql.count_exports, whose)).fetchone()
        assert row is not None
        asking.check_quota(row)
        if row["kept"] > self._bounds.all_bytes:
            raise ExportsFull


async def _write(taken: Work, bounds: Bounds) -> None:
    export = await _begin(taken)
    planned = await reading.plan(taken, export.wanted)
    terminals = len(planned.members)
    file = _File(taken, export, bounds, terminals)
    about = {
        "export": export.id,
        "asked_by": export.asked_by,
        "asked_at": export.asked_at.isoformat(),
        "read_at": export.read_at and export.read_at.isoformat(),
        **export.wanted.document(),
    }
    writer = writing.begin(export.format, planned.columns, about, marked=export.wanted.marked)
    async for rows, terminals_read in reading.rows(taken, planned):
        file.take(await asyncio.to_thread(writer.add, rows), len(rows))
        async with taken.transaction() as conn:
            taken.done = terminals_read
            await file.put(conn, terminals_read)
    file.take(await asyncio.to_thread(writer.end), 0)
    async with transaction(taken.pool, _SYSTEM.settings()) as conn:
        if await asker(conn, taken.job.asked_by) != taken.scope:
            raise ScopeChanged
    async with taken.last_transaction() as conn:
        await file.put(conn, terminals, last=True)
        await conn.execute(
            sql.end_export, {"id": export.id, "sha256": file.sha256, "days": bounds.days}
        )
        await asking.tell(conn, taken.scope, export.id, "finish")


async def _begin(taken: Work) -> Export:
    export_id = taken.job.subject
    taken.done = 0
    async with taken.transaction() as conn:
        found = await asking.find(conn, taken.scope, export_id)
        for query in (sql.forget_parts, sql.forget_stretches):
            await conn.execute(query, {"id": export_id})
        events = found.wanted.content is Content.EVENTS
        cards = events and Right.SIMS_READ in taken.scope.rights
        await conn.execute(sql.begin_export, {"id": export_id, "has_card_numbers": cards})
        return await asking.find(conn, taken.scope, export_id)


async def _fail(conn: Connection, taken: Work, error: MusterError) -> None:
    failed = {"id": taken.job.subject, "problem": error.code}
    await conn.execute(sql.fail_export, failed | {"problem_text": f"{error} {error.hint}"})
    await asking.tell(conn, taken.scope, taken.job.subject, "fail")
