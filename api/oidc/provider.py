"""The identity provider as Muster asks it: its own addresses only, in little time and few bytes.

Redirects are not followed, the environment's proxies not used, and an address that the provider's
description names counts only at its own host, or one that the settings name.
"""

import asyncio
import json
import ssl
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard
from urllib.parse import quote_plus, urlsplit

import httpx

from api.oidc import tokens
from api.oidc.errors import ProviderAway, ProviderUnusable, TokenRefused
from api.oidc.tokens import Expected
from foundation.addresses import is_safe_address
from foundation.logs import get_logger
from foundation.settings import Settings, SettingsInvalid

log = get_logger(__name__)

_PATIENCE_SECONDS = 10
_FRESH_SECONDS = 600
_MOST_BYTES = 256 * 1024
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Description:
    """What the provider says of itself (OpenID Connect Discovery 1.0)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    secret_in_body: bool


class Provider:
    """The configured provider; its description and keys are read anew every ten minutes."""

    def __init__(self, settings: Settings) -> None:
        assert settings.oidc_issuer is not None
        assert settings.oidc_client_id is not None
        self.issuer = settings.oidc_issuer
        self.client_id = settings.oidc_client_id
        secret = settings.oidc_client_secret
        self._secret = secret.get_secret_value() if secret else None
        further = (settings.oidc_hosts or "").split(",")
        self._hosts = {urlsplit(self.issuer).netloc} | {host.strip() for host in further}
        self._client = httpx.AsyncClient(
            verify=_trust(settings.oidc_ca_file),
            follow_redirects=False,
            trust_env=False,
            timeout=_PATIENCE_SECONDS / 2,
            limits=httpx.Limits(max_connections=_AT_ONCE),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )
        self._description: tuple[float, Description] | None = None
        self._keys: tuple[float, list[Mapping[str, Any]]] | None = None

    async def close(self) -> None:
        """Let go of its connections."""
        await self._client.aclose()

    async def describe(self) -> Description:
        """The provider's description, at most ten minutes old."""
        known = self._description
        if known is None or time.monotonic() - known[0] > _FRESH_SECONDS:
            path = "/.well-known/openid-configuration"
            told = await self._ask("GET", self.issuer.rstrip("/") + path)
            known = self._description = (time.monotonic(), self._read(told))
        return known[1]

    async def redeem(self, code: str, verifier: str, redirect_uri: str) -> tuple[str, str | None]:
        """The ID token for a code, and an access token if there is one; TokenRefused for none."""
        description = await self.describe()
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier,
                "redirect_uri": redirect_uri}  # fmt: skip
        headers = {}
        if self._secret is None or description.secret_in_body:
            form["client_id"] = self.client_id
            form |= {"client_secret": self._secret} if self._secret else {}
        else:  # RFC 6749, 2.3.1: each encoded as in a form, then as HTTP's Basic
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self._secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        answer = await self._ask("POST", description.token_endpoint, form=form, headers=headers)
        token, access = answer.get("id_token"), answer.get("access_token")
        if not _is_plain(token):
            raise ProviderUnusable("The identity provider gave no ID token.")
        return token, access if _is_plain(access) else None

    async def claims(self, token: str, expected: Expected) -> dict[str, Any]:
        """What an ID token says, once it is believed; an unknown key is looked for anew."""
        try:
            key = tokens.key_of(token, await self._known_keys())
            if key is None:
                self._keys = None
                key = tokens.key_of(token, await self._known_keys())
            if key is None:
                raise TokenRefused(
                    "The provider's token is signed with a key that it does not show."
                )
            return tokens.claims_of(token, key, expected)
        except TokenRefused:
            self._keys = None  # the next one is judged by what the provider shows then
            raise

    async def more_claims(self, access: str, subject: str) -> dict[str, Any]:
        """What the provider tells of that person beside the ID token, if it tells more."""
        endpoint = (await self.describe()).userinfo_endpoint
        if endpoint is None:
            return {}
        told = await self._ask("GET", endpoint, headers={"Authorization": f"Bearer {access}"})
        if told.get("sub") != subject:
            raise TokenRefused("The provider speaks of somebody else than it signed in.")
        return told

    async def _known_keys(self) -> list[Mapping[str, Any]]:
        known = self._keys
        if known is None or time.monotonic() - known[0] > _FRESH_SECONDS:
            told = (await self._ask("GET", (await self.describe()).jwks_uri)).get("keys")
            if not isinstance(told, list):
                raise ProviderUnusable("The identity provider shows no keys.")
            keys: list[Mapping[str, Any]] = [key for key in told if isinstance(key, dict)]
            known = self._keys = (time.monotonic(), keys)
        return known[1]

    def _read(self, told: Mapping[str, Any]) -> Description:
        if told.get("issuer") != self.issuer:
            raise ProviderUnusable("The identity provider calls itself another than it is set.")
        methods = told.get("code_challenge_methods_supported", ["S256"])
        if not isinstance(methods, list) or "S256" not in methods:
            raise ProviderUnusable("The identity provider does not know PKCE with S256.")
        proofs = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Description(
            self._address(told, "authorization_endpoint"),
            self._address(told, "token_endpoint"),
            self._address(told, "jwks_uri"),
            self._address(told, "userinfo_endpoint") if "userinfo_endpoint" in told else None,
            self._address(told, "end_session_endpoint") if "end_session_endpoint" in told else None,
            isinstance(proofs, list) and "client_secret_basic" not in proofs,
        )

    def _address(self, told: Mapping[str, Any], name: str) -> str:
        address = told.get(name)
        if not _is_plain(address) or not is_safe_address(address.partition("?")[0]):
            raise ProviderUnusable(f"The identity provider names no usable {name}.")
        if urlsplit(address).netloc not in self._hosts:
            raise ProviderUnusable(
                f"The identity provider's {name} is at another host than its own.",
                remedy="If that is meant, name the host in MUSTER_OIDC_HOSTS.",
            )
        return address

    async def _ask(
        self,
        method: str,
        address: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                status, body = await self._exchange(method, address, form, headers)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            log.warning("identity provider away", address=address, error=repr(error))
            raise ProviderAway from error
        try:
            told = json.loads(body) if body else None
        except (ValueError, RecursionError):
            told = None
        if status == 400 and form is not None:
            log.warning("identity provider refused a code", told=_error_of(told))
            raise TokenRefused("The provider takes the code of this sign-in back.")
        if status != 200 or not isinstance(told, dict):
            log.warning("identity provider unusable", address=address, status=status,
                        told=_error_of(told))  # fmt: skip
            raise ProviderUnusable
        return told

    async def _exchange(
        self,
        method: str,
        address: str,
        form: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> tuple[int, bytes]:
        """Status and body of an answer; no body where it is larger than we read, or packed."""
        asked = self._client.stream(method, address, data=form, headers=headers)
        async with asked as answer:
            if answer.headers.get("content-encoding", "identity") != "identity":
                return answer.status_code, b""
            body = bytearray()
            async for part in answer.aiter_raw():
                body += part
                if len(body) > _MOST_BYTES:
                    return answer.status_code, b""
            return answer.status_code, bytes(body)


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsInvalid([f"MUSTER_OIDC_CA_FILE does not work: {error}"]) from error


def _is_plain(text: object) -> TypeGuard[str]:
    """Whether it is a text that can be sent as it stands."""
    return isinstance(text, str) and text.isascii() and text.isprintable()


def _error_of(told: object) -> str | None:
    """The `error` of an answer as RFC 6749 has it, short enough for a log."""
    error = told.get("error") if isinstance(told, dict) else None
    return error[:100] if isinstance(error, str) else None
