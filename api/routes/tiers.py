"""`/api/v1/tiers`"""

from typing import Annotated

from fastapi import APIRouter, Response

from api import etags
from api.dependencies import Needs, Transaction
from api.etags import IfMatch
from api.schemas.client_files import TierAnswer, TierChange, TiersAnswer
from api.strict import StrictRoute
from registry import tiers
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1/tiers", tags=["tiers"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.TIERS_READ)]


@router.get("", operation_id="list_tiers")
async def list_tiers(scope: Reader, conn: Transaction) -> TiersAnswer:
    """Every tier, by code."""
    return TiersAnswer.of(await tiers.list_all(conn, scope))


@router.get("/{code}", operation_id="find_tier")
async def find_tier(scope: Reader, conn: Transaction, response: Response, code: str) -> TierAnswer:
    """One tier by its code; the ETag is its version."""
    return TierAnswer.model_validate(etags.tag(response, await tiers.find(conn, scope, code)))


@router.patch("/{code}", operation_id="change_tier")
async def change_tier(
    scope: Annotated[Scope, Needs(Right.TIERS_CHANGE)],
    conn: Transaction,
    response: Response,
    code: str,
    body: TierChange,
    if_match: IfMatch,
) -> TierAnswer:
    """Let a tier be otherwise from now on; who has more than a smaller quota allows keeps it."""
    await if_match.before(tiers.find, conn, scope, code)
    changed = await tiers.change(conn, scope, code, **body.model_dump(exclude_unset=True))
    return TierAnswer.model_validate(if_match.after(response, changed))
