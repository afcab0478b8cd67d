"""`/api/v1/me`: who asks; and the own password, second factor and sessions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response

from api import auth
from api.auth import Caller
from api.dependencies import Creates, Needs, Transaction, Who
from api.schemas.accounts import (
    CodeBody,
    EnrolmentAnswer,
    MeAnswer,
    OwnPasswordBody,
    RecoveryCodesAnswer,
    SessionsAnswer,
    UserAnswer,
)
from api.strict import StrictRoute
from registry import group_clients, second_factor, sessions, users
from registry.errors import NotAPerson
from registry.model import GroupClientId
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1/me", tags=["me"], route_class=StrictRoute)

Enrolling = Annotated[Scope, Needs(Right.ACCOUNT_ENROL)]
Overseeing = Annotated[Scope, Needs(Right.ACCOUNT_OVERSEE)]


@router.get("", operation_id="who_am_i")
async def who_am_i(
    scope: Annotated[Scope, Needs(Right.ACCOUNT_READ)], caller: Who, conn: Transaction
) -> MeAnswer:
    """Who asks, and what they may do and see."""
    account = None if caller.token is None else await users.find_own(conn, scope)
    codes: tuple[str, ...] = ()
    if Right.GROUP_CLIENTS_READ in scope.rights:
        ids = [GroupClientId(each) for each in scope.group_clients]
        codes = await group_clients.list_codes(conn, scope, ids)
    return MeAnswer(
        kind="key" if account is None else "user",
        name=caller.name,
        rights=sorted(scope.rights),
        everything=scope.everything,
        region=None if scope.region is None else scope.region.low,
        group_clients=list(codes),
        awaits=scope.awaits,
        account=None if account is None else UserAnswer.model_validate(account),
    )


@router.put("/password", operation_id="change_own_password", status_code=204)
async def change_own_password(
    scope: Annotated[Scope, Needs(Right.ACCOUNT_SET_PASSWORD)],
    caller: Who,
    conn: Transaction,
    request: Request,
    response: Response,
    body: OwnPasswordBody,
) -> None:
    """A new password; all other sessions end, this one goes on under a new cookie."""
    with request.app.state.sign_in.guessing(request, caller.name):
        opened = await sessions.change_password(
            conn, scope, token_of(caller), body.current, body.new, request.app.state.rules
        )
    auth.remember(response, request, opened.token)


@router.post("/second-factor", operation_id="begin_second_factor", status_code=201)
async def begin_second_factor(
    scope: Annotated[Scope, Creates(Right.ACCOUNT_ENROL)], conn: Transaction, request: Request
) -> EnrolmentAnswer:
    """A secret for an app of codes (RFC 6238); of no force until a first code confirms it."""
    enrolment = await second_factor.begin(conn, scope, request.app.state.rules)
    return EnrolmentAnswer.model_validate(enrolment)


@router.post("/second-factor/confirmation", operation_id="confirm_second_factor")
async def confirm_second_factor(
    scope: Enrolling,
    caller: Who,
    conn: Transaction,
    request: Request,
    response: Response,
    body: CodeBody,
) -> RecoveryCodesAnswer:
    """Put the second factor in force; all other sessions end, this one goes on."""
    with request.app.state.sign_in.guessing(request, caller.name, code=True):
        opened, codes = await second_factor.confirm(
            conn, scope, token_of(caller), body.code, request.app.state.rules
        )
    auth.remember(response, request, opened.token)
    return RecoveryCodesAnswer(recovery_codes=list(codes))


@router.post("/second-factor/recovery-codes", operation_id="renew_recovery_codes")
async def renew_recovery_codes(
    scope: Enrolling, caller: Who, conn: Transaction, request: Request, body: CodeBody
) -> RecoveryCodesAnswer:
    """Ten new recovery codes instead of those there are, given a code."""
    with request.app.state.sign_in.guessing(request, caller.name, code=True):
        codes = await second_factor.renew_recovery_codes(
            conn, scope, body.code, request.app.state.rules
        )
    return RecoveryCodesAnswer(recovery_codes=list(codes))


@router.post("/second-factor/removal", operation_id="remove_second_factor", status_code=204)
async def remove_second_factor(
    scope: Enrolling, caller: Who, conn: Transaction, request: Request, body: CodeBody
) -> None:
    """Forget the own second factor, given one more code of it: before a new phone, say."""
    with request.app.state.sign_in.guessing(request, caller.name, code=True):
        await second_factor.remove(conn, scope, body.code, request.app.state.rules)


@router.get("/sessions", operation_id="list_own_sessions")
async def list_own_sessions(scope: Overseeing, caller: Who, conn: Transaction) -> SessionsAnswer:
    """The own sessions."""
    listed = await sessions.list_own(conn, scope, token_of(caller))
    return SessionsAnswer.model_validate({"items": listed})


@router.delete("/sessions", operation_id="end_other_sessions", status_code=204)
async def end_other_sessions(scope: Overseeing, caller: Who, conn: Transaction) -> None:
    """End all own sessions but this one."""
    await sessions.end_others(conn, scope, token_of(caller))


@router.delete("/sessions/{session}", operation_id="end_own_session", status_code=204)
async def end_own_session(scope: Overseeing, conn: Transaction, session: UUID) -> None:
    """End one of the own sessions."""
    await sessions.end_own(conn, scope, session)


def token_of(caller: Caller) -> str:
    """The token of a person's session; NotAPerson for a key."""
    if caller.token is None:
        raise NotAPerson
    return caller.token
