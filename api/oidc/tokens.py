"""What is believed of an ID token: a known key's signature, and claims that are of this sign-in.

OpenID Connect Core 1.0, 3.1.3.7. Signatures are asymmetric, of three algorithms; a token's own
header chooses among the provider's keys and nothing else.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from api.oidc.errors import TokenRefused

ALGORITHMS = ("RS256", "ES256", "EdDSA")
LEEWAY_SECONDS = 60
_OLDEST_SECONDS = 600
_REQUIRED = ["iss", "sub", "aud", "exp", "iat", "nonce"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token of this sign-in says."""

    issuer: str
    client_id: str
    nonce: str
    acr: str | None = None


def key_of(token: str, keys: Iterable[Mapping[str, Any]]) -> jwt.PyJWK | None:
    """The provider's key that a token names; None where it has none such that can be used.

    A token that names none is taken where only one key can be meant.
    """
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise TokenRefused from error
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise TokenRefused("The provider's token is signed in a way that is not accepted.")
    named = [key for key in keys if _is_meant(key, header.get("kid"), str(algorithm))]
    if len(named) != 1:
        return None
    try:
        return jwt.PyJWK(dict(named[0]), str(algorithm))
    except jwt.PyJWTError:
        return None


def claims_of(token: str, key: jwt.PyJWK, expected: Expected) -> dict[str, Any]:
    """The claims of a token of this sign-in; TokenRefused for any other."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=expected.client_id,
            issuer=expected.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": _REQUIRED, "enforce_minimum_key_length": True},
        )
    except jwt.PyJWTError as error:
        raise TokenRefused(f"The provider's token is not accepted: {error}.") from error
    for fault in _faults(claims, expected):
        raise TokenRefused(f"The provider's token is not accepted: {fault}.")
    return claims


def _faults(claims: Mapping[str, Any], expected: Expected) -> Iterable[str]:
    """What the library leaves to who uses it."""
    if claims["nonce"] != expected.nonce:
        yield "it is of another sign-in"
    party = claims.get("azp")
    if party is None and isinstance(claims["aud"], list) and len(claims["aud"]) > 1:
        yield "it is for several, and does not say for which"
    if party is not None and party != expected.client_id:
        yield "it was given to somebody else"
    if type(claims["iat"]) not in (int, float):
        yield "it does not say when it was made"
    elif time.time() - claims["iat"] > _OLDEST_SECONDS + LEEWAY_SECONDS:
        yield "it is too old"
    subject = claims["sub"]
    if not (1 <= len(subject) <= 255 and subject.isascii() and subject.isprintable()):
        yield "its subject is none"
    if expected.acr is not None and claims.get("acr") != expected.acr:
        yield f"you did not sign in at the level {expected.acr}"


def _is_meant(key: Mapping[str, Any], kid: object, algorithm: str) -> bool:
    fits = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}[algorithm] == key.get("kty")
    signs = key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm
    return fits and signs and (kid is None or key.get("kid") == kid)
