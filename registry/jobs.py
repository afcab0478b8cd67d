"""Work that takes longer than a request: asked for, held by one process at a time, and finished.

Who holds a job says so again and again; what nobody holds any more is taken up by the next. What a
job changes is committed only together with the proof that it is still held (`keep`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from foundation import queries
from foundation.database import Connection
from foundation.errors import MusterError, NotFound
from registry import keyset
from registry.keyset import CursorInvalid
from registry.model import Page
from registry.scope import Right, Scope

sql = queries.load("registry", "jobs.sql")

HELD_SECONDS = 15.0
BEAT_SECONDS = 4.0
MOST_ATTEMPTS = 20


class JobNotFound(NotFound):
    """There is no such job, or it is not yours to see."""

    code = "job_not_found"


class JobLost(MusterError):
    """Another process does this job now, or it was cancelled."""

    code = "job_lost"


class JobState(StrEnum):
    """The life of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work on a `subject`, the number of an import or of an export (`kind` says).

    So much is `done` of `total`: bytes of a file that is read, rows of one that is applied or
    undone, terminals of an export; None is not known yet.
    """

    id: int
    kind: str
    subject: int
    asked_by: str
    asked_at: datetime
    state: JobState
    done: int
    total: int | None
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    problem: str | None


async def ask(conn: Connection, scope: Scope, kind: str, subject: int, total: int | None) -> Job:
    """Have something done in `scope`; whoever asks for it is asked for the right by the verb."""
    low, high = scope.region or (None, None)
    asked = {
        "kind": kind,
        "subject": subject,
        "asked_by": scope.actor,
        "low": low,
        "high": high,
        "total": total,
    }
    cursor = await conn.execute(sql.insert_job, asked)
    row = await cursor.fetchone()
    assert row is not None
    return _job(row)


async def find(conn: Connection, scope: Scope, job_id: int) -> Job:
    """One job; JobNotFound when it is not in scope."""
    scope.require(Right.JOBS_READ)
    rows = await _read(conn, scope, id=job_id)
    if not rows:
        raise JobNotFound(f"There is no job {job_id}.")
    return _job(rows[0])


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    subject: int | None = None,
    area: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[Job]:
    """One page of the jobs in scope, newest first; of one subject, if it is named with its area."""
    scope.require(Right.JOBS_READ)
    if after is not None and not after.isdecimal():
        raise CursorInvalid
    rows = await _read(
        conn,
        scope,
        subject=subject,
        area=area,
        after=int(after) if after else None,
        rows=keyset.rows_asked_for(limit),
    )
    return keyset.page(rows, limit, _job, lambda row: str(row["id"]))


async def take(conn: Connection, kinds: Sequence[str], holder: UUID) -> Job | None:
    """The oldest job of these kinds that nobody holds, held from now on; None when there is none.

    What was taken up too often is not taken again: it fails.
    """
    await conn.execute(sql.fail_hopeless, {"most": MOST_ATTEMPTS})
    cursor = await conn.execute(
        sql.take_job, {"kinds": list(kinds), "holder": holder, "seconds": HELD_SECONDS}
    )
    row = await cursor.fetchone()
    return None if row is None else _job(row)


async def keep(conn: Connection, job: Job, holder: UUID, done: int) -> None:
    """Say that the job is still held and how far it is; JobLost where it no longer is."""
    kept = await conn.execute(
        sql.keep_job, {"id": job.id, "holder": holder, "done": done, "seconds": HELD_SECONDS}
    )
    if not kept.rowcount:
        raise JobLost


async def finish(
    conn: Connection, job: Job, holder: UUID, state: JobState, problem: str | None = None
) -> None:
    """End a job that is held; JobLost where it no longer is."""
    ended = await conn.execute(
        sql.finish_job, {"id": job.id, "holder": holder, "state": state, "problem": problem}
    )
    if not ended.rowcount:
        raise JobLost


async def give_back(conn: Connection, job: Job, holder: UUID) -> None:
    """Let another process do a job that this one cannot go on with."""
    await conn.execute(sql.give_back_job, {"id": job.id, "holder": holder})


async def cancel(conn: Connection, scope: Scope, area: str, subject: int) -> None:
    """End what is queued or runs of a subject; what it did not commit yet is undone."""
    wanted = {"area": area, "subject": subject}
    await conn.execute(sql.cancel_jobs, scope.parameters() | _asker(scope) | wanted)


def _asker(scope: Scope) -> dict[str, str]:
    return {"actor": scope.actor}


async def _read(conn: Connection, scope: Scope, **wanted: Any) -> list[dict[str, Any]]:
    anything = {"id": None, "subject": None, "area": "", "after": None, "rows": 1}
    cursor = await conn.execute(
        sql.list_jobs, anything | wanted | scope.parameters() | _asker(scope)
    )
    return await cursor.fetchall()


def _job(row: dict[str, Any]) -> Job:
    return Job(**row | {"state": JobState(row["state"])})
