"""`muster storage`: what readings take on disk, how long they are kept, and what goes next."""

import asyncio

import typer

from deploy.cli import acting
from deploy.cli.acting import HomeOption
from foundation.database import open_pool, transaction
from registry.scope import Scope
from telemetry import retention
from telemetry.retention import Storage

app = typer.Typer()

_SCOPE = Scope.system("storage")
_HEADS = ("profile", "raw", "compressed", "roll-ups", "since", "days kept", "next drop",
          "held", "last drop")  # fmt: skip


@app.command()
def storage(home: HomeOption = None) -> None:
    """Say of each profile what its readings take, from when they are, and when the next ones go.

    As the jobs measured it last. Connects to MUSTER_DATABASE_URL (as `muster_jobs`), or to a
    home's.
    """

    async def listed() -> tuple[Storage, ...]:
        async with (
            await open_pool(acting.dsn(home, "muster_jobs"), name="cli", max_size=1) as pool,
            transaction(pool, _SCOPE.settings()) as conn,
        ):
            return await retention.list_storage(conn, _SCOPE)

    acting.table(_HEADS, [_row(one) for one in asyncio.run(listed())])


def _row(one: Storage) -> list[str]:
    return [
        one.profile,
        f"{one.raw_bytes / 1e6:,.1f} MB ({one.raw_chunks} chunks)",
        f"{one.compressed_bytes / 1e6:,.1f} MB ({one.compressed_chunks})",
        f"{one.rollup_bytes / 1e6:,.1f} MB",
        acting.day(one.raw_since),
        "for ever" if one.kept_days is None else str(one.kept_days),
        acting.day(one.next_drop_at),
        str(one.held_chunks),
        acting.day(one.dropped_at),
    ]
