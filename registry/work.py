"""A job in hand: its asker's scope, its transactions, and the beat that says it is still held."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID

from foundation.database import Connection, Pool, transaction
from foundation.errors import MusterError, NotPermitted, Unavailable
from foundation.logs import get_logger
from foundation.shutdown import paused
from registry import jobs
from registry.jobs import Job, JobLost
from registry.model import RegionRange
from registry.scope import Right, Role, Scope

log = get_logger(__name__)

SYSTEM = Scope.system("jobs")


class AskerGone(NotPermitted):
    """The account that asked for this is not in force any more."""

    code = "asker_gone"
    remedy = "Ask for it again with an account that is."


async def asker(conn: Connection, actor: str) -> Scope:
    """The scope of an account as it is now; AskerGone where it has none any more."""
    if actor.startswith("system:"):
        return Scope.system(actor.removeprefix("system:"))
    row = await (await conn.execute(jobs.sql.account_in_force, {"actor": actor})).fetchone()
    if row is None:
        raise AskerGone
    region = None
    if row["region_low"] is not None:
        region = RegionRange(row["region_low"], row["region_high"])
    return Scope.of_role(
        actor, Role(row["role"]), region=region, group_clients=frozenset(row["group_client_ids"])
    )


class Work:
    """What a job is done with. `done` is told by every beat; what it counts is the job's."""

    def __init__(self, pool: Pool, job: Job, holder: UUID) -> None:
        self.pool, self.job = pool, job
        self.scope = SYSTEM
        self.done = job.done
        self._holder = holder
        self._is_over = False

    @asynccontextmanager
    async def transaction(self, more: Mapping[str, str] | None = None) -> AsyncIterator[Connection]:
        """A transaction in the asker's scope, which is committed only while the job is held."""
        async with transaction(self.pool, {**self.scope.settings(), **(more or {})}) as conn:
            yield conn
            await jobs.keep(conn, self.job, self._holder, self.done)

    @asynccontextmanager
    async def last_transaction(self, *, problem: str | None = None) -> AsyncIterator[Connection]:
        """The one that ends the job."""
        state = jobs.JobState.FAILED if problem else jobs.JobState.DONE
        async with transaction(self.pool, self.scope.settings()) as conn:
            yield conn
            self._is_over = True
            await jobs.finish(conn, self.job, self._holder, state, problem)

    async def give_back(self) -> None:
        """Let another process go on."""
        async with transaction(self.pool, self.scope.settings()) as conn:
            await jobs.give_back(conn, self.job, self._holder)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Say again and again that the job is held, until the block ends; cut it if it is not."""
        over = asyncio.Event()
        doing = asyncio.current_task()
        assert doing is not None
        lost = False

        async def beat() -> None:
            nonlocal lost
            while not await paused(over, jobs.BEAT_SECONDS):
                try:
                    async with transaction(self.pool, self.scope.settings()) as conn:
                        await jobs.keep(conn, self.job, self._holder, self.done)
                except JobLost:
                    if self._is_over:
                        return
                    lost = True
                    doing.cancel()
                    return
                except MusterError as error:  # the work itself meets it, too
                    log.warning("no beat", job=self.job.id, reason=str(error))

        beating = asyncio.create_task(beat(), name="beat")
        try:
            yield
        except asyncio.CancelledError:
            if not lost:
                raise
            doing.uncancel()
            raise JobLost from None
        finally:
            over.set()
            await beating


W = TypeVar("W", bound=Work)


async def take_next(pool: Pool, kinds: Sequence[str], holder: UUID) -> Job | None:
    """The oldest job of these kinds that nobody holds, held from now on."""
    async with transaction(pool, SYSTEM.settings()) as conn:
        return await jobs.take(conn, kinds, holder)


async def finish(
    work: W,
    right: Right,
    do: Callable[[W], Awaitable[None]],
    fail: Callable[[Connection, W, MusterError], Awaitable[None]],
) -> None:
    """Do a job that was taken, as far as who asked for it has the right still; or let it `fail`.

    Cancelled in the midst, it gives the job back for the next process.
    """
    try:
        async with transaction(work.pool, SYSTEM.settings()) as conn:
            work.scope = await asker(conn, work.job.asked_by)
        work.scope.require(right)
        async with work.held():
            await do(work)
    except JobLost:
        log.warning("a job is not ours any more", job=work.job.id)
    except (Unavailable, asyncio.CancelledError):
        await work.give_back()
        raise
    except MusterError as error:
        log.warning("a job failed", job=work.job.id, reason=str(error))
        await _end(work, fail, error)
    except Exception:
        log.exception("a job failed", job=work.job.id)
        await _end(work, fail, MusterError())


async def _end(
    work: W, fail: Callable[[Connection, W, MusterError], Awaitable[None]], error: MusterError
) -> None:
    work.scope = SYSTEM
    async with work.last_transaction(problem=error.code) as conn:
        await fail(conn, work, error)
