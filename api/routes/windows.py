"""`/api/v1/maintenance-windows`: when alarms of some terminals are quiet."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api import etags
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.paging import After, Limit, link_next
from api.schemas.shapes import PageOf
from api.schemas.windows import WindowAnswer, WindowBody, WindowChange
from api.strict import StrictRoute
from registry.scope import Right, Scope
from telemetry.alarms import windows

router = APIRouter(prefix="/api/v1/maintenance-windows", tags=["alarms"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.RULES_READ)]
Number = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("", operation_id="list_maintenance_windows")
async def list_maintenance_windows(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    open_: Annotated[
        bool | None, Query(alias="open", description="Not over yet, or over; both if left out.")
    ] = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[WindowAnswer]:
    """One page of the windows, the last made first."""
    page = await windows.list_page(conn, scope, is_open=open_, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[WindowAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.get("/{number}", operation_id="find_maintenance_window")
async def find_maintenance_window(
    scope: Reader, conn: Transaction, response: Response, number: Number
) -> WindowAnswer:
    """One window; the ETag is its version."""
    found = await windows.find(conn, scope, number)
    return WindowAnswer.model_validate(etags.tag(response, found))


@router.post("", operation_id="plan_maintenance_window", status_code=201)
async def plan_maintenance_window(
    scope: Annotated[Scope, Creates(Right.RULES_CHANGE)],
    conn: Transaction,
    response: Response,
    body: WindowBody,
) -> WindowAnswer:
    """Let alarms of some terminals be quiet for a while."""
    window = await windows.plan(conn, scope, **body.model_dump())
    response.headers["Location"] = f"/api/v1/maintenance-windows/{window.id}"
    return WindowAnswer.model_validate(etags.tag(response, window))


@router.patch("/{number}", operation_id="change_maintenance_window")
async def change_maintenance_window(
    scope: Annotated[Scope, Needs(Right.RULES_CHANGE)],
    conn: Transaction,
    response: Response,
    number: Number,
    body: WindowChange,
    if_match: IfMatch,
) -> WindowAnswer:
    """Let it end at another time; a time that is past ends it now."""
    await if_match.before(windows.find, conn, scope, number)
    given = body.model_dump(exclude_none=True)
    changed = await windows.change(conn, scope, number, **given)
    return WindowAnswer.model_validate(if_match.after(response, changed))
