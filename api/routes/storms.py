"""`/api/v1/storm-thresholds`: when many that fall silent together are one alarm."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api import etags
from api.dependencies import Needs, Transaction
from api.etags import IfMatch
from api.schemas.storms import ThresholdAnswer, ThresholdChange, ThresholdsAnswer
from api.strict import StrictRoute
from registry.scope import Right, Scope
from telemetry.alarms import storm_thresholds

router = APIRouter(prefix="/api/v1/storm-thresholds", tags=["alarms"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.RULES_READ)]
By = Annotated[str, Path(max_length=20, description="What the terminals of a storm share.")]


@router.get("", operation_id="list_storm_thresholds")
async def list_storm_thresholds(scope: Reader, conn: Transaction) -> ThresholdsAnswer:
    """Each of them, by what is shared."""
    found = await storm_thresholds.list_all(conn, scope)
    return ThresholdsAnswer.model_validate({"items": found})


@router.get("/{shared}", operation_id="find_storm_threshold")
async def find_storm_threshold(
    scope: Reader, conn: Transaction, response: Response, shared: By
) -> ThresholdAnswer:
    """One of them; the ETag is its version."""
    found = await storm_thresholds.find(conn, scope, shared)
    return ThresholdAnswer.model_validate(etags.tag(response, found))


@router.patch("/{shared}", operation_id="change_storm_threshold")
async def change_storm_threshold(
    scope: Annotated[Scope, Needs(Right.STORMS_CHANGE)],
    conn: Transaction,
    response: Response,
    shared: By,
    body: ThresholdChange,
    if_match: IfMatch,
) -> ThresholdAnswer:
    """Let storms begin otherwise from now on."""
    await if_match.before(storm_thresholds.find, conn, scope, shared)
    given = body.model_dump(exclude_none=True)
    changed = await storm_thresholds.change(conn, scope, shared, **given)
    return ThresholdAnswer.model_validate(if_match.after(response, changed))
