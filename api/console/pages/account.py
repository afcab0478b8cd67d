"""Signing in and out, and what a browser remembers: language and theme."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from api import auth, problems
from api.console.rendering import DENSITY_COOKIE, LANGUAGE_COOKIE, THEME_COOKIE
from api.oidc.sign_on import SignOn
from api.witness import trace
from foundation.database import transaction
from foundation.errors import MusterError
from registry import sessions

router = APIRouter()

_A_YEAR_SECONDS = 365 * 24 * 3600
ReturnTo = Annotated[str, Form(max_length=2000)]


@router.get("/signin")
async def show_sign_in(
    request: Request, return_to: Annotated[str, Query(max_length=2000)] = "/"
) -> Response:
    """The form."""
    return show_form(request, return_to=local(return_to))


@router.post("/signin")
async def sign_in(
    request: Request,
    name: Annotated[str, Form(max_length=64)],
    password: Annotated[str, Form(max_length=256)],
    return_to: ReturnTo = "/",
) -> Response:
    """A new session, or the form again with what went wrong."""
    try:
        opened = await request.app.state.sign_in.open(
            request.app.state.pool, request, name, password
        )
    except MusterError as error:
        return show_form(request, return_to=local(return_to), name=name, error=error)
    answer = RedirectResponse(local(return_to), 303)
    auth.remember(answer, request, opened.token)
    return answer


@router.post("/signout")
async def sign_out(request: Request) -> Response:
    """Ends the session everywhere, not only in this browser, and leads on to the identity
    provider of whose session it was.
    """
    token, issuer = auth.token_of(request), None
    if token is not None:
        async with transaction(request.app.state.pool, trace(request)) as conn:
            issuer = await sessions.close(conn, token)
    sign_on: SignOn | None = request.app.state.sign_on
    elsewhere = await sign_on.farewell(issuer) if sign_on and issuer else None
    answer: Response
    if elsewhere is not None:  # by a page of ours: no form of ours may be sent on to elsewhere
        answer = request.app.state.renderer.page(request, "onward.html", address=elsewhere)
    else:
        answer = RedirectResponse("/signin", 303)
    auth.forget(answer, request)
    return answer


@router.post("/preferences")
async def prefer(
    request: Request,
    return_to: ReturnTo = "/",
    language: Annotated[str | None, Form(pattern="^(zh|en)$")] = None,
    theme: Annotated[str | None, Form(pattern="^(light|dark)$")] = None,
    density: Annotated[str | None, Form(pattern="^(comfortable|compact)$")] = None,
) -> Response:
    """Remember a language, a theme or how close rows stand, in this browser."""
    answer = RedirectResponse(local(return_to), 303)
    for name, value in (
        (LANGUAGE_COOKIE, language),
        (THEME_COOKIE, theme),
        (DENSITY_COOKIE, density),
    ):
        if value is not None:
            answer.set_cookie(
                name,
                value,
                max_age=_A_YEAR_SECONDS,
                secure=request.url.scheme == "https",
                httponly=True,
                samesite="lax",
            )
    return answer


def show_form(
    request: Request,
    *,
    return_to: str = "/",
    name: str | None = None,
    error: MusterError | None = None,
) -> Response:
    """The form of the sign-in, with what went wrong before."""
    problem = None if error is None else problems.of_error(error)
    sign_on: SignOn | None = request.app.state.sign_on
    page: Response = request.app.state.renderer.page(
        request,
        "signin.html",
        status=problem.status if problem else 200,
        problem=problem,
        name=name,
        return_to=return_to,
        provider=sign_on.name if sign_on else None,
    )
    if problem is not None:
        page.headers.update(problem.headers)
    return page


def local(address: str) -> str:
    """An address of our own to go to, never one that somebody else put in a link."""
    # "//host" and "/\host" leave the site; browsers drop tabs and line ends before they look.
    is_path = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_path and address.isprintable() else "/"
