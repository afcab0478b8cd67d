"""The console's pages, one module a subject; each is a route like any other, answered in HTML."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages import (
    account,
    actions,
    clients,
    files,
    overview,
    profiles,
    quarantine,
    terminals,
)
from api.problems import Problem

router = APIRouter(include_in_schema=False)
for subject in (account, actions, files, overview, terminals, clients, profiles, quarantine):
    router.include_router(subject.router)

_NOT_PAGES = ("/api/", "/health/", "/metrics", "/openapi.json", "/assets/")


def is_page(request: Request) -> bool:
    """Whether people read what is at a request's address."""
    return not request.url.path.startswith(_NOT_PAGES)


def refusal(request: Request, problem: Problem) -> Response:
    """A refusal as a page; who is not signed in is asked to, and comes back afterwards."""
    if "hx-request" in request.headers:  # a poll: its script only looks at the status
        return problems.response(problem, request.state.request_id)
    if problem.status == 401 and request.method == "GET":
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/signin?{urlencode({'return_to': here})}", 303)
    house = getattr(request.state, "house", {"who": None})
    answer: Response = request.app.state.renderer.page(
        request, "refused.html", status=problem.status, problem=problem, section=None, **house
    )
    answer.headers.update(problem.headers)
    return answer
