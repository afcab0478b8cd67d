"""`/api/v1/telemetry/exports`: big windows as files, written by a job and fetched in pieces."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api import exported, limits
from api.dependencies import Creates, LooksBack, Needs, Transaction
from api.paging import After, Limit, link_next
from api.schemas.exports import ExportAnswer, ExportBody
from api.schemas.shapes import PageOf
from api.strict import StrictRoute
from registry.scope import Right, Scope
from telemetry.exports import asking
from telemetry.exports.model import Bounds, ExportState

router = APIRouter(prefix="/api/v1/telemetry/exports", tags=["exports"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.TELEMETRY_READ)]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post("", operation_id="ask_export", status_code=202)
async def ask_export(
    scope: Annotated[Scope, Creates(Right.TELEMETRY_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    body: ExportBody,
) -> ExportAnswer:
    """Have readings or events written into a file, in your scope as it is when they are read."""
    bounds = Bounds.of(request.app.state.settings)
    made = await asking.ask(conn, scope, body.wanted(), body.format, bounds)
    response.headers["Location"] = f"/api/v1/telemetry/exports/{made.id}"
    return ExportAnswer.of(made)


@router.get("", operation_id="list_exports")
async def list_exports(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    state: ExportState | None = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[ExportAnswer]:
    """One page of your exports, newest first; an administrator sees everybody's."""
    page = await asking.list_page(conn, scope, state=state, after=after, limit=limit)
    link_next(request, response, page.next_key)
    items = [ExportAnswer.of(export) for export in page.items]
    return PageOf[ExportAnswer](items=items, next=page.next_key)


@router.get("/{number}", operation_id="find_export")
async def find_export(scope: Reader, conn: Transaction, number: Number) -> ExportAnswer:
    """One export: how far it is, and what is known of its file."""
    return ExportAnswer.of(await asking.find(conn, scope, number))


@router.get(
    "/{number}/file",
    operation_id="fetch_export",
    response_class=Response,
    responses=exported.RESPONSES,
)
@limits.expensive
async def fetch_export(
    scope: Annotated[Scope, LooksBack(Right.TELEMETRY_READ)],
    conn: Transaction,
    request: Request,
    number: Number,
) -> Response:
    """The file of an export that is done, or with `Range` a part of it.

    A download that was broken off goes on with `Range: bytes=<what you have>-` and `If-Range`.
    """
    return await exported.response(request, conn, scope, number)


@router.delete("/{number}", operation_id="delete_export", status_code=204)
async def delete_export(scope: Reader, conn: Transaction, number: Number) -> None:
    """Cancel an export that is not finished; take any other one away with its file."""
    await asking.delete(conn, scope, number)
