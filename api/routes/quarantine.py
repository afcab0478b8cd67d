"""`/api/v1/quarantine`: what could never be stored, raw, with the reason."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import Needs, Transaction
from api.paging import After, Limit, link_next
from api.schemas.shapes import PageOf
from api.schemas.telemetry import QuarantinedAnswer, QuarantinedMessageAnswer
from api.strict import StrictRoute
from registry.scope import Right, Scope
from telemetry import reader
from telemetry.model import Reason

router = APIRouter(prefix="/api/v1/quarantine", tags=["quarantine"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.QUARANTINE_READ)]


@router.get("", operation_id="list_quarantine")
async def list_quarantine(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    reason: Reason | None = None,
    terminal: Annotated[str | None, Query(max_length=64)] = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[QuarantinedAnswer]:
    """One page of the refused messages in scope, newest first."""
    page = await reader.list_quarantine(
        conn, scope, terminal_code=terminal, reason=reason, after=after, limit=limit
    )
    link_next(request, response, page.next_key)
    return PageOf[QuarantinedAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.get("/{item}", operation_id="find_quarantined")
async def find_quarantined(scope: Reader, conn: Transaction, item: int) -> QuarantinedMessageAnswer:
    """One refused message with its bytes."""
    return QuarantinedMessageAnswer.model_validate(await reader.find_quarantined(conn, scope, item))
