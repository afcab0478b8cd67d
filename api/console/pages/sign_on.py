"""Signing in at the identity provider: there, and back with what it says."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from api import auth
from api.console.pages.account import local, show_form
from api.errors import NoSuchAddress
from api.oidc.errors import SignOnStale
from api.oidc.sign_on import CALLBACK, Answer, SignOn
from foundation.errors import MusterError
from foundation.logs import get_logger

log = get_logger(__name__)

router = APIRouter()

_LONGEST_CODE = 8192
Told = Annotated[str | None, Query(max_length=500)]


@router.get("/signin/provider")
async def leave(
    request: Request, return_to: Annotated[str, Query(max_length=2000)] = "/"
) -> Response:
    """Off to the provider; or the form with why not."""
    sign_on, wanted = _sign_on(request), local(return_to)
    try:
        leaving = await sign_on.begin(request.app.state.pool, request, wanted)
    except MusterError as error:
        return show_form(request, return_to=wanted, error=error)
    answer = RedirectResponse(leaving.address, 303)
    auth.remember_sign_on(answer, request, leaving.secret)
    return answer


@router.get(CALLBACK)
async def come_back(
    request: Request,
    state: Told = None,
    code: Annotated[str | None, Query(max_length=_LONGEST_CODE)] = None,
    error: Told = None,
    iss: Told = None,
) -> Response:
    """A new session, and on from a page of our own: a browser keeps its Strict cookie from a
    request that another site began, and shows it with the next.
    """
    sign_on, told = _sign_on(request), Answer(state, code, error, iss)
    answer: Response
    is_over = True
    try:
        opened, return_to = await sign_on.complete(request.app.state.pool, request, told)
    except MusterError as refused:
        log.info("sign-on refused", code=refused.code, why=str(refused))
        answer = show_form(request, error=refused)
        is_over = not isinstance(refused, SignOnStale)  # another one may be under way
    else:
        answer = request.app.state.renderer.page(request, "onward.html", address=local(return_to))
        auth.remember(answer, request, opened.token)
    if is_over:
        auth.forget_sign_on(answer, request)
    return answer


def _sign_on(request: Request) -> SignOn:
    found: SignOn | None = request.app.state.sign_on
    if found is None:
        raise NoSuchAddress
    return found
