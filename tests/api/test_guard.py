"""Around every request: headers, cross-site requests, metrics, health, the API's description."""

import itertools

import pytest
from fastapi import FastAPI
from starlette.datastructures import Headers

from api.app import openapi_document
from api.guard import HEADERS, is_cross_site
from tests.api.conftest import asking
from tests.api.world import World

ADDRESSES = (
    "/", "/signin", "/terminals", "/favicon.ico", "/nothing", "/api/v1/terminals",
    "/api/v1/nothing",
    "/metrics", "/health/live", "/health/ready", "/openapi.json", "/assets/x/nothing.js",
)  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_answer_carries_the_security_headers(app: FastAPI, method: str) -> None:
    """Pages, JSON, errors, assets: all of them, whoever asks."""
    for address in ADDRESSES:
        async with asking(app) as client:
            answer = await client.request(method, address)
        carried = {name: answer.headers.get(name) for name in HEADERS}
        assert carried == HEADERS, address
        assert "strict-transport-security" not in answer.headers
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


async def test_over_tls_browsers_are_told_to_stay_there(app: FastAPI) -> None:
    """HSTS for a year, where there is TLS."""
    async with asking(app, base="https://muster.example") as client:
        answer = await client.get("/health/live")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_what_is_told_is_not_kept_but_assets_are(app: FastAPI) -> None:
    """Answers are not cached; an asset's address changes with its bytes, so it may be kept."""
    async with asking(app) as client:
        page = await client.get("/signin")
        asset = await client.get(app.state.renderer.assets.address("console.css"))
        old = await client.get("/assets/0000/console.css")
    assert page.headers["cache-control"] == "no-store"
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["content-type"] == "text/css; charset=utf-8"
    assert old.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"origin": "http://muster.example:8080", "host": "muster.example:8080"}, False),
        ({"origin": "http://muster.example", "host": "muster.example:8080"}, True),
        ({"origin": "null", "host": "muster.example"}, True),
        ({"host": "muster.example"}, False),
    ],
)
def test_a_change_that_another_site_asks_for_is_known(
    headers: dict[str, str], expected: bool
) -> None:
    """By Sec-Fetch-Site, else by Origin; reading is never refused."""
    assert is_cross_site("POST", Headers(headers)) is expected
    assert is_cross_site("GET", Headers(headers)) is False


async def test_a_change_that_another_site_asks_for_is_refused(house: World, app: FastAPI) -> None:
    """403 before anything runs, even with a key."""
    async with asking(app, house.keys["admin"]) as client:
        for address in ("/signin", "/signout", "/preferences", "/api/v1/terminals"):
            answer = await client.post(address, headers={"Sec-Fetch-Site": "cross-site"})
            assert answer.status_code == 403, address


async def test_metrics_tell_routes_by_their_template(house: World, app: FastAPI) -> None:
    """A terminal's code never becomes a label; what no route has is `none`."""
    async with asking(app, house.keys["admin"]) as client:
        await client.get("/api/v1/terminals/METER-1")
        await client.get("/api/v1/nothing/METER-1")
        text = (await client.get("/metrics")).text
    assert (
        'muster_api_request_seconds_count{method="GET",route="/api/v1/terminals/{code}",status="200"}'
        " 1.0" in text
    )
    assert 'route="none",status="404"' in text
    assert "METER-1" not in text
    assert "muster_build_info{" in text


async def test_metrics_from_elsewhere_need_a_scrapers_key(house: World, app: FastAPI) -> None:
    """Off loopback: 401 without a key, 403 with one that may not, 200 with a scraper's."""
    asked = {}
    for who in (None, "power", "scraper", "admin"):
        key = house.keys[who] if who else None
        async with asking(app, key, base="http://muster.example") as client:
            asked[who] = (await client.get("/metrics")).status_code
    assert asked == {None: 401, "power": 403, "scraper": 200, "admin": 200}


async def test_the_process_says_that_it_is_ready(house: World, app: FastAPI) -> None:
    """Ready names what is missing; here nothing is."""
    async with asking(app) as client:
        answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "missing": {}})


async def test_the_api_describes_itself(app: FastAPI) -> None:
    """OpenAPI 3.1: unique operation ids, a security scheme and problems on every JSON route."""
    async with asking(app) as client:
        document = (await client.get("/openapi.json")).json()
    assert document == openapi_document()
    operations = {
        (method, path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    ids = [operation["operationId"] for operation in operations.values()]
    assert document["openapi"].startswith("3.1")
    assert len(ids) == len(set(ids))
    assert set(document["components"]["securitySchemes"]) == {"apiKey", "session"}
    for (_, path), operation in operations.items():
        if path.startswith("/api/v1/"):
            names = set(itertools.chain.from_iterable(operation.get("security", [])))
            assert names == {"apiKey", "session"} or path.startswith("/api/v1/sessions"), path
            assert {"401", "404", "422"} <= set(operation["responses"]), path
            refused = operation["responses"]["404"]["content"]
            assert list(refused) == ["application/problem+json"], path
    assert "ProblemBody" in document["components"]["schemas"]
    assert not any(
        path.startswith(("/signin", "/assets", "/terminals")) for path in document["paths"]
    )
