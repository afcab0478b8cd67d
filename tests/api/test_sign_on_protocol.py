"""Signing in at an identity provider: what is asked of it, and what of its answers is believed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from tests.api.conftest import asking
from tests.api.provider import Provider, query_of, shown
from tests.api.signing_on import CALLBACK, CONSOLE, Stage, staged
from tests.api.test_sign_in import cookie_of, sign_in
from tests.api.world import World


async def test_what_is_asked_of_the_provider_is_asked_safely(stage: Stage) -> None:
    """A code with PKCE by SHA-256, a state and a nonce of one browser; none of them twice."""
    async with asking(stage.app) as client:
        asked = []
        for _ in range(2):
            sent = await client.get("/signin/provider")
            asked.append(query_of(sent.headers["location"]))
    for name in ("state", "nonce", "code_challenge"):
        assert len({one[name] for one in asked}) == 2
        assert len(asked[0][name]) == 43
    assert {
        name: asked[0][name]
        for name in ("response_type", "client_id", "code_challenge_method", "redirect_uri", "scope")
    } == {
        "response_type": "code",
        "client_id": "muster",
        "code_challenge_method": "S256",
        "redirect_uri": f"{CONSOLE}{CALLBACK}",
        "scope": "openid profile email",
    }


async def test_the_cookies_are_as_strict_as_they_can_be(stage: Stage) -> None:
    """Over TLS both are bound to the host; the one for the way back is Lax, short and then gone;
    the session's is that of a password, and never one that was there before."""
    async with asking(stage.app, base="https://muster.example") as client:
        sent = await client.get("/signin/provider")
        client.cookies.set("__Host-muster_session", "planted", domain="muster.example", path="/")
        async with httpx.AsyncClient() as browser:
            back = await browser.get(sent.headers["location"])
        answer = await client.get(back.headers["location"].removeprefix(CONSOLE))
    assert cookie_of(sent, "sign_on") == {
        "name": "__Host-muster_sign_on", "path": "/", "secure": True, "httponly": True,
        "samesite": "lax", "max-age": "600",
    }  # fmt: skip
    assert cookie_of(answer, "muster_session") == {
        "name": "__Host-muster_session", "path": "/", "secure": True, "httponly": True,
        "samesite": "strict",
    }  # fmt: skip
    assert cookie_of(answer, "sign_on")["max-age"] == "0"
    assert "planted" not in "".join(answer.headers.get_list("set-cookie"))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_tokens_are_signed_with_the_providers_key(stage: Stage, algorithm: str) -> None:
    """By any of three algorithms; the key is found by its name."""
    stage.provider.algorithm, stage.provider.kid = algorithm, "mine"
    stage.provider.keys = [shown("RS256", "other"), shown(algorithm, "mine")]
    async with asking(stage.app) as client:
        answer = await stage.sign_on(client)
    assert answer.status_code == 200


LIES: dict[str, Callable[[Provider], None]] = {
    "another sign-in's nonce": lambda p: p.claims.update(nonce="another"),
    "no nonce": lambda p: p.claims.update(nonce=None),
    "another client's": lambda p: p.claims.update(aud="another"),
    "for several and says not for which": lambda p: p.claims.update(aud=["muster", "another"]),
    "given to another": lambda p: p.claims.update(aud=["muster", "another"], azp="another"),
    "another issuer's": lambda p: p.claims.update(iss="https://evil.example"),
    "expired": lambda p: p.claims.update(exp=1_000_000_000),
    "without an end": lambda p: p.claims.update(exp=None),
    "old": lambda p: p.claims.update(iat=1_000_000_000),
    "of the future": lambda p: p.claims.update(iat=99_999_999_999),
    "not yet in force": lambda p: p.claims.update(nbf=99_999_999_999),
    "of no time at all": lambda p: p.claims.update(iat="1790000000"),
    "of a subject that is none": lambda p: p.claims.update(sub="mei\0"),
    "with a key that is none": lambda p: p.keys.__setitem__(0, {"kty": "RSA", "kid": "first"}),
    "with a key of nonsense": lambda p: p.keys.__setitem__(
        0, {"kty": "RSA", "kid": "first", "n": 7, "e": []}
    ),
    "of nobody": lambda p: p.claims.update(sub=None),
    "of an empty subject": lambda p: p.claims.update(sub=""),
    "of a number": lambda p: p.claims.update(sub=7),
    "unsigned": lambda p: setattr(p, "algorithm", "none"),
    "signed with the public key": lambda p: setattr(p, "algorithm", "HS256"),
    "signed with a key not shown": lambda p: setattr(p, "kid", "never shown"),
    "signed with another kind of key": lambda p: p.keys.__setitem__(0, shown("ES256", "first")),
}


async def test_a_token_that_is_not_of_this_sign_in_is_refused(stage: Stage) -> None:
    """One sentence for each, an entry of the audit, no account and no session; and the next token
    is judged anew."""
    async with asking(stage.app) as client:
        for lie, tell in LIES.items():
            with stage.provider.lying():
                tell(stage.provider)
                answer = await stage.sign_on(client)
            inside = await client.get("/api/v1/me")
            assert (answer.status_code, inside.status_code) == (403, 401), lie
            assert "word about you is not believed" in answer.text
        made = stage.rows("select name from registry.user_account where issuer is not null")
        honest = await stage.sign_on(client)
    assert made == []
    assert honest.status_code == 200
    assert stage.rows("select distinct reason from registry.audit where outcome = 'refused'") == [
        ("token_refused",)
    ]


async def test_clocks_may_be_a_little_off(stage: Stage) -> None:
    """Half a minute either way is nobody's lie."""
    now = int(time.time())
    async with asking(stage.app) as client:
        stage.provider.claims = {"exp": now - 30}
        late = await stage.sign_on(client)
        stage.provider.claims = {"iat": now + 30, "exp": now + 300}
        early = await stage.sign_on(client)
    assert (late.status_code, early.status_code) == (200, 200)


async def test_keys_that_are_replaced_are_found(stage: Stage) -> None:
    """A token with a key that was not there is looked up once; one that never is, is refused."""
    async with asking(stage.app) as client:
        first = await stage.sign_on(client)
        stage.provider.algorithm, stage.provider.kid = "ES256", "second"
        unknown = await stage.sign_on(client)
        stage.provider.keys = [shown("ES256", "second")]
        asked = stage.provider.asked.count("/keys")
        rotated = await stage.sign_on(client)
        cached = await stage.sign_on(client)
    assert [a.status_code for a in (first, unknown, rotated, cached)] == [200, 403, 200, 200]
    assert stage.provider.asked.count("/keys") == asked + 1


async def test_a_sign_in_comes_back_once(stage: Stage) -> None:
    """Neither its address again, nor its cookie and its address again, nor its code under another
    state, opens anything."""
    async with asking(stage.app) as client:
        back = await stage.leave(client)
        kept = dict(client.cookies)
        assert (await client.get(back)).status_code == 200
        again = await client.get(back)
        replayed = await client.get(
            back, headers={"Cookie": f"muster_sign_on={kept['muster_sign_on']}"}
        )
        other = await stage.leave(client)
        code = query_of(back)["code"]
        mixed = await client.get(CALLBACK, params={"code": code, "state": query_of(other)["state"]})
    assert [a.status_code for a in (again, replayed, mixed)] == [403, 403, 403]
    for answer in (again, replayed):
        assert "done already" in answer.text
    assert "is not believed" in mixed.text


async def test_nobody_is_signed_in_as_somebody_else(stage: Stage) -> None:
    """An address from another's sign-in opens nothing in a browser that did not begin it, and does
    not disturb what that one has begun."""
    async with asking(stage.app) as attacker, asking(stage.app) as victim:
        trap = await stage.leave(attacker)
        fell = await victim.get(trap)
        own = await stage.leave(victim)
        fell_again = await victim.get(trap)
        arrived = await victim.get(own)
    assert [a.status_code for a in (fell, fell_again, arrived)] == [403, 403, 200]


async def test_an_answer_of_another_provider_is_refused(stage: Stage) -> None:
    """RFC 9207: who is told to come from elsewhere has not come from here."""
    async with asking(stage.app) as client:
        answer = await client.get(f"{await stage.leave(client)}&iss=https%3A%2F%2Fevil.example")
    assert answer.status_code == 403
    assert "/token" not in stage.provider.asked


async def test_what_the_provider_refuses_is_said(stage: Stage) -> None:
    """In our words: what stands in an address is not shown."""
    async with asking(stage.app) as client:
        state = query_of(await stage.leave(client))["state"]
        answer = await client.get(
            CALLBACK, params={"state": state, "error": "<b>access_denied", "error_description": "x"}
        )
    assert answer.status_code == 403
    assert "did not sign you in" in answer.text
    assert "<b>" not in answer.text.replace("<body", "")


async def test_claims_may_come_from_the_userinfo_endpoint(stage: Stage) -> None:
    """Where the token does not say the groups; but only of the person that it is about."""
    stage.provider.claims = {"groups": None, "preferred_username": None}
    async with asking(stage.app) as client:
        stage.provider.told = {"sub": "another", "groups": ["admins"], "preferred_username": "mei"}
        another = await stage.sign_on(client)
        stage.provider.told["sub"] = "mei-1"
        answer = await stage.sign_on(client)
        me = (await client.get("/api/v1/me")).json()
    assert (another.status_code, answer.status_code) == (403, 200)
    assert (me["name"], me["account"]["role"]) == ("mei", "admin")


BROKEN: dict[str, Response] = {
    "a failure": PlainTextResponse("down", 500),
    "no JSON": PlainTextResponse("<html>", 200),
    "a list": PlainTextResponse("[]", 200),
    "endless": PlainTextResponse('{"a": "' + "x" * 300_000 + '"}', 200),
    "deep": PlainTextResponse("[" * 100_000, 200),
    "packed": PlainTextResponse("{}", 200, headers={"Content-Encoding": "gzip"}),
    "elsewhere": RedirectResponse("http://127.0.0.1:1/", 307),
    "nothing": Response(status_code=200),
}


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
async def test_a_provider_that_answers_nonsense_is_one_sentence(stage: Stage, path: str) -> None:
    """At the form, with what to do about it; a password signs in meanwhile."""
    remedy = "answer cannot be used. Try again in a moment, or sign in with a password"
    async with asking(stage.app) as client:
        for fault, broken in BROKEN.items():
            stage.provider.broken[path] = broken
            if path.startswith("/."):
                answer = await client.get("/signin/provider")
            else:
                answer = await stage.sign_on(client)
            assert answer.status_code == 503, fault
            assert remedy in answer.text
        local = await sign_in(client)
        stage.provider.broken.clear()
        mended = await stage.sign_on(client)
    assert local.status_code == 303
    assert mended.status_code == 200


async def test_a_provider_that_is_away_is_one_sentence(house: World, group_file: Path) -> None:
    """Nothing listens there."""
    async with (
        staged(house, group_file, oidc_issuer="http://127.0.0.1:1") as stage,
        asking(stage.app) as client,
    ):
        answer = await client.get("/signin/provider")
        local = await sign_in(client)
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert local.status_code == 303


FOREIGN: tuple[dict[str, Any], ...] = (
    {"issuer": "https://another.example"},
    {"token_endpoint": "http://169.254.169.254/latest"},
    {"jwks_uri": "https://evil.example/keys"},
    {"authorization_endpoint": "javascript:alert(1)"},
    {"end_session_endpoint": "https://user@evil.example/"},
    {"userinfo_endpoint": 7},
    {"token_endpoint": None},
    {"code_challenge_methods_supported": ["plain"]},
)


async def test_only_the_providers_own_addresses_are_asked(stage: Stage) -> None:
    """What its description says of other hosts, or in plain HTTP, is not followed."""
    async with asking(stage.app) as client:
        for described in FOREIGN:
            stage.provider.described = described
            answer = await client.get("/signin/provider")
            assert answer.status_code == 503, described
    assert set(stage.provider.asked) == {"/.well-known/openid-configuration"}


async def test_hosts_that_the_settings_name_are_the_providers_too(
    house: World, group_file: Path
) -> None:
    """As some providers have it, whose keys are at another host than their issuer."""
    async with staged(house, group_file, oidc_hosts="keys.example, more.example:8443") as stage:
        stage.provider.described = {"jwks_uri": "https://keys.example/keys",
                                    "userinfo_endpoint": "https://more.example:8443/"}  # fmt: skip
        async with asking(stage.app) as client:
            answer = await client.get("/signin/provider")
    assert answer.status_code == 303


async def test_a_level_of_authentication_can_be_insisted_on(house: World, group_file: Path) -> None:
    """It is asked for, and a token of a lower one is not enough."""
    async with staged(house, group_file, oidc_acr="gold") as stage, asking(stage.app) as client:
        sent = await client.get("/signin/provider")
        lower = await stage.sign_on(client)
        stage.provider.claims["acr"] = "gold"
        enough = await stage.sign_on(client)
    assert query_of(sent.headers["location"])["acr_values"] == "gold"
    assert (lower.status_code, enough.status_code) == (403, 200)
