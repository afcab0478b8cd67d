"""A small identity provider that lies as a test tells it to: a real server on a real socket."""

import asyncio
import base64
import copy
import hashlib
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT = "muster"
SECRET = "only for the tests of one run"

_RSA = rsa.generate_private_key(65537, 2048)
_EC = ec.generate_private_key(ec.SECP256R1())
_ED = ed25519.Ed25519PrivateKey.generate()
PRIVATE: dict[str, Any] = {"RS256": _RSA, "ES256": _EC, "EdDSA": _ED}


def shown(algorithm: str, kid: str) -> dict[str, Any]:
    """One of the provider's keys, as it shows them."""
    public = PRIVATE[algorithm].public_key()
    kinds: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
    told: dict[str, Any] = kinds[algorithm].to_jwk(public, as_dict=True)
    return told | {"kid": kid, "use": "sig", "alg": algorithm}


@dataclass
class Provider:
    """What it knows, says and refuses; the defaults are those of an honest one."""

    issuer: str
    person: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "mei-1", "preferred_username": "mei", "groups": ["suzhou-operations"],
        }
    )  # fmt: skip
    claims: dict[str, Any] = field(default_factory=dict)
    """What the token says instead; None leaves a claim out."""
    algorithm: str = "RS256"
    kid: str = "first"
    keys: list[dict[str, Any]] = field(default_factory=lambda: [shown("RS256", "first")])
    described: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=lambda: {"sub": "mei-1"})
    """What it answers at the userinfo endpoint."""
    broken: dict[str, Response] = field(default_factory=dict)
    """Answers instead of its own, by path."""
    asked: list[str] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def token(self, nonce: str) -> str:
        """An ID token as it makes them now."""
        now = int(time.time())
        said: dict[str, Any] = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300,
                                "nonce": nonce} | self.person | self.claims  # fmt: skip
        said = {name: value for name, value in said.items() if value is not None}
        lies = {"none": "", "HS256": str(self.keys[0].get("n"))}  # with what everybody knows
        key = (PRIVATE | lies)[self.algorithm]
        return jwt.encode(said, key, self.algorithm, headers={"kid": self.kid})

    @contextmanager
    def lying(self) -> Iterator[None]:
        """Be as before when the block is over."""
        before = copy.deepcopy({n: v for n, v in vars(self).items() if not n.startswith("_")})
        yield
        vars(self).update(before)

    async def answer(self, request: Request) -> Response:
        """Whatever it is asked, at any of its addresses."""
        path = request.url.path
        self.asked.append(path)
        if path in self.broken:
            return self.broken[path]
        if path == "/.well-known/openid-configuration":
            return JSONResponse(self._description())
        if path == "/authorize":
            asked = dict(request.query_params)
            code = secrets.token_urlsafe()
            self._codes[code] = asked
            back = f"{asked['redirect_uri']}?code={code}&state={asked['state']}"
            return RedirectResponse(back, 303)
        if path == "/token":
            return self._redeemed(parse_qs((await request.body()).decode()), request)
        if path == "/keys":
            return JSONResponse({"keys": self.keys})
        if path == "/userinfo":
            return JSONResponse(self.told)
        return Response(status_code=404)

    def _description(self) -> dict[str, Any]:
        paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/token",
                 "jwks_uri": "/keys", "userinfo_endpoint": "/userinfo",
                 "end_session_endpoint": "/leave"}  # fmt: skip
        said = {name: f"{self.issuer}{path}" for name, path in paths.items()}
        return {"issuer": self.issuer, "code_challenge_methods_supported": ["S256"]} | (
            said | self.described
        )

    def _redeemed(self, form: dict[str, list[str]], request: Request) -> Response:
        """A token for a code, once, to who has its verifier and our client's secret."""
        asked = self._codes.pop(form["code"][0], None)
        verified = asked is not None and (
            challenge_of(form["code_verifier"][0]) == asked["code_challenge"]
            and form["redirect_uri"][0] == asked["redirect_uri"]
            and httpx.BasicAuth(CLIENT, SECRET.replace(" ", "+"))._auth_header
            == request.headers["authorization"]
        )
        if asked is None or not verified:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"id_token": self.token(asked["nonce"]), "access_token": "any"})


def challenge_of(verifier: str) -> str:
    """RFC 7636, 4.2."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def query_of(address: str) -> dict[str, str]:
    """The parameters of an address, each once."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@asynccontextmanager
async def running() -> AsyncIterator[Provider]:
    """A provider that listens on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider = Provider(f"http://127.0.0.1:{listener.getsockname()[1]}")
        everything = Route("/{path:path}", provider.answer, methods=["GET", "POST"])
        app = Starlette(routes=[everything])
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield provider
        finally:
            server.should_exit = True
            await serving
