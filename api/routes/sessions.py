"""`/api/v1/sessions`: signing in, in one step or two, and out."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from api import auth
from api.dependencies import Needs, Transaction, Who
from api.schemas.accounts import CodeBody, SignedInAnswer, SignInBody
from api.strict import StrictRoute
from api.witness import trace
from foundation.database import apply_settings
from registry import second_factor, sessions
from registry.errors import NotAPerson
from registry.scope import Right, Scope
from registry.sessions import Opened

router = APIRouter(prefix="/api/v1/sessions", tags=["sessions"], route_class=StrictRoute)


@router.post("", operation_id="sign_in", status_code=201)
async def sign_in(request: Request, response: Response, body: SignInBody) -> SignedInAnswer:
    """Open a session, kept in a cookie; `awaits` says what has to be done first."""
    opened = await request.app.state.sign_in.open(
        request.app.state.pool, request, body.name, body.password
    )
    return answered(request, response, opened)


@router.post("/second-factor", operation_id="give_second_factor")
async def give_second_factor(
    scope: Annotated[Scope, Needs(Right.ACCOUNT_READ)],
    caller: Who,
    conn: Transaction,
    request: Request,
    response: Response,
    body: CodeBody,
) -> SignedInAnswer:
    """The second step of a sign-in; the session goes on under a new cookie."""
    if caller.token is None:
        raise NotAPerson
    with request.app.state.sign_in.guessing(request, caller.name, code=True):
        opened = await second_factor.give(
            conn, scope, caller.token, body.code, request.app.state.rules
        )
    return answered(request, response, opened)


@router.delete("/current", operation_id="sign_out", status_code=204)
async def sign_out(request: Request, response: Response, conn: Transaction) -> None:
    """End the session of the cookie, everywhere."""
    token = auth.token_of(request)
    if token is not None:
        await apply_settings(conn, trace(request))
        await sessions.close(conn, token)
    auth.forget(response, request)


def answered(request: Request, response: Response, opened: Opened) -> SignedInAnswer:
    """The session's new token in the cookie, and what it awaits."""
    auth.remember(response, request, opened.token)
    name = opened.scope.actor.partition(":")[2]
    return SignedInAnswer(name=name, awaits=opened.scope.awaits)
