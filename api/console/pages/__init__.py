"""The console's pages, one module a subject; each is a route like any other, answered in HTML."""

from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages import (
    account,
    actions,
    alarms,
    api_keys,
    audit,
    bindings,
    book,
    certificates,
    channels,
    charts,
    client_files,
    client_tiers,
    clients,
    collections,
    decoding,
    events,
    exports,
    files,
    glossary,
    hand_overs,
    imports,
    legal_holds,
    lives,
    overview,
    own,
    packages,
    platform,
    profile_editor,
    profiles,
    prometheus,
    quarantine,
    readings,
    rules,
    sign_on,
    sims,
    standpoints,
    storms,
    supervision,
    terminal_list,
    terminals,
    transfers,
    users,
    windows,
)
from api.problems import Problem
from registry.scope import PasswordChangeNeeded, SecondFactorNeeded, SecondFactorPending

ROUTERS = tuple(subject.router for subject in (
    account, sign_on, own, glossary, actions, files, overview, supervision, terminal_list,
    terminals, lives, certificates, collections, sims, bindings, book, hand_overs, clients,
    client_files, client_tiers, packages, standpoints, profile_editor, profiles, decoding,
    events, charts, readings, exports, quarantine, alarms, rules, windows, storms, transfers,
    imports, users, api_keys, prometheus, channels, audit, legal_holds, platform,
))  # fmt: skip

# Where a sign-in goes on that is not whole yet.
_STEPS = {
    SecondFactorPending.code: "/signin/code",
    PasswordChangeNeeded.code: "/account/password",
    SecondFactorNeeded.code: "/account/second-factor",
}
_NOT_PAGES = ("/api/", "/broker/", "/health/", "/metrics", "/openapi.json", "/assets/")


def is_page(request: Request) -> bool:
    """Whether people read what is at a request's address."""
    return not request.url.path.startswith(_NOT_PAGES)


def refusal(request: Request, problem: Problem) -> Response:
    """A refusal as a page; who is not signed in, or not wholly, is asked to, and comes back."""
    if "hx-request" in request.headers:  # a poll: its script only looks at the status
        return problems.response(problem, request.state.request_id)
    step = "/signin" if problem.status == 401 else _STEPS.get(problem.code)
    if step is not None and request.method == "GET":
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{step}?{urlencode({'return_to': here})}", 303)
    house = getattr(request.state, "house", {"who": None})
    answer: Response = request.app.state.renderer.page(
        request, "refused.html", status=problem.status, problem=problem, section=None, **house
    )
    answer.headers.update(problem.headers)
    return answer
