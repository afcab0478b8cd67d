"""Commands that act on the registry itself, in the name of whoever has this shell."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from deploy.cli import door
from deploy.embedded import roles
from foundation import settings
from foundation.database import Connection, open_pool, transaction
from registry.scope import Scope

HomeOption = Annotated[
    Path | None,
    typer.Option(help="Home of a running platform; default: MUSTER_DATABASE_URL, else .muster."),
]
Result = TypeVar("Result")


def do(home: Path | None, act: Callable[[Connection, Scope], Awaitable[Result]]) -> Result:
    """Act in one transaction."""
    scope = Scope.system(f"shell of uid {os.getuid()}")

    async def transact() -> Result:
        async with (
            await open_pool(dsn(home), name="cli", max_size=1) as pool,
            transaction(pool, scope.settings()) as conn,
        ):
            return await act(conn, scope)

    return asyncio.run(transact())


def dsn(home: Path | None, role: str = "muster_api") -> str:
    """The database that was named, or that of the platform that runs in the home."""
    chosen = settings.load()
    if home is None and chosen.database_url is not None:
        return chosen.database()
    place = door.home_at(home, chosen)
    door.running(place)
    return roles.dsn_file(place, role).read_text("utf-8")


def day(at: datetime | None) -> str:
    """A date as the tables of our commands show it."""
    return f"{at:%Y-%m-%d}" if at else "never"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns under their names."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        print(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        )
