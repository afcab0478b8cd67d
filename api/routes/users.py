"""`/api/v1/users`: people who sign in, appointed, changed and let go by who may."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from api import etags
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.paging import After, Limit, link_next
from api.schemas.accounts import (
    AppointedAnswer,
    PasswordAnswer,
    PasswordBody,
    SessionsAnswer,
    UserAnswer,
    UserBody,
    UserChange,
)
from api.schemas.shapes import PageOf
from api.strict import StrictRoute
from registry import passwords, sessions, users
from registry.model import RegionCode
from registry.rules import Rules
from registry.scope import Right, Role, Scope

router = APIRouter(prefix="/api/v1/users", tags=["users"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.USERS_READ)]
Appointer = Annotated[Scope, Needs(Right.USERS_APPOINT)]


@router.get("", operation_id="list_users")
async def list_users(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    prefix: Annotated[str | None, Query(max_length=64, description="Of the name.")] = None,
    role: Role | None = None,
    group_client: Annotated[
        str | None, Query(max_length=64, description="Of it or a client below it.")
    ] = None,
    disabled: bool | None = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[UserAnswer]:
    """One page of the users in scope, by name."""
    page = await users.list_page(
        conn,
        scope,
        prefix=prefix,
        role=role,
        group_client=group_client,
        disabled=disabled,
        after=after,
        limit=limit,
    )
    link_next(request, response, page.next_key)
    return PageOf[UserAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.post("", operation_id="appoint_user", status_code=201)
async def appoint_user(
    scope: Annotated[Scope, Creates(Right.USERS_APPOINT)],
    conn: Transaction,
    request: Request,
    response: Response,
    body: UserBody,
) -> AppointedAnswer:
    """Give a person an account, no wider than the asker's own."""
    rules: Rules = request.app.state.rules
    made = passwords.one_time(rules) if body.password is None else None
    user = await users.appoint(
        conn,
        scope,
        name=body.name,
        password=made or body.password or "",
        role=body.role,
        region=None if body.region is None else RegionCode(body.region),
        group_clients=body.group_clients,
        must_change=True,
        rules=rules,
    )
    response.headers["Location"] = f"/api/v1/users/{user.name}"
    return AppointedAnswer(user=UserAnswer.model_validate(etags.tag(response, user)), password=made)


@router.get("/{name}", operation_id="find_user")
async def find_user(scope: Reader, conn: Transaction, response: Response, name: str) -> UserAnswer:
    """One user by name."""
    return UserAnswer.model_validate(etags.tag(response, await users.find(conn, scope, name)))


@router.patch("/{name}", operation_id="change_user")
async def change_user(
    scope: Appointer,
    conn: Transaction,
    response: Response,
    name: str,
    body: UserChange,
    if_match: IfMatch,
) -> UserAnswer:
    """Another role or reach, out of force or in again; all their sessions end."""
    await if_match.before(users.find, conn, scope, name)
    user = await users.change(
        conn,
        scope,
        name,
        role=body.role,
        region=None if body.region is None else RegionCode(body.region),
        group_clients=body.group_clients,
        disabled=body.disabled,
    )
    return UserAnswer.model_validate(if_match.after(response, user))


@router.post("/{name}/password", operation_id="set_user_password")
async def set_user_password(
    scope: Appointer, conn: Transaction, request: Request, name: str, body: PasswordBody
) -> PasswordAnswer:
    """A new password for somebody else, to be changed at the next sign-in; their sessions end."""
    rules: Rules = request.app.state.rules
    made = passwords.one_time(rules) if body.password is None else None
    await users.set_password(conn, scope, name, made or body.password or "", rules=rules)
    return PasswordAnswer(password=made)


@router.delete("/{name}/second-factor", operation_id="reset_second_factor", status_code=204)
async def reset_second_factor(scope: Appointer, conn: Transaction, name: str) -> None:
    """Forget somebody's second factor, which was lost; their sessions end."""
    await users.reset_second_factor(conn, scope, name)


@router.get("/{name}/sessions", operation_id="list_sessions")
async def list_sessions(scope: Reader, conn: Transaction, name: str) -> SessionsAnswer:
    """The open sessions of a user."""
    listed = await sessions.list_of(conn, scope, name)
    return SessionsAnswer.model_validate({"items": listed})


@router.delete("/{name}/sessions", operation_id="end_sessions", status_code=204)
async def end_sessions(scope: Appointer, conn: Transaction, name: str) -> None:
    """Sign a user out everywhere."""
    await sessions.end_of(conn, scope, name)


@router.delete("/{name}/sessions/{session}", operation_id="end_session", status_code=204)
async def end_session(scope: Appointer, conn: Transaction, name: str, session: UUID) -> None:
    """End one session of a user."""
    await sessions.end_of(conn, scope, name, session)
