"""`/api/v1/audit`: who changed what, and who was refused what."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.dependencies import Needs, Transaction
from api.paging import After, Limit, link_next
from api.schemas.audit import AuditEntryAnswer
from api.schemas.shapes import Instant, PageOf
from api.strict import StrictRoute
from registry import audit
from registry.audit import Outcome
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.AUDIT_READ)]
_MOST = 2**63 - 1


@router.get("", operation_id="list_audit_entries")
async def list_audit_entries(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    actor: Annotated[str | None, Query(max_length=80, description="As an entry has it.")] = None,
    key: Annotated[
        str | None, Query(max_length=80, description="Code or number of a thing, a user's name.")
    ] = None,
    action: Annotated[str | None, Query(max_length=200, description="As an entry has it.")] = None,
    outcome: Outcome | None = None,
    tenant: Annotated[
        str | None, Query(max_length=64, description="Code of the owner; `-` is the operator.")
    ] = None,
    start: Annotated[Instant | None, Query(alias="from", description="Not before.")] = None,
    end: Annotated[Instant | None, Query(alias="to", description="Before.")] = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[AuditEntryAnswer]:
    """One page of the entries in scope, newest first."""
    page = await audit.list_page(
        conn,
        scope,
        actor=actor,
        key=key,
        action=action,
        outcome=outcome,
        tenant=tenant,
        start=start,
        end=end,
        after=after,
        limit=limit,
    )
    link_next(request, response, page.next_key)
    return PageOf[AuditEntryAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.get("/{entry}", operation_id="find_audit_entry")
async def find_audit_entry(
    scope: Reader, conn: Transaction, entry: Annotated[int, Path(ge=1, le=_MOST)]
) -> AuditEntryAnswer:
    """One entry with everything that it changed."""
    return AuditEntryAnswer.model_validate(await audit.find(conn, scope, entry))
