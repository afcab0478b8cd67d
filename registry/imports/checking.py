"""The dry run: a file is read, staged and judged row by row; nothing of the trade changes."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from foundation import queries
from foundation.database import Connection
from registry import profiles, regions
from registry.imports import files, kinds
from registry.imports.columns import Known
from registry.imports.model import PORTION_ROWS, Import, Kind, Unreadable
from registry.imports.reading import Opened, open_file
from registry.imports.staging import Portion, Staging, titles_of
from registry.imports.work import Work
from registry.scope import Right, Scope

sql = queries.load("registry.imports")

_LAST_ROW = 2**31 - 1
_BETWEEN_ROWS, _BETWEEN_CELLS = "\x1e", "\x1f"
"""Of one text for a portion: an array of 5,000 arrays costs several times as much."""


async def check(work: Work) -> None:
    """Do the job: at its end the import is `checked` or `unreadable`, and its file is gone."""
    async with work.transaction() as conn:
        found = await files.find(conn, work.scope, work.import_id)
        for query in (sql.begin_check, sql.forget_rows, sql.forget_findings):
            await conn.execute(query, {"import_id": work.import_id})
    with tempfile.TemporaryFile() as file:
        await _fetch(work, file)
        try:
            await _read(work, found, file)
        except Unreadable as fault:
            await _give_up(work, fault)


async def judge(
    conn: Connection, scope: Scope, work: Work, kind: Kind, low: int, high: int
) -> None:
    """Find what stands in the way of a portion's rows, as things are now."""
    scope.require(Right.IMPORTS_RUN)
    if kind.joins_whole:
        await conn.execute(sql.join_whole)
    where = scope.parameters() | {"import_id": work.import_id, "low": low, "high": high}
    await conn.execute(kind.sql.judge, where | {"foreign": work.foreign})
    if kind.has("judge_terms"):
        await conn.execute(kind.sql.judge_terms, where)


async def judge_rest(
    conn: Connection, scope: Scope, kind: Kind, where: Mapping[str, object]
) -> None:
    """Find what follows from what was found, until nothing more does."""
    scope.require(Right.IMPORTS_RUN)
    if kind.joins_whole:
        await conn.execute(sql.join_whole)
    if kind.has("judge_after"):
        while (await conn.execute(kind.sql.judge_after, where)).rowcount:
            pass


async def _fetch(work: Work, file: BinaryIO) -> None:
    n = 0
    while True:
        async with work.transaction() as conn:
            cursor = await conn.execute(sql.read_part, {"import_id": work.import_id, "n": n})
            row = await cursor.fetchone()
        if row is None:
            break
        file.write(row["bytes"])
        n += 1
    file.seek(0)


async def _read(work: Work, found: Import, file: BinaryIO) -> None:
    kind = kinds.find(found.kind)
    async with work.transaction() as conn:
        known = await _known(conn, work)
    titles = frozenset(titles_of(kind))
    opened: Opened = await asyncio.to_thread(open_file, file, titles)
    staging = Staging(kind, opened, known, found.defaults)
    for name, rights in kind.rights_of_columns.items():
        if name in staging.names and opened.header:
            for right in rights:
                work.scope.require(right)
    async with work.transaction() as conn:
        await conn.execute(
            sql.describe_file,
            {
                "import_id": work.import_id,
                "format": opened.format,
                "encoding": opened.encoding,
                "columns": staging.names,
            },
        )
    portions = staging.portions()
    ahead = asyncio.create_task(asyncio.to_thread(_next, portions, file))
    try:
        while (read := await ahead) is not None:
            ahead = asyncio.create_task(asyncio.to_thread(_next, portions, file))
            portion, work.done = read
            async with work.transaction() as conn:
                await _stage(conn, work, kind, portion)
    finally:
        await asyncio.gather(ahead, return_exceptions=True)  # before its file is closed
    await _end(work, kind)


def _next(portions: Iterator[Portion], file: BinaryIO) -> tuple[Portion, int] | None:
    """The next portion, and how far the file is read with it."""
    portion = next(portions, None)
    return None if portion is None else (portion, file.tell())


async def _known(conn: Connection, work: Work) -> Known:
    work.scope.require(Right.PROFILES_READ)
    return Known(
        frozenset(profile.code for profile in await profiles.list_all(conn, work.scope)),
        frozenset(str(region.code) for region in await regions.list_all(conn, work.scope)),
    )


async def _stage(conn: Connection, work: Work, kind: Kind, portion: Portion) -> None:
    staged = {"import_id": work.import_id}
    await conn.execute(
        sql.stage_rows,
        staged
        | {
            "rows": ",".join([str(number) for number, _ in portion.rows]),
            "cells": _BETWEEN_ROWS.join([_line(cells) for _, cells in portion.rows]),
        },
    )
    if portion.findings:
        await conn.execute(
            sql.stage_findings,
            staged
            | {
                "rows": [row for row, _ in portion.findings],
                "columns": [found.column for _, found in portion.findings],
                "codes": [found.code for _, found in portion.findings],
                "severities": [found.severity for _, found in portion.findings],
                "values": [found.value for _, found in portion.findings],
            },
        )
    low, high = bounds_of(portion.rows[0][0])
    await judge(conn, work.scope, work, kind, low, high)
    where = work.scope.parameters() | staged | {"low": low, "high": high}
    known = await (await conn.execute(kind.sql.count_known, where)).fetchone()
    counted = await (await conn.execute(sql.count_portion, where)).fetchone()
    assert known is not None
    assert counted is not None
    await conn.execute(sql.add_portion, staged | known | counted | {"rows": len(portion.rows)})


async def _end(work: Work, kind: Kind) -> None:
    staged = {"import_id": work.import_id}
    async with work.last_transaction() as conn:
        await conn.execute("set local statement_timeout = '10min'")
        for place, column in enumerate(kind.columns, 1):
            if column.unique:
                twice = staged | {"column": column.name, "place": place}
                await conn.execute(sql.find_twice, twice)
        whole = work.scope.parameters() | staged | {"low": 1, "high": _LAST_ROW}
        if kind.has("judge_file"):
            await conn.execute(kind.sql.judge_file, whole)
        else:
            await judge_rest(conn, work.scope, kind, whole)
        await conn.execute(sql.forget_parts, staged)
        await conn.execute(sql.end_check, staged)
        work.done = work.job.total or work.done


async def _give_up(work: Work, fault: Unreadable) -> None:
    staged = {"import_id": work.import_id}
    async with work.last_transaction(problem=fault.code) as conn:
        for query in (sql.forget_rows, sql.forget_findings, sql.forget_parts):
            await conn.execute(query, staged)
        where = {"row": fault.row, "column": fault.column, "value": fault.value}
        await conn.execute(sql.fail_check, staged | where | {"problem": fault.code})


def bounds_of(row: int) -> tuple[int, int]:
    """The first and last number of the portion that a row is in."""
    low = (row - 1) // PORTION_ROWS * PORTION_ROWS + 1
    return low, low + PORTION_ROWS - 1


def _line(cells: list[str | None]) -> str:
    """Cells as one text, empty where there is none: no cell in normal form holds a separator."""
    return _BETWEEN_CELLS.join([cell or "" for cell in cells])
