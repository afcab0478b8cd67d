"""The API process as an ASGI application: routes, console, errors, one pool."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api import openapi, problems
from api.auth import SignIn
from api.broker_door import BrokerDoor
from api.console import assets, pages
from api.console.pages import components
from api.console.rendering import Renderer
from api.guard import Guard
from api.limits import Limits
from api.live.hub import Hub
from api.metrics import ApiMetrics
from api.oidc.sign_on import SignOn
from api.problems import Problem
from api.routes import (
    alarms,
    api_keys,
    assignments,
    audit,
    bindings,
    book,
    broker,
    certificates,
    client_files,
    collections,
    completeness,
    decoding,
    exports,
    fleet_latest,
    fleet_series,
    group_clients,
    health,
    imports,
    legal_holds,
    live,
    lives,
    me,
    notifications,
    packages,
    platform,
    presence,
    profiles,
    prometheus,
    quarantine,
    regions,
    rules,
    search,
    sessions,
    sims,
    standpoints,
    storage,
    storms,
    supervision,
    telemetry,
    terminals,
    tiers,
    transfers,
    users,
    windows,
)
from api.scrapes import Scrapes
from api.shortcut import Shortcut
from api.throttle import Devices, Throttle
from api.uploads import Uploads
from api.witness import Attempts, Witness
from foundation.database import open_pool
from foundation.errors import MusterError
from foundation.logs import get_logger
from foundation.settings import Settings
from registry.rules import Rules
from telemetry.notifications.carriers import egress_of

log = get_logger(__name__)

_NOUNS = (regions, tiers, packages, group_clients, client_files, standpoints, assignments, book,
          profiles, storage, decoding, search, terminals, lives, certificates, collections, sims,
          bindings, transfers, telemetry, fleet_series, fleet_latest, exports, live, completeness,
          presence, quarantine, supervision, alarms, rules, storms, windows, prometheus, platform,
          notifications, sessions, me, users, api_keys, audit, imports, legal_holds)  # fmt: skip


def create_app(settings: Settings) -> FastAPI:
    """The whole application; its pool is open from start to stop."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        size = settings.database_pool_size
        app.state.pool = await open_pool(
            settings.database(),
            name="api",
            max_size=size,
            statement_timeout_seconds=settings.statement_timeout_seconds,
        )
        try:
            async with (
                app.state.attempts.kept(app.state.pool),
                app.state.broker_door.open(),
                app.state.live.kept(app.state.pool),
            ):
                yield
        finally:
            await app.state.pool.close()
            await app.state.egress.close()
            if app.state.sign_on is not None:
                await app.state.sign_on.provider.close()

    app = FastAPI(
        **openapi.DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    openapi.complete(app)
    app.state.settings = settings
    app.state.rules = Rules.of(settings)
    app.state.egress = egress_of(settings)
    app.state.metrics = ApiMetrics()
    app.state.limits = Limits(settings, app.state.metrics)
    app.state.broker_door = BrokerDoor(settings, app.state.limits, app.state.metrics)
    app.state.live = Hub(settings, app.state.rules, app.state.metrics)
    app.state.attempts = Attempts()
    app.state.scrapes = Scrapes()
    app.state.uploads = Uploads()
    app.state.renderer = Renderer.prepare(assets.load())
    secret = settings.secret_key.get_secret_value().encode() if settings.secret_key else None
    app.state.sign_on = SignOn.of(settings)
    app.state.sign_in = SignIn(Throttle(), Devices(secret))
    shortcut = Shortcut()
    app.router.routes.append(shortcut)
    nouns = [*(noun.router for noun in _NOUNS), imports.uploads]
    shortcut.include(app, nouns, responses=openapi.PROBLEMS)
    shortcut.include(app, [health.router, broker.router])
    shortcut.include(app, pages.ROUTERS, include_in_schema=False)
    if settings.component_sheet:
        shortcut.include(app, [components.router])
    app.add_middleware(
        Guard,
        metrics=app.state.metrics,
        limits=app.state.limits,
        stalled_seconds=settings.stalled_seconds,
        is_broker=app.state.broker_door.is_broker,
        refuse=refuse,
    )
    app.add_middleware(Witness, attempts=app.state.attempts)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_proxies)
    app.add_exception_handler(MusterError, _on_error)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)
    return app


def openapi_document() -> dict[str, Any]:
    """What `/openapi.json` answers, without a database or a server."""
    return create_app(Settings.model_validate({})).openapi()


def refuse(request: Request, problem: Problem) -> Response:
    """A refusal as its asker reads it: a page for people, problem details for programs."""
    request.state.problem = problem
    if pages.is_page(request):
        return pages.refusal(request, problem)
    return problems.response(problem, request.state.request_id)


async def _on_error(request: Request, error: Any) -> Response:
    problem = problems.of_error(error, in_query=request.method == "GET")
    if problem.status >= 500:
        log.error("request failed", path=request.url.path, exc_info=error)
    return refuse(request, problem)


async def _on_http(request: Request, error: Any) -> Response:
    return refuse(request, problems.of_http(error))


async def _on_validation(request: Request, error: Any) -> Response:
    return refuse(request, problems.of_validation(error))
