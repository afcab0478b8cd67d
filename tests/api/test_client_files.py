"""A client's file over HTTP: its life under ETags, refusals, and what terminals' answers say."""

from typing import Any

from fastapi import FastAPI

from tests.api.conftest import asking
from tests.api.world import SUZHOU, World

FILE = "/api/v1/group-clients/suzhou-power/file"
CODE = "91350100M000100Y43"


async def test_a_file_is_led_through_its_life(house: World, app: FastAPI) -> None:
    """Filed by the one and verified by the other; who read an older version is told so."""
    async with asking(app, house.keys["admin"]) as admin, asking(app, house.keys["jiangsu"]) as op:
        tag = (await op.get(FILE)).headers["etag"]
        filed = await op.post(f"{FILE}/moves", json={"state": "filed"}, headers={"If-Match": tag})
        late = await admin.patch(FILE, json={"needs": "x"}, headers={"If-Match": tag})
        same = await op.post(f"{FILE}/moves", json={"state": "verified"})
        done = await admin.post(f"{FILE}/moves", json={"state": "verified", "reason": "called"})
        moves = (await op.get(f"{FILE}/moves")).json()["items"]
    assert (filed.status_code, late.status_code, done.status_code) == (201, 412, 201)
    assert (same.status_code, same.json()["code"]) == (409, "file_same_hand")
    assert done.json()["verified_by"].startswith("key:")
    assert done.json()["filed_by"] != done.json()["verified_by"]
    assert [move["to_state"] for move in moves] == ["verified", "filed", "surveyed"]


async def test_what_is_wrong_with_a_change_is_told(house: World, app: FastAPI) -> None:
    """By the place in the body; and nothing of it is noted."""
    person: dict[str, Any] = {"name": "Wang", "mail": "nobody"}
    async with asking(app, house.keys["admin"]) as client:
        refused = [
            await client.patch(FILE, json={"needs": "x", "credit_code": "91350100M000100Y44"}),
            await client.patch(FILE, json={"needs": "x", "contacts": [person]}),
            await client.patch(FILE, json={"needs": "x", "watched": None}),
            await client.post(f"{FILE}/evidence", json={"name": "a", "sha256": "abc"}),
        ]
        noted = await client.patch(FILE, json={"credit_code": CODE, "contacts": None})
        taken = await client.patch(
            "/api/v1/group-clients/hangzhou-transit/file", json={"credit_code": CODE}
        )
    assert [one.status_code for one in refused] == [422] * 4
    assert [one.json()["code"] for one in refused] == [
        "identifier_invalid", "contact_invalid", "request_invalid", "evidence_invalid",
    ]  # fmt: skip
    assert refused[0].json()["errors"][0]["pointer"] == "#/credit_code"
    assert (noted.json()["credit_code"], noted.json()["needs"]) == (CODE, None)
    assert (taken.status_code, taken.json()["code"]) == (409, "credit_code_taken")
    assert "suzhou" not in taken.text


async def test_a_client_reads_its_tier_and_not_what_is_thought_of_it(
    house: World, app: FastAPI
) -> None:
    """Who serves it reads both."""
    worth = {"value_grade": "D", "watched": True}
    async with asking(app, house.keys["admin"]) as admin:
        assert (await admin.patch(FILE, json=worth)).status_code == 200
    seen = {}
    for holder in ("power", "agent"):
        async with asking(app, house.keys[holder]) as client:
            found = (await client.get("/api/v1/group-clients/suzhou-power")).json()
            file = (await client.get(FILE)).status_code
        seen[holder] = (found["tier"], found["value_grade"], found["watched"], file)
    assert seen == {"power": ("gold", None, None, 403), "agent": ("gold", "D", True, 200)}


async def test_answers_of_terminals_warn(house: World, app: FastAPI) -> None:
    """Of an unverified file and of a quota that is nearly used up; then neither comes any more."""
    meter = {"profile": "smart_meter", "region": SUZHOU, "group_client": "suzhou-power"}
    tier, url = "/api/v1/tiers/gold", "/api/v1/terminals"
    async with asking(app, house.keys["admin"]) as client:
        assert (await client.patch(tier, json={"terminal_quota": 5})).json()["version"] == 2
        made = await client.post(url, json=meter | {"code": "NEW-1", "state": "testing"})
        moved = await client.patch(f"{url}/NEW-1", json={"state": "in_service"})
        await client.patch(tier, json={"file_policy": "hold_in_testing"})
        held = await client.post(url, json=meter | {"code": "NEW-2", "state": "in_service"})
        fifth = await client.post(url, json=meter | {"code": "NEW-2", "state": "testing"})
        sixth = await client.post(url, json=meter | {"code": "NEW-3"})
    assert made.json()["warnings"] == ["file_not_verified", "quota_near"]
    assert (moved.json()["state"], moved.json()["warnings"]) == (
        "in_service",
        ["file_not_verified", "quota_near"],
    )
    assert (held.status_code, held.json()["code"]) == (409, "file_not_verified")
    assert (fifth.status_code, sixth.status_code) == (201, 409)
    assert sixth.json()["code"] == "terminal_quota_reached"
    assert "The tier of suzhou-power allows 5 terminals" in sixth.json()["detail"]
