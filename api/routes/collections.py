"""`/api/v1/collections`: sets of terminals, by hand or by query."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api import etags
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.paging import After, Limit, link_next
from api.schemas.collections import (
    CollectionAnswer,
    CollectionBody,
    CollectionChange,
    MembersChange,
)
from api.schemas.shapes import PageOf
from api.schemas.terminals import TerminalAnswer
from api.strict import StrictRoute
from registry import collections, group_clients
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1/collections", tags=["collections"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.COLLECTIONS_READ)]
Changer = Annotated[Scope, Needs(Right.COLLECTIONS_CHANGE)]
Number = Annotated[int, Path(alias="collection", ge=1, le=2**31 - 1)]


@router.get("", operation_id="list_collections")
async def list_collections(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    group_client: Annotated[
        str | None, Query(max_length=64, description="Of it or a client below it.")
    ] = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[CollectionAnswer]:
    """One page of the collections in scope, by number."""
    owner = None if group_client is None else await group_clients.find(conn, scope, group_client)
    page = await collections.list_page(
        conn, scope, group_client=None if owner is None else owner.id, after=after, limit=limit
    )
    link_next(request, response, page.next_key)
    return PageOf[CollectionAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.post("", operation_id="create_collection", status_code=201)
async def create_collection(
    scope: Annotated[Scope, Creates(Right.COLLECTIONS_CHANGE)],
    conn: Transaction,
    response: Response,
    body: CollectionBody,
) -> CollectionAnswer:
    """A new collection of a group client, or of your own region."""
    created = await collections.create(
        conn,
        scope,
        name=body.name,
        group_client=body.group_client,
        query=None if body.query is None else body.query.query(),
    )
    response.headers["Location"] = f"/api/v1/collections/{created.id}"
    return CollectionAnswer.model_validate(etags.tag(response, created))


@router.get("/{collection}", operation_id="find_collection")
async def find_collection(
    scope: Reader, conn: Transaction, response: Response, number: Number
) -> CollectionAnswer:
    """One collection by its number; the ETag is its version."""
    found = await collections.find(conn, scope, number)
    return CollectionAnswer.model_validate(etags.tag(response, found))


@router.patch("/{collection}", operation_id="change_collection")
async def change_collection(
    scope: Changer,
    conn: Transaction,
    response: Response,
    number: Number,
    body: CollectionChange,
    if_match: IfMatch,
) -> CollectionAnswer:
    """Give a collection another name or query."""
    await if_match.before(collections.find, conn, scope, number)
    changed = await collections.change(
        conn,
        scope,
        number,
        name=body.name,
        query=None if body.query is None else body.query.query(),
    )
    return CollectionAnswer.model_validate(if_match.after(response, changed))


@router.delete("/{collection}", operation_id="delete_collection", status_code=204)
async def delete_collection(scope: Changer, conn: Transaction, number: Number) -> None:
    """Take a collection apart; its terminals stay what they are."""
    await collections.delete(conn, scope, number)


@router.get("/{collection}/members", operation_id="list_members")
async def list_members(
    scope: Annotated[Scope, Needs(Right.TERMINALS_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    number: Number,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[TerminalAnswer]:
    """One page of the terminals in scope that are in a collection now."""
    page = await collections.list_members(conn, scope, number, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[TerminalAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.patch("/{collection}/members", operation_id="alter_members")
async def alter_members(
    scope: Changer,
    conn: Transaction,
    response: Response,
    number: Number,
    body: MembersChange,
    if_match: IfMatch,
) -> CollectionAnswer:
    """Put terminals into a collection by hand and take others out: all of it, or nothing."""
    await if_match.before(collections.find, conn, scope, number)
    altered = await collections.alter_members(conn, scope, number, add=body.add, remove=body.remove)
    return CollectionAnswer.model_validate(if_match.after(response, altered))
