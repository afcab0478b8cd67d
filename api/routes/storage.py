"""`/api/v1/storage`: what readings take on disk, and what goes next."""

from typing import Annotated

from fastapi import APIRouter

from api.dependencies import Needs, Transaction
from api.schemas.storage import StoragesAnswer
from api.strict import StrictRoute
from registry.scope import Right, Scope
from telemetry import retention

router = APIRouter(prefix="/api/v1/storage", tags=["profiles"], route_class=StrictRoute)


@router.get("", operation_id="list_storage")
async def list_storage(
    scope: Annotated[Scope, Needs(Right.STORAGE_READ)], conn: Transaction
) -> StoragesAnswer:
    """What the readings of each profile take, as the jobs measured it some minutes ago."""
    return StoragesAnswer.model_validate({"items": await retention.list_storage(conn, scope)})
