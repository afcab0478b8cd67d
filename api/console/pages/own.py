"""My account: the own password, second factor and sessions, and what a sign-in still awaits."""

from typing import Annotated
from uuid import UUID

import segno
from fastapi import APIRouter, Form, Query
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from api import auth, problems
from api.auth import SignIn
from api.console.pages.account import ReturnTo, local
from api.console.pages.screen import Screen, Shows
from api.errors import TooMany
from api.problems import Problem
from foundation.errors import Invalid, Refused
from registry import second_factor, sessions, users
from registry.errors import NotAPerson
from registry.rules import Rules
from registry.scope import Awaits, Right

router = APIRouter()

OnScreen = Annotated[Screen, Shows(Right.ACCOUNT_OVERSEE)]
Stepping = Annotated[Screen, Shows(Right.ACCOUNT_READ)]
Choosing = Annotated[Screen, Shows(Right.ACCOUNT_SET_PASSWORD)]
Enrolling = Annotated[Screen, Shows(Right.ACCOUNT_ENROL)]

Secret = Annotated[str, Form(max_length=256)]
Code = Annotated[str, Form(max_length=64)]
Onward = Annotated[str, Query(max_length=2000)]

TROUBLES = (Invalid, Refused, TooMany)


class PasswordsDiffer(Invalid):
    """The two new passwords differ."""

    code = "passwords_differ"
    remedy = "Type both again."


@router.get("/account")
async def account(screen: OnScreen) -> Response:
    """Who I am here, how I sign in, and where I am signed in."""
    mine = await users.find_own(screen.conn, screen.scope)
    return screen.show(
        "account.html",
        account=mine,
        needs_second_factor=_rules(screen).demands_second_factor(mine.role),
        sessions=await sessions.list_own(screen.conn, screen.scope, _token(screen)),
    )


@router.post("/account/sessions")
async def end_sessions(
    screen: OnScreen, session: Annotated[UUID | None, Form()] = None
) -> Response:
    """End one of the own sessions, or all the others."""
    if session is None:
        await sessions.end_others(screen.conn, screen.scope, _token(screen))
    else:
        await sessions.end_own(screen.conn, screen.scope, session)
    return RedirectResponse("/account", 303)


@router.get("/signin/code")
async def show_code(screen: Stepping, return_to: Onward = "/") -> Response:
    """The second step of a sign-in."""
    if screen.scope.awaits is not Awaits.SECOND_FACTOR:
        return RedirectResponse(local(return_to), 303)
    return _step(screen, "signin_code.html", return_to, None)


@router.post("/signin/code")
async def give_code(screen: Stepping, code: Code, return_to: ReturnTo = "/") -> Response:
    """The session whole under a new token, or the form again with what went wrong."""
    try:
        with _sign_in(screen).guessing(screen.request, screen.caller.name, code=True):
            async with screen.attempt():
                opened = await second_factor.give(
                    screen.conn, screen.scope, _token(screen), code, _rules(screen)
                )
    except TROUBLES as error:
        return _step(screen, "signin_code.html", return_to, problems.of_error(error))
    answer = RedirectResponse(local(return_to), 303)
    auth.remember(answer, screen.request, opened.token)
    return answer


@router.get("/account/password")
async def show_password(screen: Choosing, return_to: Onward = "/account") -> Response:
    """The form of a new password."""
    return _step(screen, "own_password.html", return_to, None)


@router.post("/account/password")
async def change_password(
    screen: Choosing, current: Secret, new: Secret, again: Secret, return_to: ReturnTo = "/account"
) -> Response:
    """A new password: every other session ends, this one goes on under a new token."""
    try:
        if new != again:
            raise PasswordsDiffer
        with _sign_in(screen).guessing(screen.request, screen.caller.name):
            async with screen.attempt():
                opened = await sessions.change_password(
                    screen.conn, screen.scope, _token(screen), current, new, _rules(screen)
                )
    except TROUBLES as error:
        return _step(screen, "own_password.html", return_to, problems.of_error(error))
    answer = RedirectResponse(local(return_to), 303)
    auth.remember(answer, screen.request, opened.token)
    return answer


@router.get("/account/second-factor")
async def show_second_factor(screen: Enrolling, return_to: Onward = "/account") -> Response:
    """Set up a second factor, or renew or remove the one there is."""
    return await _second_factor(screen, return_to, None)


@router.post("/account/second-factor")
async def begin(screen: Enrolling, return_to: ReturnTo = "/account") -> Response:
    """A new secret for the app, as a picture to scan and as letters to type."""
    try:
        async with screen.attempt():
            enrolment = await second_factor.begin(screen.conn, screen.scope, _rules(screen))
    except Refused as error:
        return await _second_factor(screen, return_to, problems.of_error(error))
    return _step(
        screen,
        "second_factor_code.html",
        return_to,
        None,
        secret=enrolment.secret,
        picture=picture(enrolment.uri),
    )


@router.post("/account/second-factor/confirmation")
async def confirm(screen: Enrolling, code: Code, return_to: ReturnTo = "/account") -> Response:
    """Put the second factor in force by a first code; the recovery codes are shown once."""
    try:
        with _sign_in(screen).guessing(screen.request, screen.caller.name, code=True):
            async with screen.attempt():
                opened, codes = await second_factor.confirm(
                    screen.conn, screen.scope, _token(screen), code, _rules(screen)
                )
    except TROUBLES as error:
        problem = problems.of_error(error)
        return _step(
            screen, "second_factor_code.html", return_to, problem, secret=None, picture=None
        )
    answer = _step(screen, "recovery_codes.html", return_to, None, codes=codes)
    auth.remember(answer, screen.request, opened.token)
    return answer


@router.post("/account/second-factor/recovery-codes")
async def renew_recovery_codes(screen: Enrolling, code: Code) -> Response:
    """Ten new recovery codes instead of those there are."""
    try:
        with _sign_in(screen).guessing(screen.request, screen.caller.name, code=True):
            async with screen.attempt():
                codes = await second_factor.renew_recovery_codes(
                    screen.conn, screen.scope, code, _rules(screen)
                )
    except TROUBLES as error:
        return await _second_factor(screen, "/account", problems.of_error(error))
    return _step(screen, "recovery_codes.html", "/account", None, codes=codes)


@router.post("/account/second-factor/removal")
async def remove(screen: Enrolling, code: Code) -> Response:
    """Forget the second factor; where the role needs one, another has to be set up at once."""
    try:
        with _sign_in(screen).guessing(screen.request, screen.caller.name, code=True):
            async with screen.attempt():
                await second_factor.remove(screen.conn, screen.scope, code, _rules(screen))
    except TROUBLES as error:
        return await _second_factor(screen, "/account", problems.of_error(error))
    return RedirectResponse("/account", 303)


async def _second_factor(screen: Screen, return_to: str, problem: Problem | None) -> Response:
    mine = await users.find_own(screen.conn, screen.scope)
    return _step(
        screen,
        "second_factor.html",
        return_to,
        problem,
        account=mine,
        needs_second_factor=_rules(screen).demands_second_factor(mine.role),
    )


def _step(
    screen: Screen, template: str, return_to: str, problem: Problem | None, **values: object
) -> Response:
    """A page that stands alone while the sign-in awaits it, and in the house else."""
    answer = screen.show(
        template,
        status=problem.status if problem else 200,
        problem=problem,
        awaits=screen.scope.awaits,
        return_to=local(return_to),
        rules=_rules(screen),
        **values,
    )
    if problem is not None:
        answer.headers.update(problem.headers)
    return answer


def picture(text: str) -> Markup:
    """A QR code as SVG to stand in a page, dark on light in both themes, with its quiet zone."""
    code = segno.make_qr(text, error="m")
    return Markup(  # noqa: S704 - drawn by segno: squares, not a letter of the text
        code.svg_inline(border=4, dark="#000", light="#fff", omitsize=True, svgclass="qr")
    )


def _rules(screen: Screen) -> Rules:
    rules: Rules = screen.request.app.state.rules
    return rules


def _sign_in(screen: Screen) -> SignIn:
    sign_in: SignIn = screen.request.app.state.sign_in
    return sign_in


def _token(screen: Screen) -> str:
    """The token of a person's session; a key has none."""
    if screen.caller.token is None:
        raise NotAPerson
    return screen.caller.token
