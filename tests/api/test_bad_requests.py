"""Bad input B35 and B36 of the catalogue: requests that are broken, or can be read in two ways."""

import json

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.entrance import MOST_HEADER_BYTES
from api.heads import MOST_HEAD_BYTES, CappedHttp
from foundation.settings import Settings
from tests.api.conftest import asking
from tests.api.served import said, served
from tests.api.world import SUZHOU, World

V1 = "/api/v1"
METER = {"code": "NEW-1", "profile": "smart_meter", "region": SUZHOU}
TYPES = (
    ("text/plain", 415), ("application/xml", 415), ("application/x-www-form-urlencoded", 415),
    ("multipart/form-data; boundary=x", 415), ("", 415), ("application/jsonp", 415),
    ("application/json; charset=utf-16", 415), ("application/json; charset=gbk", 415),
    ("application/merge-patch+json", 415), ("json", 415),
    ("application/json", 201), ("application/JSON; charset=UTF-8", 201),
)  # fmt: skip


async def test_b35_only_json_in_utf_8_is_taken(house: World, app: FastAPI) -> None:
    """Whatever else a body says it is, is 415, and nothing is made."""
    async with asking(app, house.keys["admin"]) as client:
        for number, (media_type, status) in enumerate(TYPES):
            body = json.dumps(METER | {"code": f"NEW-{number}"})
            headers = {"Content-Type": media_type}
            answer = await client.post(f"{V1}/terminals", content=body, headers=headers)
            made = await client.get(f"{V1}/terminals/NEW-{number}")
            assert answer.status_code == status, media_type
            assert made.status_code == (200 if status == 201 else 404)
        packed = await client.post(
            f"{V1}/terminals", json=METER, headers={"Content-Encoding": "gzip"}
        )
    assert packed.status_code == 415


BODIES = (
    b'{"code": "NEW-1", "code": "NEW-2", "profile": "smart_meter", "region": 320500}',
    b'{"code": "NEW-1", "profile": "smart_meter", "region": NaN}',
    b'{"code": "NEW-1", "profile": "smart_meter", "region": 1e999}',
    b'{"code": "NEW-1", "name": "\\ud800", "profile": "smart_meter", "region": 320500}',
    b'{"code": "NEW-1", "name": "\xff", "profile": "smart_meter", "region": 320500}',
    json.dumps(METER).encode("utf-16"), b"\xef\xbb\xbf" + json.dumps(METER).encode(),
    b'{"code": "NEW-1"', b"'", b"{} {}", b"[" * 50_000, b'{"a":' * 50_000, b"\0", b"-",
    b'{"a": 01}', b'{"region": ' + b"9" * 5000 + b"}",
)  # fmt: skip


async def test_b35_json_is_read_in_one_way_or_not_at_all(house: World, app: FastAPI) -> None:
    """Names that occur twice, NaN, halves of characters, other encodings, endless nesting."""
    headers = {"Content-Type": "application/json"}
    async with asking(app, house.keys["admin"]) as client:
        for body in BODIES:
            for path in ("terminals", "profiles"):
                answer = await client.post(f"{V1}/{path}", content=body, headers=headers)
                assert answer.status_code == 422, (body[:80], answer.text)
        made = await client.get(f"{V1}/terminals/NEW-1")
    assert made.status_code == 404


async def test_b35_a_body_where_none_is_taken_is_refused(house: World, app: FastAPI) -> None:
    """On GET, on DELETE and on POSTs that take none."""
    async with asking(app, house.keys["admin"]) as client:
        for method, path in (
            ("GET", "terminals"),
            ("GET", "terminals/METER-1"),
            ("DELETE", "terminals/METER-1/credential"),
            ("POST", "terminals/METER-1/credential"),
        ):
            answer = await client.request(method, f"{V1}/{path}", content=b'{"limit": 1}')
            assert (answer.status_code, answer.json()["code"]) == (400, "body_unexpected"), path


async def test_b35_a_parameter_is_given_once(house: World, app: FastAPI) -> None:
    """Twice in the query, even the same, is refused with its name; so is a doubled header."""
    async with asking(app, house.keys["admin"]) as client:
        twice = await client.get(f"{V1}/terminals?prefix=a&limit=1&prefix=a")
        headers = [
            (name, value)
            for name, value in (
                ("Authorization", f"Bearer {house.keys['power']}"),
                ("Content-Type", "application/json"),
                ("Idempotency-Key", "0123456789abcdef"),
            )
            for _ in range(2)
        ]
        doubled = [
            await client.get(f"{V1}/terminals", headers=headers[n : n + 2]) for n in (0, 2, 4)
        ]
    assert twice.json()["errors"] == [
        {"parameter": "prefix", "detail": "there is no such parameter, or it is given twice"}
    ]
    assert [answer.json()["code"] for answer in doubled] == ["header_invalid"] * 3


async def test_b35_a_length_that_is_said_twice_is_no_request(house: World, app: FastAPI) -> None:
    """Chunked with a length, two lengths, a broken chunk: 400 or cut off, and nothing is made."""
    body = json.dumps(METER).encode()
    head = (
        f"POST {V1}/terminals HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {house.keys['admin']}\r\nConnection: close\r\n"
    ).encode()
    length = f"Content-Length: {len(body)}\r\n".encode()
    chunked = b"Transfer-Encoding: chunked\r\n"
    chunks = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    smuggled = (
        [head, length, chunked, b"\r\n", chunks],
        [head, chunked, length, b"\r\n", chunks],
        [head, length, b"Content-Length: 3\r\n\r\n", body],
        [head, b"Content-Length: +3\r\n\r\n", body],
        [head, chunked, b"\r\n", b"zz\r\n", body],
        [head, b"Transfer-Encoding: chunked, identity\r\n\r\n", chunks],
        [head, b"Transfer-Encoding : chunked\r\n\r\n", chunks],
    )
    async with served(app) as port:
        for parts in smuggled:
            answer = await said(port, *parts)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 400 "), (parts, answer)
            assert b" 201 " not in answer
        whole = await said(port, head, chunked, b"\r\n", chunks)
    assert whole.startswith(b"HTTP/1.1 201 ")


async def test_b36_headers_cannot_be_smuggled_or_endless(house: World, app: FastAPI) -> None:
    """CR and LF in a header, a 64 KB cookie, a head without end: refused, the server goes on."""
    head = b"GET /api/v1/regions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    async with served(app) as port:
        for parts in (
            [head, b"X-A: b\rSet-Cookie: a=b\r\n\r\n"],
            [head, b"X-A\r\n: b\r\n\r\n"],
            [head, b"X-A: b\0c\r\n\r\n"],
            [head, b" folded: b\r\n\r\n"],
        ):
            answer = await said(port, *parts)
            assert b" 200 " not in answer.partition(b"\r\n")[0]
            assert b"set-cookie" not in answer.lower()
        cookie = await said(port, head, b"Cookie: a=" + b"x" * 65_536 + b"\r\n\r\n")
        many = await said(port, head, b"X-A: b\r\n" * 8000, b"\r\n")
        endless = await said(port, head, b"X-A: ", b"x" * (MOST_HEAD_BYTES + 1))
        alive = await said(port, head, b"\r\n")
    assert cookie.startswith(b"HTTP/1.1 431 ")
    assert b'"code":"headers_too_large"' in cookie
    assert many.startswith(b"HTTP/1.1 431 ")
    assert endless == b"" or endless.startswith(b"HTTP/1.1 400 ")
    assert alive.startswith(b"HTTP/1.1 401 ")
    assert MOST_HEADER_BYTES < 65_536


async def test_b36_who_never_ends_a_head_is_cut_off(
    house: World, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever says nothing, a part, or a second request by halves; others are served meanwhile."""
    monkeypatch.setattr(CappedHttp, "head_seconds", 0.3)
    first = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    async with served(app) as port:
        for parts, answered in (([], 0), ([first], 0), ([first, b"\r\n", first], 1)):
            answer = await said(port, *parts)
            assert answer.count(b"HTTP/1.1 200 ") == answered
        assert b" 200 " in await said(port, first, b"Connection: close\r\n\r\n")


async def test_b36_a_location_cannot_carry_a_line_break(house: World, app: FastAPI) -> None:
    """What comes back in a header is a code, and codes have no such characters."""
    async with asking(app, house.keys["admin"]) as client:
        for text in ("A\r\nSet-Cookie: a=b", "A%0d%0aSet-Cookie:a=b"):
            made = await client.post(f"{V1}/terminals", json=METER | {"code": text})
            back = await client.post("/preferences", data={"return_to": f"/{text}"})
            linked = await client.get(f"{V1}/terminals", params={"limit": 1, "prefix": text})
            assert made.status_code == 422
            for answer in (made, back, linked):
                assert "a=b" not in str(answer.headers.get_list("set-cookie"))


async def test_b36_no_address_of_ours_is_made_of_what_the_asker_says(
    house: World, app: FastAPI
) -> None:
    """Host and the forwarded headers come back nowhere: links, redirects, cookies, pages."""
    spoof = {
        "Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "127.0.0.1", "Forwarded": "host=evil.example;proto=https",
        "X-Original-URL": "/metrics", "X-Rewrite-URL": "/metrics",
        "X-HTTP-Method-Override": "DELETE",
    }  # fmt: skip
    async with asking(app, house.keys["admin"]) as client:
        listed = await client.get(f"{V1}/terminals?limit=1", headers=spoof)
        made = await client.post(f"{V1}/terminals", json=METER, headers=spoof)
        page = await client.get("/signin", headers=spoof)
    async with asking(app) as client:
        sent = await client.get("/terminals", headers=spoof)
        scraped = await client.get("/metrics", headers=spoof)
        secret = await client.post("/signin", data={"name": "ada", "password": "x"}, headers=spoof)
    for answer in (listed, made, page, sent, scraped, secret):
        assert "evil" not in answer.text + str(answer.headers)
        assert "strict-transport-security" not in answer.headers
    assert (listed.status_code, made.status_code, page.status_code) == (200, 201, 200)
    assert sent.headers["location"].startswith("/signin?")
    assert (scraped.status_code, secret.status_code) == (401, 409)


async def test_b36_a_host_that_is_none_is_refused(app: FastAPI) -> None:
    """400, never a fault of ours."""
    async with asking(app) as client:
        for host in ("", " ", "a b", "[::1", "a/b", "a@b", "x" * 300, "a:b", "<x>", "é"):
            answer = await client.get(f"{V1}/regions", headers={b"Host": host.encode()})
            page = await client.get("/signin", headers={b"Host": host.encode()})
            assert (answer.status_code, answer.json()["code"]) == (400, "header_invalid"), host
            assert page.status_code == 400


async def test_b36_only_a_trusted_proxy_says_who_asks(house: World) -> None:
    """From elsewhere the forwarded headers mean nothing; of the trusted one only its own word."""

    async def asked(proxies: str | None, peer: str, forwarded: str) -> tuple[str, bool]:
        given = {"database_url": house.database.api, "trusted_proxies": proxies}
        app = create_app(Settings.model_validate(given | {"limit_address": "1/3600"}))
        transport = httpx.ASGITransport(app=app, client=(peer, 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
            first = await client.get("/nothing", headers=headers)
            # The same asker behind the proxy, who pretends to be somebody else before it.
            second = await client.get("/nothing", headers=headers | {
                "X-Forwarded-For": f"198.51.100.9, {forwarded}"})  # fmt: skip
            third = await client.get("/nothing", headers=headers | {
                "X-Forwarded-For": "203.0.113.5"})  # fmt: skip
        statuses = "".join("n" if a.status_code == 429 else "y" for a in (first, second, third))
        return statuses, "strict-transport-security" in first.headers

    assert await asked(None, "127.0.0.1", "192.0.2.1") == ("ynn", False)
    assert await asked("10.0.0.0/8", "192.168.1.1", "192.0.2.1") == ("ynn", False)
    assert await asked("10.0.0.0/8", "10.1.1.1", "192.0.2.1") == ("yny", True)
