"""Around every request: its number, its time, its headers, and a net for what nobody caught."""

import asyncio
import time
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import broker_door, entrance, limits, problems, uploads
from api.errors import CrossSite
from api.limits import Limits
from api.line import Line
from api.metrics import ApiMetrics
from api.problems import Problem
from foundation.addresses import is_loopback
from foundation.errors import MusterError
from foundation.logs import get_logger

log = get_logger(__name__)

MOST_BODY_BYTES = 1024 * 1024

Refuse = Callable[[Request, Problem], Response]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# No inline script or style anywhere, nothing from elsewhere, no frame around us (ASVS 3.4).
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_HSTS = "max-age=31536000"


class Guard:
    """ASGI middleware that every answer of the API and the console passes."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: ApiMetrics,
        limits: Limits,
        stalled_seconds: float,
        is_broker: Callable[[Headers], bool],
        refuse: Refuse,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._limits = limits
        self._stalled_seconds = stalled_seconds
        self._is_broker = is_broker
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = str(uuid.uuid4())
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        status = 0
        takes_file = scope["method"] == "POST" and scope["path"] in uploads.ADDRESSES
        most_bytes = uploads.MOST_BODY_BYTES if takes_file else MOST_BODY_BYTES
        line = Line(scope, receive, most_bytes, self._stalled_seconds)

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                _dress(headers, request_id, tls=scope["scheme"] == "https")
                headers.update(limits.told(state.get("standings", [])))
            elif not message.get("more_body"):
                line.is_answered = True
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self._answer(scope, line, dressed)
            except Exception:  # the one catch-all of this process
                log.exception("request failed", path=scope["path"])
                if status:  # half an answer is out: cut the connection, so that nobody trusts it
                    raise
                answer = self._refuse(Request(scope), problems.INTERNAL)
                await answer(scope, receive, dressed)
        route = getattr(scope.get("route"), "path", "none")
        seconds = time.perf_counter() - started
        self._metrics.answered(scope["method"], route, status, seconds)

    async def _answer(self, scope: Scope, line: Line, send: Send) -> None:
        """Answer, unless it is refused at once, or the asker hangs up before."""
        answering = asyncio.current_task()
        assert answering is not None
        watching = asyncio.create_task(line.watch(answering))
        try:
            self._check(scope)
            await self._app(scope, line.receive, send)
        except MusterError as error:
            await self._refuse(Request(scope), problems.of_error(error))(scope, line.receive, send)
        except ClientDisconnect:  # in the midst of the body
            self._metrics.abandoned()
        except asyncio.CancelledError:
            if not line.is_cut:
                raise
            answering.uncancel()
            self._metrics.abandoned()
        finally:
            watching.cancel()

    def _check(self, scope: Scope) -> None:
        """Return if a request may come in at all; else an error that says why not."""
        entrance.check(scope)
        request = Request(scope)
        if not _is_watchman(request) and not self._asks_for_terminals(request):
            self._limits.knock(request)
        if is_cross_site(scope["method"], request.headers):
            raise CrossSite

    def _asks_for_terminals(self, request: Request) -> bool:
        """Whether it is a broker, all of whose terminals come from its one address."""
        return request.url.path.startswith(broker_door.PATH) and self._is_broker(request.headers)


def _is_watchman(request: Request) -> bool:
    """Whether it asks, on the machine itself, how this process is: that is never limited."""
    host = request.client.host if request.client else None
    return request.url.path.startswith(("/health/", "/metrics")) and is_loopback(host)


def is_cross_site(method: str, headers: Headers) -> bool:
    """Whether a browser says that another site's page asks for a change.

    Browsers send Sec-Fetch-Site where the address is trustworthy (https, loopback) and Origin
    elsewhere; what sends neither is no browser, and carries no cookie that it was not given.
    """
    if method in _SAFE_METHODS:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


def _dress(headers: MutableHeaders, request_id: str, *, tls: bool) -> None:
    for name, value in HEADERS.items():
        headers[name] = value
    headers["X-Request-Id"] = request_id
    headers.setdefault("Cache-Control", "no-store")
    if tls:
        headers["Strict-Transport-Security"] = _HSTS
