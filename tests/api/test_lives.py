"""What becomes of terminals, by API and console: lives, parts, names, gateways, collections."""

import re

from fastapi import FastAPI

from foundation.database import transaction
from registry import ownership
from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import POWER, SUZHOU, SYSTEM, TRANSIT, World

V1 = "/api/v1"
METER = f"{V1}/terminals/METER-1"
IMEI, OTHER_IMEI = "490154203237518", "356938035643809"
ICCID = "89860425102099341174"


async def test_an_isolation_is_told_with_its_reason_and_ends_where_it_began(
    house: World, app: FastAPI
) -> None:
    """Without a reason 422; the moves say who, from where to where and why; it returns."""
    async with asking(app, house.keys["jiangsu"]) as client:
        mute = await client.patch(METER, json={"state": "isolated"})
        isolated = await client.patch(METER, json={"state": "isolated", "reason": "cloned"})
        elsewhere = await client.patch(METER, json={"state": "testing"})
        back = await client.patch(METER, json={"state": "in_service"})
        moves = (await client.get(f"{METER}/moves")).json()["items"]
    async with asking(app, house.keys["power"]) as client:
        seen = (await client.get(f"{METER}/moves")).json()["items"]

    assert (mute.status_code, mute.json()["code"]) == (422, "reason_missing")
    assert (isolated.status_code, isolated.json()["state_reason"]) == (200, "cloned")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "transition_refused")
    assert "in_service" in elsewhere.json()["detail"]
    assert (back.json()["state"], back.json()["state_reason"]) == ("in_service", None)
    told = [(move["from_state"], move["to_state"], move["reason"]) for move in moves]
    assert told == [("isolated", "in_service", None), ("in_service", "isolated", "cloned")]
    assert {move["actor"].partition(":")[0] for move in moves} == {"key"}
    assert {move["actor"] for move in seen} == {None}


async def test_what_is_noted_is_noted_under_the_etag(house: World, app: FastAPI) -> None:
    """Name, place and tags in one change; late is 412; a state goes alone; half a place is none."""
    async with asking(app, house.keys["jiangsu"]) as client:
        tag = {"If-Match": (await client.get(METER)).headers["etag"]}
        change = {"name": "屋顶", "latitude": 31.3, "longitude": 120.6, "tags": ["Roof"]}
        noted = await client.patch(METER, json=change, headers=tag)
        late = await client.patch(METER, json={"name": "x"}, headers=tag)
        unnamed = await client.patch(METER, json={"name": None})
        wrong = [
            (await client.patch(METER, json=body)).status_code
            for body in (
                {},
                {"state": "maintenance", "name": "x"},
                {"latitude": 31.3},
                {"latitude": 91, "longitude": 0},
                {"tags": None},
                {"tags": ["a b"]},
                {"tags": ["t"] * 65},
                {"region": 999},
            )
        ]

    answer = noted.json()
    assert (answer["name"], answer["tags"], answer["longitude"]) == ("屋顶", ["roof"], 120.6)
    assert (late.status_code, late.json()["code"]) == (412, "version_changed")
    assert (unnamed.json()["name"], unnamed.json()["tags"]) == (None, ["roof"])
    assert wrong == [422] * 7 + [404]


async def test_parts_are_replaced_and_remembered(house: World, app: FastAPI) -> None:
    """Hardware and SIM: the new one since when it came, the old one until then."""
    async with asking(app, house.keys["jiangsu"]) as client:
        wrong = await client.post(f"{METER}/hardware", json={"imei": "490154203237519"})
        replaced = await client.post(f"{METER}/hardware", json={"imei": OTHER_IMEI})
        early = {"imei": IMEI, "at": "2020-01-01T00:00:00Z"}
        too_early = await client.post(f"{METER}/hardware", json=early)
        hardware = (await client.get(f"{METER}/hardware")).json()["items"]
        taken_out = await client.post(f"{METER}/installations", json={"iccid": None})
        moved = await client.post(
            f"{V1}/terminals/METER-2/installations", json={"iccid": "8986 0425 1020 9934 1174"}
        )
        cards = (await client.get(f"{METER}/installations")).json()["items"]

    assert (wrong.status_code, wrong.json()["code"]) == (422, "identifier_invalid")
    assert (replaced.status_code, replaced.json()["valid_to"]) == (201, None)
    assert (too_early.status_code, too_early.json()["code"]) == (409, "replaced_too_early")
    assert [part["imei"] for part in hardware] == [OTHER_IMEI, IMEI]
    assert hardware[1]["valid_to"] == hardware[0]["valid_from"]
    assert (taken_out.status_code, moved.status_code) == (201, 201)
    assert [(card["iccid"], card["valid_to"] is None) for card in cards] == [(ICCID, False)]


async def test_names_and_gateways_by_the_api(house: World, app: FastAPI) -> None:
    """A name in its normal form, once behind a gateway; what is behind it is listed."""
    async with asking(app, house.keys["jiangsu"]) as client:
        names = f"{METER}/wire-names"
        put = await client.post(f"{METER}/gateways", json={"gateway": "SPARE-1"})
        chained = await client.post(f"{V1}/terminals/METER-2/gateways", json={"gateway": "METER-1"})
        given = await client.post(names, json={"kind": "meter_address", "value": "12"})
        again = await client.post(names, json={"kind": "meter_address", "value": "012"})
        behind = (await client.get(f"{V1}/terminals/SPARE-1/behind")).json()["items"]
        taken = await client.delete(f"{names}/meter_address:12")
        left = (await client.get(names)).json()["items"]
        history = (await client.get(f"{METER}/gateways")).json()["items"]

    assert (put.status_code, put.json()["gateway"]) == (201, "SPARE-1")
    assert (chained.status_code, chained.json()["code"]) == (409, "gateway_chained")
    assert given.json()["name"] == "meter_address:000000000012"
    assert (again.status_code, again.json()["code"]) == (409, "wire_name_taken")
    assert [terminal["code"] for terminal in behind] == ["METER-1"]
    assert (taken.status_code, left) == (204, [])
    assert [part["gateway"] for part in history] == ["SPARE-1"]


async def test_a_collection_by_hand(house: World, app: FastAPI) -> None:
    """Made, filled, renamed, listed page by page, emptied and taken apart."""
    url = f"{V1}/collections"
    async with asking(app, house.keys["jiangsu"]) as client:
        made = await client.post(url, json={"name": "Roofs", "group_client": POWER})
        again = await client.post(url, json={"name": "Roofs", "group_client": POWER})
        one = made.headers["location"]
        tag = {"If-Match": made.headers["etag"]}
        filled = await client.patch(
            f"{one}/members", json={"add": ["METER-1", "METER-2"]}, headers=tag
        )
        late = await client.patch(f"{one}/members", json={"add": ["METER-3"]}, headers=tag)
        strange = await client.patch(f"{one}/members", json={"add": ["METER-3", "BUS-1"]})
        others = await client.patch(f"{one}/members", json={"add": ["SPARE-1"]})
        first = (await client.get(f"{one}/members?limit=1")).json()
        second = (await client.get(f"{one}/members?limit=1&after={first['next']}")).json()
        emptied = await client.patch(f"{one}/members", json={"remove": ["METER-1"]})
        left = (await client.get(f"{one}/members")).json()["items"]
        renamed = await client.patch(one, json={"name": "High roofs"})
        queried = await client.patch(one, json={"query": {"tag": "roof"}})
    async with asking(app, house.keys["power"]) as client:
        seen = (await client.get(url)).json()["items"]
        denied = await client.patch(one, json={"name": "mine"})
    async with asking(app, house.keys["transit"]) as client:
        foreign = await client.get(one)
    async with asking(app, house.keys["jiangsu"]) as client:
        gone = await client.delete(one)
        after = await client.get(one)

    assert (made.status_code, again.json()["code"]) == (201, "collection_name_taken")
    assert (filled.status_code, filled.json()["version"]) == (200, 2)
    assert (late.status_code, strange.status_code) == (412, 404)
    assert (others.status_code, others.json()["code"]) == (409, "collection_holds_others")
    assert [t["code"] for t in first["items"] + second["items"]] == ["METER-1", "METER-2"]
    assert second["next"] is None
    assert (emptied.status_code, [t["code"] for t in left]) == (200, ["METER-2"])
    assert renamed.json()["name"] == "High roofs"
    assert (queried.status_code, queried.json()["code"]) == (409, "collection_by_hand")
    assert [one["name"] for one in seen] == ["High roofs"]
    assert (denied.status_code, foreign.status_code) == (403, 404)
    assert (gone.status_code, after.status_code) == (204, 404)


async def test_a_collection_by_query_is_asked_whenever_it_is_read(
    house: World, app: FastAPI
) -> None:
    """What fits now is in it, of what the asker sees; it cannot be filled by hand."""
    url = f"{V1}/collections"
    query = {"tag": " ROOF", "region": int(SUZHOU), "sector": "power", "state": "in_service"}
    async with asking(app, house.keys["jiangsu"]) as client:
        made = await client.post(url, json={"name": "Roofs", "query": query})
        one = made.headers["location"]
        before = (await client.get(f"{one}/members")).json()["items"]
        for code in ("METER-1", "METER-2", "SPARE-1"):
            await client.patch(f"{V1}/terminals/{code}", json={"tags": ["roof"]})
        now = (await client.get(f"{one}/members")).json()["items"]
        by_hand = await client.patch(f"{one}/members", json={"add": ["METER-3"]})
        wider = await client.patch(one, json={"query": {"tag": "roof"}})
        more = (await client.get(f"{one}/members?limit=2")).json()
        rest = (await client.get(f"{one}/members?limit=2&after={more['next']}")).json()
        nobody = await client.post(url, json={"name": "x", "query": {"group_client": "nobody"}})
    async with asking(app, house.keys["power"]) as client:
        foreign = await client.get(one)

    assert made.json()["query"]["tag"] == "roof"
    assert (made.json()["group_client"], made.json()["region"]) == (None, 320000)
    assert (before, [t["code"] for t in now]) == ([], ["METER-1", "METER-2"])
    assert (by_hand.status_code, by_hand.json()["code"]) == (409, "collection_by_query")
    assert wider.json()["version"] == 2
    assert [t["code"] for t in more["items"] + rest["items"]] == ["METER-1", "METER-2", "SPARE-1"]
    assert (nobody.status_code, nobody.json()["code"]) == (404, "group_client_not_found")
    assert foreign.status_code == 404


async def test_what_is_transferred_leaves_its_owners_collection(house: World, app: FastAPI) -> None:
    """The former owner's collection shows it no more, and the new owner sees nothing of that."""
    async with asking(app, house.keys["admin"]) as client:
        made = await client.post(f"{V1}/collections", json={"name": "Roofs", "group_client": POWER})
        one = made.headers["location"]
        await client.patch(f"{one}/members", json={"add": ["METER-1", "METER-2"]})
        async with transaction(app.state.pool, SYSTEM.settings()) as conn:
            await ownership.transfer(conn, SYSTEM, "METER-1", TRANSIT)
        left = (await client.get(f"{one}/members")).json()["items"]

    assert [terminal["code"] for terminal in left] == ["METER-2"]


async def test_the_console_shows_what_became_of_a_terminal(house: World, app: FastAPI) -> None:
    """Forms change parts, names and gateway; the page shows history; a refusal keeps the form."""
    async with asking(app) as client:
        await sign_in(client)
        form = {"name": "East roof", "region": "320500", "tags": "Roof, 南京", "latitude": "31.3",
                "longitude": "120.6"}  # fmt: skip
        noted = await client.post("/terminals/METER-1/particulars", data=form)
        half = await client.post(
            "/terminals/METER-1/particulars", data=form | {"longitude": "", "name": "Kept"}
        )
        for path, given in (
            ("hardware", {"imei": OTHER_IMEI}),
            ("sim", {"iccid": ""}),
            ("gateway", {"gateway": "SPARE-1"}),
            ("names", {"kind": "meter_address", "value": "77"}),
            ("state", {"state": "isolated", "reason": "seen twice"}),
        ):
            done = await client.post(f"/terminals/METER-1/{path}", data=given)
            assert (done.status_code, path) == (303, path)
        refused = await client.post("/terminals/METER-1/hardware", data={"imei": OTHER_IMEI})
        page = (await client.get("/terminals/METER-1")).text
        gate = (await client.get("/terminals/SPARE-1")).text

    assert noted.status_code == 303
    assert half.status_code == 422
    assert 'value="Kept"' in half.text
    assert (refused.status_code, "has this one already" in refused.text) == (409, True)
    for shown in ("East roof", "roof", "31.3, 120.6", IMEI, OTHER_IMEI, ICCID, "000000000077",
                  "seen twice", 'href="/terminals/SPARE-1"'):  # fmt: skip
        assert shown in page, shown
    assert 'href="/terminals/METER-1"' in gate


async def test_collections_in_the_console(house: World, app: FastAPI) -> None:
    """Made, filled from a pasted list, refused in words, taken apart."""
    async with asking(app) as client:
        await sign_in(client)
        made = await client.post("/collections/new", data={"name": "Roofs", "owner": POWER})
        one = made.headers["location"]
        again = await client.post("/collections/new", data={"name": "Roofs", "owner": POWER})
        filled = await client.post(f"{one}/members", data={"codes": "METER-1,\nMETER-2"})
        strange = await client.post(f"{one}/members", data={"codes": "NOBODY-9"})
        taken = await client.post(f"{one}/members", data={"codes": "METER-2", "remove": "true"})
        page = (await client.get(one)).text
        within = (await client.get(f"/terminals?collection={one.rpartition('/')[2]}")).text
        listed = (await client.get("/collections")).text
        query = {"name": "Broken", "by": "query", "state": "isolated", "tag": "roof"}
        queried = await client.post("/collections/new", data=query)
        asked = (await client.get(queried.headers["location"])).text
        gone = await client.post(f"{one}/deletion")

    assert [a.status_code for a in (made, filled, taken, gone)] == [303] * 4
    assert (again.status_code, 'value="Roofs"' in again.text) == (409, True)
    assert strange.status_code == 404
    for shown in (page, within):
        assert re.findall(r'href="/terminals/(METER-\d)"', shown) == ["METER-1"]
    assert "Roofs" in listed
    assert "isolated" in asked
