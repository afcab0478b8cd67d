"""A sign-in by way of the identity provider: begun by one browser, which alone comes back, once."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import Request

from api import auth
from api.errors import InsecureChannel
from api.oidc.errors import ProviderRefused, ProviderUnusable, SignOnStale, TokenRefused
from api.oidc.provider import Provider
from api.oidc.tokens import Expected
from api.witness import trace
from foundation.database import Pool, transaction
from foundation.errors import Unavailable
from foundation.settings import PREFIX, Settings, SettingsInvalid
from registry import group_mapping, sessions, sign_on, users
from registry.group_mapping import Mapping as GroupMapping
from registry.scope import Scope
from registry.sessions import Opened
from registry.sign_on import NoGroupFits, Person

CALLBACK = "/signin/provider/callback"

_SCOPE = Scope.system("sign_on")
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Leaving:
    """Where a browser goes to sign in, and the secret that it keeps meanwhile."""

    address: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider sends back through the browser."""

    state: str | None
    code: str | None = field(repr=False)
    error: str | None
    issuer: str | None


class SignOn:
    """Sign-on through the provider that the settings name."""

    def __init__(self, settings: Settings, rules: GroupMapping) -> None:
        assert settings.oidc_issuer is not None
        self.provider = Provider(settings)
        self.name = settings.oidc_name or str(urlsplit(settings.oidc_issuer).hostname)
        self._settings = settings
        self._rules = rules
        self._redirect_uri = f"{settings.public_url}{CALLBACK}"

    @classmethod
    def of(cls, settings: Settings) -> "SignOn | None":
        """As the settings say; None where nobody signs in so."""
        if settings.oidc_mapping is None:
            return None
        rules, faults = group_mapping.read(settings.oidc_mapping)
        if faults:
            raise SettingsInvalid(_named(faults))
        return cls(settings, rules)

    async def begin(self, pool: Pool, request: Request, return_to: str) -> Leaving:
        """Begin a sign-in; ProviderAway or ProviderUnusable where the provider has no say now."""
        if not auth.is_private_channel(request):
            raise InsecureChannel
        request.app.state.limits.sign_in(request)
        description = await self.provider.describe()
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": self._settings.oidc_scopes,
            "state": _part(secret, "state"),
            "nonce": _part(secret, "nonce"),
            "code_challenge": _digest(_part(secret, "verifier")),
            "code_challenge_method": "S256",
        }
        if self._settings.oidc_acr is not None:
            asked["acr_values"] = self._settings.oidc_acr
        async with transaction(pool, trace(request)) as conn:
            await sign_on.begin(conn, secret, return_to)
        return Leaving(_with_query(description.authorization_endpoint, asked), secret)

    async def complete(self, pool: Pool, request: Request, answer: Answer) -> tuple[Opened, str]:
        """A session for who comes back from the provider, and where they wanted to go.

        Raises SignOnStale, ProviderRefused, TokenRefused, a SignOnRefused, ProviderAway or
        ProviderUnusable; what was begun is used up by any of them but the first.
        """
        request.app.state.limits.sign_in(request)
        secret = auth.sign_on_of(request)
        if secret is None or not hmac.compare_digest(
            (answer.state or "").encode(), _part(secret, "state").encode()
        ):
            raise SignOnStale
        async with transaction(pool, trace(request)) as conn:
            return_to = await sign_on.take(conn, secret)
        if return_to is None:
            raise SignOnStale
        person = await self._person(secret, answer)
        if users.is_name(person.name):
            request.state.tried = f"user:{person.name}"
        return await self._open(pool, request, person), return_to

    async def farewell(self, issuer: str | None) -> str | None:
        """Where to sign out at the provider, too, whose session it was; None where it has no such.

        The person confirms it there: no token is kept that would speak for them.
        """
        if issuer != self.provider.issuer:
            return None
        try:
            endpoint = (await self.provider.describe()).end_session_endpoint
        except Unavailable:
            return None
        back = f"{self._settings.public_url}/signin"
        asked = {"client_id": self.provider.client_id, "post_logout_redirect_uri": back}
        return _with_query(endpoint, asked) if endpoint else None

    async def _person(self, secret: str, answer: Answer) -> Person:
        if answer.issuer not in (None, self.provider.issuer):  # RFC 9207
            raise TokenRefused("The answer comes from another identity provider.")
        if answer.error is not None or answer.code is None:
            told = answer.error or ""
            shown = f" ({told})" if told.isidentifier() and told.isascii() else ""
            raise ProviderRefused(f"The identity provider did not sign you in{shown}.")
        token, access = await self.provider.redeem(
            answer.code, _part(secret, "verifier"), self._redirect_uri
        )
        expected = Expected(
            self.provider.issuer,
            self.provider.client_id,
            _part(secret, "nonce"),
            self._settings.oidc_acr,
        )
        claims = await self.provider.claims(token, expected)
        subject = claims["sub"]
        wanted = (self._settings.oidc_name_claim, self._settings.oidc_groups_claim)
        if access is not None and not all(name in claims for name in wanted):
            claims = await self.provider.more_claims(access, subject) | claims
        name = claims.get(wanted[0])
        return Person(
            issuer=self.provider.issuer,
            subject=subject,
            name=name if isinstance(name, str) else "",
            groups=_groups(claims, wanted[1]),
        )

    async def _open(self, pool: Pool, request: Request, person: Person) -> Opened:
        settings = _SCOPE.settings() | trace(request)
        try:
            async with transaction(pool, settings) as conn:
                user = await sign_on.admit(conn, _SCOPE, person, self._rules)
                return await sessions.begin(
                    conn,
                    user.id,
                    source=auth.address_of(request),
                    user_agent=request.headers.get("user-agent"),
                    rules=request.app.state.rules,
                )
        except NoGroupFits:
            async with transaction(pool, settings) as conn:
                await sign_on.turn_away(conn, _SCOPE, person)
            raise


def mapping_faults(values: Mapping[str, str]) -> list[str]:
    """What is wrong with the file of groups that raw settings name."""
    path = values.get("oidc_mapping")
    return [] if path is None else _named(group_mapping.read(Path(path))[1])


def _named(faults: list[str]) -> list[str]:
    return [f"{PREFIX}OIDC_MAPPING: {fault}" for fault in faults]


def _groups(claims: Mapping[str, Any], claim: str) -> Collection[str]:
    told = claims.get(claim, [])
    listed = [told] if isinstance(told, str) else told
    if not isinstance(listed, list):
        raise ProviderUnusable(f"The identity provider's claim {claim} is no list of groups.")
    return frozenset(group for group in listed if isinstance(group, str))


def _part(secret: str, purpose: str) -> str:
    """One of the values of a sign-in, from its one secret; none tells of another."""
    return _digest(f"{purpose} {secret}")


def _digest(text: str) -> str:
    """SHA-256 as RFC 7636 writes it."""
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _with_query(address: str, asked: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"
