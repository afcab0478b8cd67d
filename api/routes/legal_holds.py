"""`/api/v1/legal-holds`: what was measured and is not dropped, however old."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api import etags
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.paging import After, Limit, link_next
from api.schemas.legal_holds import LegalHoldAnswer, LegalHoldBody, LiftingBody
from api.schemas.shapes import PageOf
from api.strict import StrictRoute
from registry import legal_holds
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1/legal-holds", tags=["legal-holds"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.LEGAL_HOLDS_READ)]
Number = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("", operation_id="list_legal_holds")
async def list_legal_holds(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    lifted: Annotated[bool | None, Query(description="Only those, or only the others.")] = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[LegalHoldAnswer]:
    """One page of the legal holds, newest first."""
    page = await legal_holds.list_page(conn, scope, lifted=lifted, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[LegalHoldAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.post("", operation_id="place_legal_hold", status_code=201)
async def place_legal_hold(
    scope: Annotated[Scope, Creates(Right.LEGAL_HOLDS_PLACE)],
    conn: Transaction,
    response: Response,
    body: LegalHoldBody,
) -> LegalHoldAnswer:
    """Keep what was measured of one thing until the hold is lifted; what is gone stays gone."""
    placed = await legal_holds.place(conn, scope, **body.model_dump())
    response.headers["Location"] = f"/api/v1/legal-holds/{placed.id}"
    return LegalHoldAnswer.model_validate(etags.tag(response, placed))


@router.get("/{number}", operation_id="find_legal_hold")
async def find_legal_hold(
    scope: Reader, conn: Transaction, response: Response, number: Number
) -> LegalHoldAnswer:
    """One legal hold; the ETag is its version."""
    found = await legal_holds.find(conn, scope, number)
    return LegalHoldAnswer.model_validate(etags.tag(response, found))


@router.post("/{number}/lifting", operation_id="lift_legal_hold")
async def lift_legal_hold(
    scope: Annotated[Scope, Needs(Right.LEGAL_HOLDS_PLACE)],
    conn: Transaction,
    response: Response,
    number: Number,
    body: LiftingBody,
    if_match: IfMatch,
) -> LegalHoldAnswer:
    """Let what it keeps go, where nothing else keeps it; the hold stays on record."""
    await if_match.before(legal_holds.find, conn, scope, number)
    lifted = await legal_holds.lift(conn, scope, number, body.reason)
    return LegalHoldAnswer.model_validate(if_match.after(response, lifted))
