"""Who asks: an API key in the Authorization header, or a session in a cookie; and signing in."""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastapi import Request, Response

from api.errors import InsecureChannel, TooManyAttempts
from api.limits import origin
from api.throttle import Devices, Throttle
from api.witness import trace
from foundation.addresses import is_loopback
from foundation.database import Connection, Pool, transaction
from registry import api_keys, sessions, sign_on
from registry.errors import CodeWrong, NotSignedIn, PasswordWrong
from registry.rules import Rules
from registry.scope import Scope
from registry.sessions import Opened

# The prefix binds the cookie to this host and to TLS (RFC 6265bis); plain HTTP cannot have it.
SECURE_COOKIE = "__Host-muster_session"
PLAIN_COOKIE = "muster_session"
_SECURE_DEVICE_COOKIE = "__Host-muster_device"
_PLAIN_DEVICE_COOKIE = "muster_device"
_DEVICE_SECONDS = 90 * 24 * 3600
_SECURE_SIGN_ON_COOKIE = "__Host-muster_sign_on"
_PLAIN_SIGN_ON_COOKIE = "muster_sign_on"

_LONGEST_NAME = 64
_SIGN_INS_AT_ONCE = 2
_SIGN_INS_WAITING = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what they may do and see; `token` is set where a session says so."""

    scope: Scope
    token: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The user's name, or the prefix of the key."""
        return self.scope.actor.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller has shown, as it is kept: to look again later whether it is in force."""

    is_session: bool
    hash: bytes = field(repr=False)


def credential_of(caller: Caller, request: Request) -> Credential:
    """What a caller who is let in has shown."""
    if caller.token is not None:
        return Credential(True, sessions.hash_of(caller.token))
    return Credential(False, api_keys.hash_of(_bearer(request)))


async def in_force(
    conn: Connection, credentials: Collection[Credential], rules: Rules
) -> dict[Credential, Scope]:
    """What those of some credentials may do and see that are in force; it is no use of them."""
    hashes = {kind: [c.hash for c in credentials if c.is_session is kind] for kind in (True, False)}
    of_sessions = await sessions.in_force(conn, hashes[True], rules)
    of_keys = await api_keys.in_force(conn, hashes[False])
    found = {Credential(True, shown): scope for shown, scope in of_sessions.items()}
    return found | {Credential(False, shown): scope for shown, scope in of_keys.items()}


async def authenticate(conn: Connection, request: Request) -> Caller:
    """Who a request comes from; NotSignedIn where neither key nor session is in force."""
    if "authorization" in request.headers:
        return Caller(await api_keys.authenticate(conn, _bearer(request)))
    token = token_of(request)
    if token is None:
        raise NotSignedIn("This needs an API key or a sign-in.", remedy=_HOW)
    rules: Rules = request.app.state.rules
    return Caller(await sessions.authenticate(conn, token, rules), token)


def _bearer(request: Request) -> str:
    scheme, _, secret = request.headers["authorization"].partition(" ")
    if scheme.lower() != "bearer":
        raise NotSignedIn("Only `Authorization: Bearer <API key>` is understood.")
    return secret.strip()


_HOW = "Send `Authorization: Bearer <API key>`, or sign in at /signin."


class SignIn:
    """The sign-in of one process: throttled, and never more than two at once on the database."""

    def __init__(self, throttle: Throttle, devices: Devices) -> None:
        self._throttle = throttle
        self._devices = devices
        self._turns = asyncio.Semaphore(_SIGN_INS_AT_ONCE)
        self._waiting = 0

    async def open(self, pool: Pool, request: Request, name: str, password: str) -> Opened:
        """A new session; else NotSignedIn, TooManyAttempts, RateExceeded or InsecureChannel."""
        if not is_private_channel(request):
            raise InsecureChannel
        request.app.state.limits.sign_in(request)
        name = name[:_LONGEST_NAME]
        request.state.tried = f"user:{name}"
        with self.guessing(request, name):
            if self._waiting >= _SIGN_INS_WAITING:
                raise TooManyAttempts(1)
            self._waiting += 1
            try:
                async with self._turns, transaction(pool, trace(request)) as conn:
                    return await sessions.open(
                        conn,
                        name,
                        password,
                        source=address_of(request),
                        user_agent=request.headers.get("user-agent"),
                        rules=request.app.state.rules,
                    )
            finally:
                self._waiting -= 1

    @contextmanager
    def guessing(self, request: Request, name: str, *, code: bool = False) -> Iterator[None]:
        """Check a password or code of that name within; TooManyAttempts after wrong ones.

        Codes are few: who guesses them has the password already, so that wrong ones are counted
        wherever they come from.
        """
        place = f"code of {name}" if code else origin(request)
        device = None if code else self._devices.known(name, request.cookies.get(_device(request)))
        self._throttle.check(name, place, device)
        try:
            yield
        except (NotSignedIn, PasswordWrong, CodeWrong):
            self._throttle.failed(name, place, device)
            raise
        self._throttle.succeeded(name, place, device)
        if device is None and not code:
            request.state.device = self._devices.mark(name)


def token_of(request: Request) -> str | None:
    """The session's token that the browser shows, if any."""
    return request.cookies.get(_cookie(request))


def remember(response: Response, request: Request, token: str) -> None:
    """Have the browser show the session's token with every request of this site, and no other.

    And the mark of a device in which this person has signed in, where it has none yet.
    """
    shown: list[tuple[str, str, int | None]] = [(_cookie(request), token, None)]
    mark: str | None = getattr(request.state, "device", None)
    if mark is not None:
        shown.append((_device(request), mark, _DEVICE_SECONDS))
    for name, value, seconds in shown:
        response.set_cookie(
            name,
            value,
            seconds,
            path="/",
            secure=_is_tls(request),
            httponly=True,
            samesite="strict",
        )


def forget(response: Response, request: Request) -> None:
    """Take the session's token out of the browser."""
    response.delete_cookie(
        _cookie(request), path="/", secure=_is_tls(request), httponly=True, samesite="strict"
    )


def sign_on_of(request: Request) -> str | None:
    """The secret of the sign-in that this browser began at the identity provider, if any."""
    return request.cookies.get(_sign_on(request))


def remember_sign_on(response: Response, request: Request, secret: str) -> None:
    """Have the browser show the secret when it comes back: Lax, for it comes from another site."""
    response.set_cookie(
        _sign_on(request),
        secret,
        sign_on.SECONDS,
        path="/",
        secure=_is_tls(request),
        httponly=True,
        samesite="lax",
    )


def forget_sign_on(response: Response, request: Request) -> None:
    """Take it out of the browser."""
    response.delete_cookie(
        _sign_on(request), path="/", secure=_is_tls(request), httponly=True, samesite="lax"
    )


def is_private_channel(request: Request) -> bool:
    """Whether nobody on a network can read along: TLS, or an address of the machine itself."""
    return _is_tls(request) or is_loopback(request.url.hostname)


def _cookie(request: Request) -> str:
    return SECURE_COOKIE if _is_tls(request) else PLAIN_COOKIE


def _device(request: Request) -> str:
    return _SECURE_DEVICE_COOKIE if _is_tls(request) else _PLAIN_DEVICE_COOKIE


def _sign_on(request: Request) -> str:
    return _SECURE_SIGN_ON_COOKIE if _is_tls(request) else _PLAIN_SIGN_ON_COOKIE


def _is_tls(request: Request) -> bool:
    return request.url.scheme == "https"


def address_of(request: Request) -> str:
    """Where a request comes from, as far as we believe it."""
    return request.client.host if request.client else ""
