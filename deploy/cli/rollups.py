"""`muster rollups`: what was written past the bridge, or restored, is rolled up by order."""

import asyncio
from typing import Annotated

import typer

from deploy.cli import acting
from deploy.cli.acting import HomeOption
from foundation.database import open_pool, transaction
from registry import profiles
from registry.scope import Scope
from telemetry import rollups as rolling

app = typer.Typer()
rollups = typer.Typer(no_args_is_help=True, help="The roll-ups of readings by hour and day.")
app.add_typer(rollups, name="rollups")

_SCOPE = Scope.system("rollups")


@rollups.callback()
def _commands() -> None:
    """The roll-ups of readings by hour and day."""


@rollups.command()
def anew(
    profile: Annotated[str | None, typer.Argument(help="Its code; default: every profile.")] = None,
    home: HomeOption = None,
) -> None:
    """Let the jobs roll up all raw readings again, the newest first; reads stay right meanwhile.

    For readings that no bridge stored, such as a COPY of another platform's. Connects to
    MUSTER_DATABASE_URL (as `muster_jobs`), or to a home's.
    """

    async def begin() -> None:
        async with (
            await open_pool(acting.dsn(home, "muster_jobs"), name="cli", max_size=1) as pool,
            transaction(pool, _SCOPE.settings()) as conn,
        ):
            found = None if profile is None else await profiles.find(conn, _SCOPE, profile)
            await rolling.begin_anew(conn, found)

    asyncio.run(begin())
    print("The jobs begin anew. muster_rollup_incomplete_profiles is 0 when they are done.")
