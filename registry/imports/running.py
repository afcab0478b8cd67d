"""One import job after the other, as a process of background work does them."""

import asyncio
from uuid import UUID

from foundation import queries
from foundation.database import Pool, transaction
from foundation.errors import MusterError, Unavailable
from foundation.logs import get_logger
from foundation.sealing import Sealing
from registry import jobs
from registry.imports import files
from registry.imports.applying import apply
from registry.imports.checking import check
from registry.imports.model import KEPT_DAYS
from registry.imports.undoing import Heard, undo
from registry.imports.work import Work, asker
from registry.jobs import JobLost
from registry.scope import Right, Scope

log = get_logger(__name__)
sql = queries.load("registry.imports")

KINDS = (files.CHECK, files.APPLY, files.UNDO)
_SYSTEM = Scope.system("imports")
_SWEPT_AT_ONCE = 20_000


async def run_next(
    pool: Pool, holder: UUID, seal: Sealing | None, heard: Heard, *, foreign: bool = True
) -> bool:
    """Do the oldest job that nobody holds; says whether there was one.

    A new SIM whose IMSI is not at home is an error of its row where `foreign` ones are not taken.
    Cancelled in the midst, it gives the job back for the next process.
    """
    async with transaction(pool, _SYSTEM.settings()) as conn:
        job = await jobs.take(conn, KINDS, holder)
    if job is None:
        return False
    work = Work(pool, job, holder, _SYSTEM, seal, foreign=foreign)
    try:
        async with transaction(pool, _SYSTEM.settings()) as conn:
            work.scope = await asker(conn, job.asked_by)
        work.scope.require(Right.IMPORTS_RUN)
        async with work.held():
            await _do(work, heard)
    except JobLost:
        log.warning("a job is not ours any more", job=job.id)
    except (Unavailable, asyncio.CancelledError):
        await work.give_back()
        raise
    except MusterError as error:
        log.warning("a job failed", job=job.id, reason=str(error))
        await _fail(work, error.code)
    except Exception:
        log.exception("a job failed", job=job.id)
        await _fail(work, MusterError.code)
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


async def _do(work: Work, heard: Heard) -> None:
    match work.job.kind:
        case files.CHECK:
            await check(work)
        case files.APPLY:
            await apply(work)
        case files.UNDO:
            await undo(work, heard)


async def _fail(work: Work, problem: str) -> None:
    work.scope = _SYSTEM
    failed = {"import_id": work.import_id, "kind": work.job.kind, "problem": problem}
    async with work.last_transaction(problem=problem) as conn:
        await conn.execute(sql.fail_import, failed)
