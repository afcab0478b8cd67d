"""`/api/v1/api-keys`: keys of programs, issued and revoked by who may."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import Creates, Needs, Transaction
from api.paging import After, Limit, link_next
from api.schemas.accounts import ApiKeyAnswer, ApiKeyBody, IssuedAnswer
from api.schemas.shapes import PageOf
from api.strict import StrictRoute
from registry import api_keys
from registry.model import RegionCode
from registry.scope import Right, Role, Scope

router = APIRouter(prefix="/api/v1/api-keys", tags=["API keys"], route_class=StrictRoute)

_USUAL_LIFE = timedelta(days=365)


@router.get("", operation_id="list_api_keys")
async def list_api_keys(
    scope: Annotated[Scope, Needs(Right.API_KEYS_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    role: Role | None = None,
    group_client: Annotated[
        str | None, Query(max_length=64, description="Of it or a client below it.")
    ] = None,
    in_force: bool | None = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[ApiKeyAnswer]:
    """One page of the keys in scope, newest first."""
    page = await api_keys.list_page(
        conn,
        scope,
        role=role,
        group_client=group_client,
        in_force=in_force,
        after=after,
        limit=limit,
    )
    link_next(request, response, page.next_key)
    return PageOf[ApiKeyAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.post("", operation_id="issue_api_key", status_code=201)
async def issue_api_key(
    scope: Annotated[Scope, Creates(Right.API_KEYS_ISSUE)],
    conn: Transaction,
    response: Response,
    body: ApiKeyBody,
) -> IssuedAnswer:
    """A key that may and sees no more than the asker; the answer holds its secret, once."""
    expires_at = body.expires_at
    if "expires_at" not in body.model_fields_set:
        expires_at = datetime.now(UTC) + _USUAL_LIFE
    issued = await api_keys.issue(
        conn,
        scope,
        name=body.name,
        role=body.role,
        region=None if body.region is None else RegionCode(body.region),
        group_clients=body.group_clients,
        expires_at=expires_at,
    )
    response.headers["Location"] = f"/api/v1/api-keys/{issued.key.prefix}"
    return IssuedAnswer.model_validate(issued)


@router.get("/{prefix}", operation_id="find_api_key")
async def find_api_key(
    scope: Annotated[Scope, Needs(Right.API_KEYS_READ)], conn: Transaction, prefix: str
) -> ApiKeyAnswer:
    """One key by the first characters of its secret."""
    return ApiKeyAnswer.model_validate(await api_keys.find(conn, scope, prefix))


@router.delete("/{prefix}", operation_id="revoke_api_key", status_code=204)
async def revoke_api_key(
    scope: Annotated[Scope, Needs(Right.API_KEYS_ISSUE)], conn: Transaction, prefix: str
) -> None:
    """Take a key out of force at once, for good."""
    await api_keys.revoke(conn, scope, prefix)
