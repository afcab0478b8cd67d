"""Taking back what a file made, from the last portion to the first: where nothing happened."""

from collections.abc import Awaitable, Callable, Sequence

from foundation import queries
from foundation.database import Connection
from foundation.errors import Refused
from registry.imports import files, kinds
from registry.imports.checking import bounds_of
from registry.imports.model import Kind
from registry.imports.work import Work

sql = queries.load("registry.imports")

Heard = Callable[[Connection, Sequence[int]], Awaitable[Sequence[int]]]
"""Which of these terminals anything ever came from; telemetry knows."""


async def undo(work: Work, heard: Heard) -> None:
    """Do the job: what could not be taken back says why, row by row."""
    async with work.transaction() as conn:
        found = await files.find(conn, work.scope, work.import_id)
        kind = kinds.find(found.kind)
        row = await (await conn.execute(sql.last_row, {"import_id": work.import_id})).fetchone()
        last = row["last_row"] if row else 0
    position = min(found.position, last) if found.position else last
    while position > 0:
        low, high = bounds_of(position)
        await _undo_stretch(work, kind, heard, low, high)
        async with work.transaction() as conn:
            step = {"import_id": work.import_id, "position": low - 1, "undone": 0}
            await conn.execute(sql.step_back, step)
        position = low - 1
    async with work.last_transaction() as conn:
        await conn.execute(sql.end_undo, {"import_id": work.import_id, "position": last})
        await conn.execute(sql.tell_import, {"import_id": work.import_id, "deed": "undo"})


async def _undo_stretch(work: Work, kind: Kind, heard: Heard, low: int, high: int) -> None:
    """A stretch of rows; halved where something that we do not know of refers to one of them."""
    try:
        async with work.telling("undo") as conn:
            await _undo_rows(conn, work, kind, heard, low, high)
    except Refused:
        if low < high:
            middle = (low + high) // 2
            await _undo_stretch(work, kind, heard, middle + 1, high)
            await _undo_stretch(work, kind, heard, low, middle)
            return
        async with work.telling("undo") as conn:
            keep = {"import_id": work.import_id, "row": low}
            await conn.execute(sql.keep_row, keep)


async def _undo_rows(
    conn: Connection, work: Work, kind: Kind, heard: Heard, low: int, high: int
) -> None:
    where = {"import_id": work.import_id, "low": low, "high": high}
    if kind.joins_whole:
        await conn.execute(sql.join_whole)
    await conn.execute(kind.sql.judge_undo, where)
    if kind.makes_terminals:
        cursor = await conn.execute(sql.list_made, where)
        ids = await heard(conn, [row["id"] async for row in cursor])
        await conn.execute(sql.mark_heard, where | {"ids": list(ids)})
    if kind.has("judge_undo_after"):
        while (await conn.execute(kind.sql.judge_undo_after, where)).rowcount:
            pass
    marked = (await conn.execute(sql.mark_undone, where)).rowcount
    if not marked:
        return
    await conn.execute(sql.link_rows, where | {"deed": "undo"})
    for step in kind.undoing:
        await conn.execute(getattr(kind.sql, step), where)
    await conn.execute(sql.step_back, where | {"position": high, "undone": marked})
    work.done += marked
