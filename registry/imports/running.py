"""One import job after the other, as a process of background work does them."""

from uuid import UUID

from foundation import queries
from foundation.database import Connection, Pool, transaction
from foundation.errors import MusterError
from foundation.sealing import Sealing
from registry import work
from registry.imports import files
from registry.imports.applying import apply
from registry.imports.checking import check
from registry.imports.model import KEPT_DAYS
from registry.imports.undoing import Heard, undo
from registry.imports.work import Work
from registry.scope import Right, Scope

sql = queries.load("registry.imports")

KINDS = (files.CHECK, files.APPLY, files.UNDO)
_SYSTEM = Scope.system("imports")
_SWEPT_AT_ONCE = 20_000


async def run_next(
    pool: Pool, holder: UUID, seal: Sealing | None, heard: Heard, *, foreign: bool = True
) -> bool:
    """Do the oldest job that nobody holds; says whether there was one.

    A new SIM whose IMSI is not at home is an error of its row where `foreign` ones are not taken.
    """
    job = await work.take_next(pool, KINDS, holder)
    if job is None:
        return False

    async def do(taken: Work) -> None:
        await _do(taken, heard)

    await work.finish(Work(pool, job, holder, seal, foreign=foreign), Right.IMPORTS_RUN, do, _fail)
    return True


async def sweep(pool: Pool) -> None:
    """Forget passwords whose time is over, and some rows of files whose time is over."""
    async with transaction(pool, _SYSTEM.settings()) as conn:
        await conn.execute(sql.sweep_secrets)
        row = await (await conn.execute(sql.list_swept, {"days": KEPT_DAYS})).fetchone()
        if row is None:
            return
        swept = {"import_id": row["id"], "rows": _SWEPT_AT_ONCE}
        for query in (sql.forget_parts, sql.forget_findings):
            await conn.execute(query, swept)
        if not (await conn.execute(sql.sweep_rows, swept)).rowcount:
            await conn.execute(sql.sweep_made, swept)
            await conn.execute(sql.end_sweep, swept)


async def _do(taken: Work, heard: Heard) -> None:
    match taken.job.kind:
        case files.CHECK:
            await check(taken)
        case files.APPLY:
            await apply(taken)
        case files.UNDO:
            await undo(taken, heard)


async def _fail(conn: Connection, taken: Work, error: MusterError) -> None:
    failed = {"import_id": taken.import_id, "kind": taken.job.kind, "problem": error.code}
    await conn.execute(sql.fail_import, failed)
