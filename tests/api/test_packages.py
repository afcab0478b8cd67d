"""Tiers and packages of clients over HTTP and in the console: ETags, plans, undo, what is told."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from fastapi import FastAPI

from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import POWER, SUZHOU, World

OF = f"/api/v1/group-clients/{POWER}"
METERING = {
    "code": "metering", "title_zh": "抄表", "title_en": "Metering", "tier": "silver",
    "profiles": ["smart_meter", "site_environment"],
}  # fmt: skip


async def test_a_package_is_given_once_and_taken_back(house: World, app: FastAPI) -> None:
    """Of two who read the same version the second is told; sent again it is answered again."""
    key = {"Idempotency-Key": str(uuid4())}
    given = {"package": "metering", "note": "contract 118"}
    async with asking(app, house.keys["admin"]) as admin, asking(app, house.keys["jiangsu"]) as op:
        made = await admin.post("/api/v1/packages", json=METERING)
        tag = {"If-Match": (await op.get(OF)).headers["etag"]}
        first = await op.post(f"{OF}/packages", json=given, headers=tag | key)
        again = await op.post(f"{OF}/packages", json=given, headers=tag | key)
        late = await admin.post(f"{OF}/packages", json=given, headers=tag)
        silver = (await op.get(OF)).json()
        body = {"code": "NEW-1", "region": SUZHOU, "group_client": POWER}
        terminal = await op.post("/api/v1/terminals", json=body)
        form = await op.post(
            "/api/v1/terminals", json=body | {"code": "NEW-2", "group_client": None}
        )
        undoing = f"{OF}/packages/{first.json()['id']}/undoing"
        undone = await op.post(undoing, headers={"If-Match": first.headers["etag"]})
        gold = (await op.get(OF)).json()
        listed = (await op.get(f"{OF}/packages")).json()["items"]
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/packages/metering")
    assert (first.status_code, first.json()["state"]) == (201, "in_force")
    assert (first.json()["tier"], first.json()["former_tier"]) == ("silver", "gold")
    assert again.json() == first.json()
    assert late.status_code == 412
    assert silver["tier"] == "silver"
    assert terminal.json()["terminal"]["profile"] == "smart_meter"
    assert (form.status_code, form.json()["code"]) == (422, "profile_missing")
    assert (undone.status_code, undone.json()["state"]) == (200, "undone")
    assert gold["tier"] == "gold"
    assert [one["note"] for one in listed] == ["contract 118"]


async def test_packages_under_etags(house: World, app: FastAPI) -> None:
    """Changed by who read the newest version, retired for good, listed only when asked for."""
    async with asking(app, house.keys["admin"]) as admin:
        made = await admin.post("/api/v1/packages", json=METERING)
        tag, at = {"If-Match": made.headers["etag"]}, "/api/v1/packages/metering"
        changed = await admin.patch(at, json={"profiles": []}, headers=tag)
        late = await admin.patch(at, json={"title_en": "x"}, headers=tag)
        null = await admin.patch(at, json={"tier": None})
        taken = await admin.post("/api/v1/packages", json=METERING)
        unknown = await admin.post("/api/v1/packages", json=METERING | {"code": "b", "tier": "tin"})
        retired = await admin.delete(at, headers={"If-Match": changed.headers["etag"]})
        gone = await admin.post(f"{OF}/packages", json={"package": "metering"})
        offered = (await admin.get("/api/v1/packages")).json()["items"]
        everything = (await admin.get("/api/v1/packages?retired=true")).json()["items"]
    assert (changed.status_code, changed.json()["profiles"]) == (200, [])
    assert (late.status_code, null.status_code) == (412, 422)
    assert (taken.status_code, taken.json()["code"]) == (409, "package_taken")
    assert unknown.status_code == 404
    assert retired.json()["retired_at"] is not None
    assert (gone.status_code, gone.json()["code"]) == (409, "package_retired")
    assert (offered, [one["code"] for one in everything]) == ([], ["metering"])


async def test_a_trial_is_told_and_prolonged(house: World, app: FastAPI) -> None:
    """To the client its end, to the operator a warning; a tier for good takes no end."""
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=5)
    async with asking(app, house.keys["jiangsu"]) as op, asking(app, house.keys["power"]) as own:
        tag = {"If-Match": (await op.get(OF)).headers["etag"]}
        body = {"tier": "trial", "until": soon.isoformat()}
        tried = await op.put(f"{OF}/tier", json=body, headers=tag)
        late = await op.put(f"{OF}/tier", json={"tier": "gold"}, headers=tag)
        file = (await op.get(f"{OF}/file")).json()
        seen = (await own.get(OF)).json()
        longer = await op.put(
            f"{OF}/tier", json=body | {"until": (soon + timedelta(days=30)).isoformat()}
        )
        wrong = await op.put(f"{OF}/tier", json=body | {"tier": "gold"})
        own_wish = await own.put(f"{OF}/tier", json={"tier": "gold"})
    assert tried.status_code == 200
    assert late.status_code == 412
    assert "trial_ending" in file["warnings"]
    assert datetime.fromisoformat(seen["tier_until"]) == soon
    assert datetime.fromisoformat(longer.json()["tier_until"]) == soon + timedelta(days=30)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "trial_end_invalid")
    assert own_wish.status_code == 403


async def test_the_page_gives_and_undoes(house: World, app: FastAPI) -> None:
    """The client's page shows what it has; a refusal is told where it was asked."""
    async with asking(app, house.keys["admin"]) as admin:
        await admin.post("/api/v1/packages", json=METERING)
    async with asking(app) as person:
        await sign_in(person, "ada")
        await person.post(f"/group-clients/{POWER}/packages", data={"package": "metering"})
        page = (await person.get(f"/group-clients/{POWER}")).text
        form = (await person.get(f"/register?client={POWER}")).text
        twice = await person.post(f"/group-clients/{POWER}/packages", data={"package": "metering"})
    assert "Metering" in page
    assert "<optgroup" in form.partition('id="profile"')[2].partition("</select>")[0]
    assert twice.status_code == 409
    assert "The client has this package already." in twice.text
