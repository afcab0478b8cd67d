"""`/api/v1/search`: whatever people have in hand, found wherever it is."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import Needs, Transaction
from api.schemas.search import FoundAnswer, SearchAnswer
from api.strict import StrictRoute
from registry import search
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1/search", tags=["search"], route_class=StrictRoute)


@router.get("", operation_id="search")
async def find_anything(
    scope: Annotated[Scope, Needs(Right.TERMINALS_READ)],
    conn: Transaction,
    q: Annotated[
        str,
        Query(
            max_length=64,
            description="The beginning of a code, IMEI, ICCID, IMSI, MSISDN or wire name,"
            " or two characters of a name.",
        ),
    ],
    limit: Annotated[
        int, Query(ge=1, le=search.MOST, description="Of each kind and field at most.")
    ] = 10,
) -> SearchAnswer:
    """The terminals, SIMs and group clients in scope that are called so."""
    found = await search.look_up(conn, scope, q, most=limit)
    return SearchAnswer(items=[FoundAnswer.model_validate(one) for one in found])
