"""A job in hand: its asker's scope, its transactions, and the beat that says it is still held."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from foundation import queries
from foundation.database import Connection, Pool, transaction
from foundation.errors import MusterError, NotPermitted
from foundation.logs import get_logger
from foundation.sealing import Sealing
from foundation.shutdown import paused
from registry import jobs
from registry.jobs import Job, JobLost
from registry.model import RegionRange
from registry.scope import Role, Scope

log = get_logger(__name__)
sql = queries.load("registry.imports")


class AskerGone(NotPermitted):
    """The account that asked for this is not in force any more."""

    code = "asker_gone"


async def asker(conn: Connection, actor: str) -> Scope:
    """The scope of an account as it is now; AskerGone where it has none any more."""
    if actor.startswith("system:"):
        return Scope.system(actor.removeprefix("system:"))
    row = await (await conn.execute(sql.account_in_force, {"actor": actor})).fetchone()
    if row is None:
        raise AskerGone
    region = None
    if row["region_low"] is not None:
        region = RegionRange(row["region_low"], row["region_high"])
    return Scope.of_role(
        actor, Role(row["role"]), region=region, group_clients=frozenset(row["group_client_ids"])
    )


class Work:
    """What a job is done with. `done` is told by every beat; what it counts is the job's.

    `foreign` says whether new SIMs of networks that are not at home are taken.
    """

    def __init__(
        self,
        pool: Pool,
        job: Job,
        holder: UUID,
        scope: Scope,
        seal: Sealing | None,
        *,
        foreign: bool = True,
    ) -> None:
        self.pool, self.job, self.scope, self.seal = pool, job, scope, seal
        self.foreign = foreign
        self.done = job.done
        self._holder = holder
        self._is_over = False

    @property
    def import_id(self) -> int:
        return self.job.subject

    @asynccontextmanager
    async def transaction(self, deed: str | None = None) -> AsyncIterator[Connection]:
        """A transaction in the asker's scope, which is committed only while the job is held.

        With a `deed`, its changes are not told one by one but under the import (`tell_import`).
        """
        settings = self.scope.settings()
        if deed is not None:
            settings["muster.import"] = f"{self.import_id}.{deed}"
        async with transaction(self.pool, settings) as conn:
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
