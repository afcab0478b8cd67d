"""An import's job in hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from foundation.database import Connection, Pool
from foundation.sealing import Sealing
from registry import work
from registry.jobs import Job


class Work(work.Work):
    """What an import's job is done with; `seal` keeps the passwords that are made.

    `foreign` says whether new SIMs of networks that are not at home are taken.
    """

    def __init__(
        self, pool: Pool, job: Job, holder: UUID, seal: Sealing | None, *, foreign: bool = True
    ) -> None:
        super().__init__(pool, job, holder)
        self.seal, self.foreign = seal, foreign

    @property
    def import_id(self) -> int:
        return self.job.subject

    @asynccontextmanager
    async def telling(self, deed: str) -> AsyncIterator[Connection]:
        """A transaction whose changes are told not one by one but under the import."""
        more = {"muster.import": f"{self.import_id}.{deed}"}
        async with self.transaction(more) as conn:
            yield conn
