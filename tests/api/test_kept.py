"""What is kept for how long, over HTTP and in the console: ETags, refusals, once for each key."""

from uuid import uuid4

import psycopg
from fastapi import FastAPI

from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import POWER, World

HOLDS = "/api/v1/legal-holds"
WHY = {"reason": "a dispute over bills", "reference": "case 7 of 2026"}


async def test_a_hold_is_placed_once_and_lifted_by_who_read_it_last(
    house: World, app: FastAPI
) -> None:
    """Sent again it is answered again; one of two who lift it is told that it is lifted."""
    key = {"Idempotency-Key": str(uuid4())}
    body = {"group_client": POWER, "since": "2026-01-01T00:00:00Z", **WHY}
    async with asking(app, house.keys["admin"]) as admin:
        placed = await admin.post(HOLDS, json=body, headers=key)
        again = await admin.post(HOLDS, json=body, headers=key)
        at = placed.headers["location"]
        stale = await admin.post(f"{at}/lifting", json={"reason": "x"}, headers={"If-Match": '"9"'})
        tag = {"If-Match": placed.headers["etag"]}
        lifted = await admin.post(f"{at}/lifting", json={"reason": "settled"}, headers=tag)
        twice = await admin.post(f"{at}/lifting", json={"reason": "settled"})
        listed = (await admin.get(HOLDS)).json()["items"]
        open_ = (await admin.get(f"{HOLDS}?lifted=false")).json()["items"]
        two = await admin.post(HOLDS, json={"terminal": "METER-1", "profile": "smart_meter", **WHY})
        nobody = await admin.post(HOLDS, json={"terminal": "METER-9", **WHY})
        backwards = await admin.post(HOLDS, json=body | {"until": "2025-01-01T00:00:00Z"})
    assert placed.status_code == 201
    assert (placed.json()["since"], placed.json()["until"]) == ("2026-01-01T00:00:00Z", None)
    assert again.json() == placed.json()
    assert stale.status_code == 412
    assert (lifted.status_code, lifted.json()["lift_reason"]) == (200, "settled")
    assert (twice.status_code, twice.json()["code"]) == (409, "legal_hold_lifted")
    assert ([hold["group_client"] for hold in listed], open_) == ([POWER], [])
    assert (two.status_code, two.json()["code"]) == (422, "legal_hold_invalid")
    assert nobody.status_code == 404
    assert (backwards.status_code, backwards.json()["code"]) == (422, "legal_hold_window_empty")


async def test_a_profile_is_kept_as_its_newest_reader_says(house: World, app: FastAPI) -> None:
    """What is not named stays; null is for ever; roll-ups never go before their readings."""
    at = "/api/v1/profiles/smart_meter"
    async with asking(app, house.keys["admin"]) as admin:
        tag = {"If-Match": (await admin.get(at)).headers["etag"]}
        both = await admin.patch(at, json={"raw_days": 400, "rollup_days": 800}, headers=tag)
        late = await admin.patch(at, json={"raw_days": 10}, headers=tag)
        one = await admin.patch(at, json={"raw_days": 500})
        wrong = await admin.patch(at, json={"raw_days": None})
        forever = await admin.patch(at, json={"raw_days": None, "rollup_days": None})
    days = [(a.json()["raw_days"], a.json()["rollup_days"]) for a in (both, one, forever)]
    assert days == [(400, 800), (500, 800), (None, None)]
    assert late.status_code == 412
    assert (wrong.status_code, wrong.json()["code"]) == (422, "retention_invalid")


async def test_what_readings_take_is_told_as_it_was_measured(house: World, app: FastAPI) -> None:
    """To who sees everything; of a profile that was not measured yet, nothing."""
    with psycopg.connect(house.database.superuser) as conn:
        conn.execute(
            "insert into telemetry.profile_storage (profile_id, measured_at, raw_bytes)"
            " select id, now(), 12500000 from registry.profile where code = 'smart_meter'"
        )
    async with asking(app, house.keys["admin"]) as admin:
        [told] = (await admin.get("/api/v1/storage")).json()["items"]
    async with asking(app) as person:
        await sign_in(person, "ada")
        page = (await person.get("/profiles")).text
    assert (told["profile"], told["raw_bytes"], told["kept_days"]) == (
        "smart_meter",
        12500000,
        None,
    )
    assert "12.5" in page


async def test_the_console_keeps_places_and_lifts(house: World, app: FastAPI) -> None:
    """By the same verbs; what is wrong is said on the page, and the form keeps what was typed."""
    async with asking(app) as person:
        await sign_in(person, "ada")
        wrong = await person.post("/legal-holds", data={"code": "nobody", **WHY})
        since = {"since": "2026-01-01T00:00", "zone": "+08:00"}
        given = {"on": "terminal", "code": "METER-1", **since, **WHY}
        await person.post("/legal-holds", data=given)
        page = (await person.get("/legal-holds")).text
        short = await person.post("/legal-holds/1/lifting", data={"reason": " "})
        await person.post("/legal-holds/1/lifting", data={"reason": "settled"})
        twice = await person.post("/legal-holds/1/lifting", data={"reason": "settled"})
        refused = await person.post("/profiles/smart_meter/retention", data={"rollup_days": "9"})
        await person.post("/profiles/smart_meter/retention", data={"raw_days": "400"})
        profile = (await person.get("/profiles/smart_meter")).text
    assert (wrong.status_code, "nobody" in wrong.text) == (404, True)
    assert "2025-12-31T16:00:00.000Z" in page
    assert (short.status_code, twice.status_code, refused.status_code) == (422, 409, 422)
    assert "Readings: 400 days." in profile
