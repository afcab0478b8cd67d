"""Signing in and out, and what a browser remembers: language and theme."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from api import auth, problems
from api.console.rendering import LANGUAGE_COOKIE, THEME_COOKIE
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
    values = {"problem": None, "name": None, "return_to": local(return_to)}
    page: Response = request.app.state.renderer.page(request, "signin.html", **values)
    return page


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
        problem = problems.of_error(error)
        values = {"problem": problem, "name": name, "return_to": local(return_to)}
        page: Response = request.app.state.renderer.page(
            request, "signin.html", status=problem.status, **values
        )
        page.headers.update(problem.headers)
        return page
    answer = RedirectResponse(local(return_to), 303)
    auth.remember(answer, request, opened.token)
    return answer


@router.post("/signout")
async def sign_out(request: Request) -> Response:
    """Ends the session everywhere, not only in this browser."""
    token = auth.token_of(request)
    if token is not None:
        async with transaction(request.app.state.pool, trace(request)) as conn:
            await sessions.close(conn, token)
    answer = RedirectResponse("/signin", 303)
    auth.forget(answer, request)
    return answer


@router.post("/preferences")
async def prefer(
    request: Request,
    return_to: ReturnTo = "/",
    language: Annotated[str | None, Form(pattern="^(zh|en)$")] = None,
    theme: Annotated[str | None, Form(pattern="^(light|dark)$")] = None,
) -> Response:
    """Remember a language or a theme in this browser."""
    answer = RedirectResponse(local(return_to), 303)
    for name, value in ((LANGUAGE_COOKIE, language), (THEME_COOKIE, theme)):
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


def local(address: str) -> str:
    """An address of our own to go to, never one that somebody else put in a link."""
    # "//host" and "/\host" leave the site; browsers drop tabs and line ends before they look.
    is_path = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_path and address.isprintable() else "/"
