"""Refusals: problem details with a stable code, the offending places, and nothing of our inside."""

import uuid
from typing import Any

import pytest
from fastapi import FastAPI

from api.guard import MOST_BODY_BYTES
from tests.api.conftest import asking
from tests.api.world import SUZHOU, World


async def refusal(
    app: FastAPI, key: str | None, method: str, path: str, **request: Any
) -> dict[str, Any]:
    """The problem that a request is answered with, checked for its shape."""
    async with asking(app, key) as client:
        answer = await client.request(method, path, **request)
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"] == "about:blank"
    assert problem["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    assert uuid.UUID(answer.headers["x-request-id"])
    assert all(problem[field] for field in ("title", "detail", "code", "remedy"))
    return problem


REFUSALS = [
    ("GET", "/api/v1/terminals/NOBODY", 404, "terminal_not_found"),
    ("GET", "/api/v1/nothing", 404, "no_such_address"),
    ("PUT", "/api/v1/terminals", 405, "method_not_allowed"),
    ("GET", "/api/v1/terminals?colour=red", 422, "query_unknown"),
    ("GET", "/api/v1/terminals?limit=1&limit=2", 422, "query_unknown"),
    ("GET", "/api/v1/terminals?limit=1001", 422, "request_invalid"),
    ("GET", "/api/v1/terminals?after=zzz", 422, "cursor_invalid"),
    ("GET", "/api/v1/quarantine?after=zzz", 422, "cursor_invalid"),
    ("GET", "/api/v1/quarantine?reason=boredom", 422, "request_invalid"),
    ("GET", "/api/v1/terminals/METER-1/telemetry?metric=colour", 422, "metric_unknown"),
    ("GET", "/api/v1/terminals/METER-1/telemetry?from=yesterday", 422, "request_invalid"),
    ("GET", "/api/v1/terminals/METER-1/telemetry?from=1790000000", 422, "request_invalid"),
    ("GET", "/api/v1/terminals/METER-1/telemetry?from=2026-01-01T00:00:00", 422, "request_invalid"),
    ("GET", "/api/v1/terminals?region=999998", 404, "region_not_found"),
    ("POST", "/api/v1/profiles/smart_meter/metrics", 422, "request_invalid"),
]


async def test_every_refusal_is_a_problem_with_a_stable_code(house: World, app: FastAPI) -> None:
    """Status and code say what is wrong; detail and remedy say it to people."""
    for method, path, status, code in REFUSALS:
        problem = await refusal(app, house.keys["admin"], method, path)
        assert (path, problem["status"], problem["code"]) == (path, status, code)


async def test_a_character_that_cannot_be_stored_is_the_callers_fault(
    house: World, app: FastAPI
) -> None:
    """A NUL in an address, a query or a body is 422, not a fault of ours."""
    admin = house.keys["admin"]
    for path in ("/terminals/%00", "/terminals?prefix=%00", "/quarantine?terminal=%00"):
        problem = await refusal(app, admin, "GET", f"/api/v1{path}")
        assert (path, problem["status"], problem["code"]) == (path, 422, "invalid")
    body = {"code": "X-2", "profile": "smart_meter", "region": SUZHOU, "name": "a\0b"}
    problem = await refusal(app, admin, "POST", "/api/v1/terminals", json=body)
    assert (problem["status"], problem["code"]) == (422, "invalid")


async def test_without_a_key_in_force_nothing_is_told(house: World, app: FastAPI) -> None:
    """No key, a wrong one, an empty one and another scheme are 401, and name the scheme to use."""
    for given in (None, "Bearer mk_wrong", "Bearer ", "Bearer x y", "Basic YTpi"):
        async with asking(app) as client:
            headers = {} if given is None else {"Authorization": given}
            answer = await client.get("/api/v1/terminals/METER-1", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in"), given
        assert answer.headers["www-authenticate"] == 'Bearer realm="muster"'


async def test_a_body_names_every_offending_field(house: World, app: FastAPI) -> None:
    """Unknown fields, wrong types and missing ones are listed with pointers, never with values."""
    problem = await refusal(
        app, house.keys["admin"], "POST", "/api/v1/terminals",
        json={"code": "no blanks", "profile": 7, "colour": "secret-value"},
    )  # fmt: skip
    assert {place["pointer"] for place in problem["errors"]} == {
        "#/code", "#/profile", "#/region", "#/colour",
    }  # fmt: skip
    assert "secret-value" not in str(problem)


async def test_a_profile_names_every_fault_of_its_document(house: World, app: FastAPI) -> None:
    """Faults deep in a profile's document carry their pointer."""
    metric = {
        "name": "select",
        "type": "double",
        "title_zh": "a",
        "title_en": "a",
        "low": 2,
        "high": 1,
    }
    document = {"code": "BAD", "sector": "power", "title_zh": "a", "title_en": "a", "codec": "json",
                "expected_interval_seconds": 60, "metrics": [metric]}  # fmt: skip
    problem = await refusal(app, house.keys["admin"], "POST", "/api/v1/profiles", json=document)
    assert problem["code"] == "profile_invalid"
    assert {place["pointer"] for place in problem["errors"]} == {
        "#/code", "#/metrics/0/name", "#/metrics/0/high",
    }  # fmt: skip


async def test_an_imei_with_a_wrong_digit_is_named(house: World, app: FastAPI) -> None:
    """An identifier that cannot be is refused at the door, with the field that holds it."""
    body = {"code": "X-1", "profile": "smart_meter", "region": SUZHOU, "imei": "490154203237519"}
    problem = await refusal(app, house.keys["admin"], "POST", "/api/v1/terminals", json=body)
    assert problem["code"] == "identifier_invalid"
    assert [place["pointer"] for place in problem["errors"]] == ["#/imei"]


async def test_a_broken_body_is_refused_without_an_echo(house: World, app: FastAPI) -> None:
    """What is not JSON, and JSON without its media type, are told apart from wrong fields."""
    admin = house.keys["admin"]
    broken = await refusal(
        app, admin, "POST", "/api/v1/terminals", content=b'{"code": "secret-value',
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    untyped = await refusal(app, admin, "POST", "/api/v1/terminals", content=b"{}")
    assert (broken["status"], broken["code"]) == (422, "json_invalid")
    assert [place["pointer"] for place in broken["errors"]] == ["#"]
    assert "secret-value" not in str(broken)
    assert (untyped["status"], untyped["code"]) == (415, "media_type_unsupported")


async def test_a_body_beyond_the_cap_is_refused(house: World, app: FastAPI) -> None:
    """A body of more than 1 MiB is not read to its end."""
    problem = await refusal(
        app, house.keys["admin"], "POST", "/api/v1/terminals",
        content=b" " * (MOST_BODY_BYTES + 1), headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert (problem["status"], problem["code"]) == (413, "body_too_large")


async def test_a_fault_of_ours_is_told_without_its_inside(
    house: World, app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody caught is 500 with a number to quote; neither SQL nor a file name gets out."""

    async def fall() -> None:
        raise RuntimeError("select secret from registry.user_account")

    app.add_api_route("/api/v1/fall", fall)
    problem = await refusal(app, house.keys["admin"], "GET", "/api/v1/fall")
    assert (problem["status"], problem["code"]) == (500, "internal_error")
    assert "select" not in str(problem)


async def test_a_database_that_is_away_is_503_with_a_hint(house: World, app: FastAPI) -> None:
    """When no connection is to be had, the answer says when to try again."""
    await app.state.pool.close()
    async with asking(app, house.keys["admin"]) as client:
        answer = await client.get("/api/v1/terminals")
        ready = await client.get("/health/ready")
        live = await client.get("/health/live")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert (ready.status_code, list(ready.json()["missing"])) == (503, ["database"])
    assert (live.status_code, live.json()) == (200, {"live": True})
