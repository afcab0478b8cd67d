"""`/api/v1/platform`: how the platform is, part by part, so that a slow one keeps none waiting."""

import platform
from typing import Annotated

from fastapi import APIRouter, Request

from api.dependencies import Needs, Transaction
from api.metrics import installed_version
from api.schemas.platform import (
    BridgeStandingsAnswer,
    DatabaseAnswer,
    FeedAnswer,
    ProcessesAnswer,
    SettingsAnswer,
)
from api.strict import StrictRoute
from foundation.settings_in_force import in_force
from registry.scope import Right, Scope
from telemetry import platform as platforms

router = APIRouter(prefix="/api/v1/platform", tags=["platform"], route_class=StrictRoute)

Engineer = Annotated[Scope, Needs(Right.PLATFORM_READ)]


@router.get("/processes", operation_id="list_processes")
async def list_processes(scope: Engineer, conn: Transaction) -> ProcessesAnswer:
    """The processes that are connected to the database, on all hosts, and which kind is missing."""
    found = await platforms.list_processes(conn, scope)
    return ProcessesAnswer.model_validate({"items": found, "missing": platforms.missing(found)})


@router.get("/bridges", operation_id="list_bridges")
async def list_bridges(scope: Engineer, conn: Transaction) -> BridgeStandingsAnswer:
    """Each bridge with its session at the broker, its spool, and how far its feed is followed."""
    found = await platforms.list_bridges(conn, scope)
    return BridgeStandingsAnswer.model_validate({"items": found})


@router.get("/feed", operation_id="read_feed")
async def read_feed(scope: Engineer, conn: Transaction) -> FeedAnswer:
    """How far behind the followers of the feed are, and what people asked for and waits."""
    return FeedAnswer.model_validate(await platforms.read_feed(conn, scope))


@router.get("/database", operation_id="examine_database")
async def examine_database(scope: Engineer, conn: Transaction) -> DatabaseAnswer:
    """Size, connections, oldest transaction, replicas, and the edition of TimescaleDB."""
    return DatabaseAnswer.model_validate(await platforms.examine_database(conn, scope))


@router.get("/settings", operation_id="list_settings")
async def list_settings(_scope: Engineer, request: Request) -> SettingsAnswer:
    """The settings of the API process that answers: of a secret only whether it is set."""
    return SettingsAnswer.model_validate(
        {
            "version": installed_version(),
            "python": platform.python_version(),
            "items": in_force(request.app.state.settings),
        }
    )
