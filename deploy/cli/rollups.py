"""`muster rollups`: what was written past the bridge, or restored, is rolled up by order."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from deploy.cli import acting
from deploy.cli.acting import HomeOption
from foundation.database import Connection, open_pool, transaction
from registry import profiles
from registry.scope import Scope
from telemetry import retention
from telemetry import rollups as rolling

app = typer.Typer()
rollups = typer.Typer(no_args_is_help=True, help="The roll-ups of readings by hour and day.")
app.add_typer(rollups, name="rollups")

_SCOPE = Scope.system("rollups")
Result = TypeVar("Result")


@rollups.command()
def anew(
    profile: Annotated[str | None, typer.Argument(help="Its code; default: every profile.")] = None,
    home: HomeOption = None,
) -> None:
    """Let the jobs roll up all raw readings again, the newest first; reads stay right meanwhile.

    For readings that no bridge stored, such as a COPY of another platform's. Connects to
    MUSTER_DATABASE_URL (as `muster_jobs`), or to a home's.
    """

    async def begin(conn: Connection) -> None:
        found = None if profile is None else await profiles.find(conn, _SCOPE, profile)
        await rolling.begin_anew(conn, found)

    _do(home, begin)
    print("The jobs begin anew. muster_rollup_incomplete_profiles is 0 when they are done.")


@rollups.command()
def forget_raw(
    profile: Annotated[str, typer.Argument(help="Its code.")],
    before: Annotated[datetime, typer.Option(help="What was measured before this day (UTC).")],
    home: HomeOption = None,
) -> None:
    """Drop old raw readings of a profile for good; only those that are rolled up entirely.

    By whole chunks, and none into which readings may still come, or that a legal hold keeps. Hours
    that a change of hands cuts are in no roll-up: of them nobody sees anything any more.
    """

    async def forget(conn: Connection) -> int:
        found = await profiles.find(conn, _SCOPE, profile)
        return await retention.forget_raw(conn, found, before.replace(tzinfo=UTC))

    print(f"{_do(home, forget)} chunks of raw readings were dropped; their roll-ups stay.")


def _do(home: Path | None, act: Callable[[Connection], Awaitable[Result]]) -> Result:
    async def transact() -> Result:
        async with (
            await open_pool(acting.dsn(home, "muster_jobs"), name="cli", max_size=1) as pool,
            transaction(pool, _SCOPE.settings()) as conn,
        ):
            return await act(conn)

    return asyncio.run(transact())
