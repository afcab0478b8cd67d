"""`/api/v1/group-clients/{code}/file`: what is known of a client, its life, its evidence."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from api import etags
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.paging import After, Limit, link_next
from api.schemas.client_files import (
    ClientStandingAnswer,
    EvidenceAnswer,
    EvidenceBody,
    FileAnswer,
    FileChange,
    FileMoveAnswer,
    FileMoveBody,
    StandingBody,
)
from api.schemas.shapes import PageOf
from api.strict import StrictRoute
from registry import client_files
from registry.file_model import Document
from registry.identifiers import CreditCode
from registry.scope import Right, Scope

router = APIRouter(
    prefix="/api/v1/group-clients/{code}/file", tags=["group clients"], route_class=StrictRoute
)

Reader = Annotated[Scope, Needs(Right.CLIENT_FILES_READ)]
Keeper = Annotated[Scope, Creates(Right.CLIENT_FILES_KEEP)]


@router.get("", operation_id="find_client_file")
async def find_client_file(
    scope: Reader, conn: Transaction, response: Response, code: str
) -> FileAnswer:
    """The file of a client; the ETag is the client's version."""
    file = await client_files.find(conn, scope, code)
    return FileAnswer.of(etags.tag(response, file))


@router.patch("", operation_id="change_client_file")
async def change_client_file(
    scope: Annotated[Scope, Needs(Right.CLIENT_FILES_KEEP)],
    conn: Transaction,
    response: Response,
    code: str,
    body: FileChange,
    if_match: IfMatch,
) -> FileAnswer:
    """Note what a survey found, and whom to ask.

    Credit code, value grade and close care take `group_clients.change`. Another credit code makes
    a verified file due.
    """
    await if_match.before(client_files.find, conn, scope, code)
    noted: dict[str, Any] = body.model_dump(exclude_unset=True)
    if noted.get("credit_code") is not None:
        noted["credit_code"] = CreditCode.parse(noted["credit_code"])
    if "contacts" in noted:
        noted["contacts"] = [one.contact() for one in body.contacts or ()]
    changed = await client_files.change(conn, scope, code, **noted)
    return FileAnswer.of(if_match.after(response, changed))


@router.get("/moves", operation_id="list_client_file_moves")
async def list_client_file_moves(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    code: str,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[FileMoveAnswer]:
    """One page of the states that a file came to: who, when, why, newest first."""
    page = await client_files.list_moves(conn, scope, code, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[FileMoveAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.post("/moves", operation_id="move_client_file", status_code=201)
async def move_client_file(
    scope: Keeper,
    conn: Transaction,
    response: Response,
    code: str,
    body: FileMoveBody,
    if_match: IfMatch,
) -> FileAnswer:
    """Bring a file into another state; who filed it does not verify it.

    To verify takes `client_files.verify`, to close `group_clients.change`, to reopen
    `group_clients.register`.
    """
    await if_match.before(client_files.find, conn, scope, code)
    moved = await client_files.move_to(
        conn, scope, code, body.state, reason=body.reason, due_at=body.due_at
    )
    return FileAnswer.of(if_match.after(response, moved))


@router.get("/standings", operation_id="list_client_standings")
async def list_client_standings(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    code: str,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[ClientStandingAnswer]:
    """One page of the standings that a client came to, each with its date, newest first."""
    page = await client_files.list_standings(conn, scope, code, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[ClientStandingAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.post("/standings", operation_id="set_client_standing", status_code=201)
async def set_client_standing(
    scope: Annotated[Scope, Creates(Right.GROUP_CLIENTS_CHANGE)],
    conn: Transaction,
    response: Response,
    code: str,
    body: StandingBody,
    if_match: IfMatch,
) -> FileAnswer:
    """Put on record that a client is a prospect, a customer or lost since an instant."""
    await if_match.before(client_files.find, conn, scope, code)
    changed = await client_files.set_standing(
        conn, scope, code, body.standing, since=body.since, reason=body.reason
    )
    return FileAnswer.of(if_match.after(response, changed))


@router.get("/evidence", operation_id="list_client_evidence")
async def list_client_evidence(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    code: str,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[EvidenceAnswer]:
    """One page of the documents of a file, newest first."""
    page = await client_files.list_evidence(conn, scope, code, after=after, limit=limit)
    link_next(request, response, page.next_key)
    items = [EvidenceAnswer.of(added) for added in page.items]
    return PageOf[EvidenceAnswer](items=items, next=page.next_key)


@router.post("/evidence", operation_id="add_client_evidence", status_code=201)
async def add_client_evidence(
    scope: Keeper, conn: Transaction, code: str, body: EvidenceBody
) -> EvidenceAnswer:
    """Put on record that there is a document; it is neither changed nor taken out again."""
    document = Document.of(body.name, body.sha256, body.note)
    return EvidenceAnswer.of(await client_files.add_evidence(conn, scope, code, document))
