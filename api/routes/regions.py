"""`/api/v1/regions`"""

from typing import Annotated

from fastapi import APIRouter

from api.dependencies import Needs, Transaction
from api.schemas.regions import RegionAnswer, RegionsAnswer
from api.strict import StrictRoute
from registry import regions
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1/regions", tags=["regions"], route_class=StrictRoute)


@router.get("", operation_id="list_regions")
async def list_regions(
    scope: Annotated[Scope, Needs(Right.REGIONS_READ)], conn: Transaction
) -> RegionsAnswer:
    """The whole supervision tree, parents before their children."""
    return RegionsAnswer.model_validate({"items": await regions.list_all(conn, scope)})


@router.get("/{code}", operation_id="find_region")
async def find_region(
    scope: Annotated[Scope, Needs(Right.REGIONS_READ)], conn: Transaction, code: int
) -> RegionAnswer:
    """One region by its code."""
    return RegionAnswer.model_validate(await regions.find(conn, scope, code))
