"""The platform engineer's page: every process, bridge, feed, database, storage, setting.

Each part loads on its own and is given up when the database answers it slowly: the others are
readable then.
"""

import platform
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter
from starlette.responses import Response

from api.console.pages.screen import Screen, Shows
from api.metrics import installed_version
from foundation.database import Connection, apply_settings
from foundation.errors import TookTooLong, Unavailable
from foundation.settings_in_force import in_force
from registry.scope import Right, Scope
from telemetry import platform as platforms
from telemetry import retention
from telemetry.platform import BridgeStanding

OnScreen = Annotated[Screen, Shows(Right.PLATFORM_READ)]
Told = TypeVar("Told")

router = APIRouter(prefix="/platform")

_PATIENCE = {"statement_timeout": "3s", "lock_timeout": "2s"}


@router.get("")
async def show(screen: OnScreen) -> Response:
    """How the platform is, in one sentence; the parts that take longer come by themselves."""
    processes = await _read(screen, platforms.list_processes)
    bridges = await _read(screen, platforms.list_bridges)
    return screen.show(
        "platform.html",
        told={"processes": processes, "bridges": bridges},
        missing=platforms.missing(processes or ()),
        unwell=_unwell(bridges or ()),
        version=installed_version(),
        python=platform.python_version(),
        settings=in_force(screen.request.app.state.settings),
    )


@router.get("/processes")
async def processes(screen: OnScreen) -> Response:
    """The processes that are connected now."""
    return _part(screen, "processes", await _read(screen, platforms.list_processes))


@router.get("/bridges")
async def bridges(screen: OnScreen) -> Response:
    """The bridges, their sessions at the broker and their spools."""
    return _part(screen, "bridges", await _read(screen, platforms.list_bridges))


@router.get("/feed")
async def feed(screen: OnScreen) -> Response:
    """Who follows what is stored, and what people asked for."""
    return _part(screen, "feed", await _read(screen, platforms.read_feed))


@router.get("/database")
async def database(screen: OnScreen) -> Response:
    """The database and the server that it is on."""
    return _part(screen, "database", await _read(screen, platforms.examine_database))


@router.get("/storage")
async def storage(screen: OnScreen) -> Response:
    """What readings take on disk."""
    return _part(screen, "storage", await _read(screen, retention.list_storage))


async def _read(
    screen: Screen, verb: Callable[[Connection, Scope], Awaitable[Told]]
) -> Told | None:
    """What a verb tells; None where the database is too slow for it."""
    try:
        async with screen.attempt():
            await apply_settings(screen.conn, _PATIENCE)
            return await verb(screen.conn, screen.scope)
    except (TookTooLong, Unavailable):
        return None


def _part(screen: Screen, name: str, told: object) -> Response:
    return screen.show("platform_part.html", part=name, told=told)


def _unwell(bridges: Sequence[BridgeStanding]) -> int:
    """How many bridges need somebody; those that are gone need nobody."""
    now = datetime.now(UTC)
    return sum(not one.is_well(now) and not one.is_gone(now) for one in bridges)
