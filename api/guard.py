"""Around every request: its number, its time, its headers, and a net for what nobody caught."""

import time
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.errors import CrossSite
from api.metrics import ApiMetrics
from api.problems import Problem
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

    def __init__(self, app: ASGIApp, *, metrics: ApiMetrics, refuse: Refuse) -> None:
        self._app = app
        self._metrics = metrics
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0
        received_bytes = 0

        async def capped() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > MOST_BODY_BYTES:
                raise HTTPException(413)
            return message

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _dress(MutableHeaders(scope=message), request_id, tls=scope["scheme"] == "https")
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self._answer(scope, capped, dressed)
            except Exception:  # the one catch-all of this process
                log.exception("request failed", path=scope["path"])
                if status:  # half an answer is out: cut the connection, so that nobody trusts it
                    raise
                answer = self._refuse(Request(scope), problems.INTERNAL)
                await answer(scope, receive, dressed)
        route = getattr(scope.get("route"), "path", "none")
        seconds = time.perf_counter() - started
        self._metrics.answered(scope["method"], route, status, seconds)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_cross_site(scope["method"], Headers(scope=scope)):
            answer = self._refuse(Request(scope), problems.of_error(CrossSite()))
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)


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
