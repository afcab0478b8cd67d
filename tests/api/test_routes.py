"""Every JSON route answers by the scope of who asks: the own, somebody else's, and none at all."""

from datetime import timedelta

import pytest
from fastapi import FastAPI

from telemetry.model import Reason
from tests.api.conftest import asking
from tests.api.world import HANGZHOU, JIANGSU, POWER, SUZHOU, TRANSIT, World, minutes_ago


async def codes(app: FastAPI, key: str, path: str) -> list[str]:
    """The codes of a list as one caller sees it."""
    async with asking(app, key) as client:
        answer = await client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return [item["code"] for item in answer.json()["items"]]


async def test_a_list_of_terminals_holds_what_the_scope_sees_and_nothing_else(
    house: World, app: FastAPI
) -> None:
    """Admin sees all, a region and a client their own, a manager without clients nothing."""
    seen = {
        who: set(await codes(app, house.keys[who], "/terminals"))
        for who in ("admin", "jiangsu", "power", "transit", "idle")
    }
    power = {"METER-1", "METER-2", "METER-3"}
    assert seen == {
        "admin": power | {"BUS-1", "SPARE-1", "OLD-1"},
        "jiangsu": power | {"SPARE-1", "OLD-1"},
        "power": power,
        "transit": {"BUS-1"},
        "idle": set(),
    }


async def test_terminals_are_filtered_by_what_the_query_names(house: World, app: FastAPI) -> None:
    """Prefix, owner, region, state and profile each narrow the list."""
    admin = house.keys["admin"]
    assert {
        query: sorted(await codes(app, admin, f"/terminals?{query}"))
        for query in (
            "prefix=METER-",
            f"group_client={TRANSIT}",
            f"region={JIANGSU}",
            "state=registered",
            "profile=site_environment",
            f"region={SUZHOU}&state=in_service",
        )
    } == {
        "prefix=METER-": ["METER-1", "METER-2", "METER-3"],
        f"group_client={TRANSIT}": ["BUS-1"],
        f"region={JIANGSU}": ["METER-1", "METER-2", "METER-3", "OLD-1", "SPARE-1"],
        "state=registered": ["METER-3"],
        "profile=site_environment": ["SPARE-1"],
        f"region={SUZHOU}&state=in_service": ["METER-1", "METER-2"],
    }


async def test_a_list_is_walked_by_its_link(house: World, app: FastAPI) -> None:
    """Following Link: rel=next with a limit of 2 meets every terminal once, then ends."""
    met: list[str] = []
    path = "/api/v1/terminals?limit=2"
    async with asking(app, house.keys["jiangsu"]) as client:
        while path:
            answer = await client.get(path)
            met += [item["code"] for item in answer.json()["items"]]
            path = str(answer.links.get("next", {}).get("url", ""))
            assert (answer.json()["next"] is None) == (path == "")
    assert sorted(met) == ["METER-1", "METER-2", "METER-3", "OLD-1", "SPARE-1"]


@pytest.mark.parametrize(
    ("path", "own", "foreign"),
    [
        ("/terminals/METER-1", "power", "transit"),
        ("/terminals/METER-1/latest", "power", "transit"),
        ("/terminals/METER-1/telemetry", "power", "transit"),
        ("/terminals/METER-1/events", "power", "transit"),
        (f"/group-clients/{POWER}", "power", "transit"),
        ("/quarantine/1", "power", "transit"),
    ],
)
async def test_what_is_not_yours_answers_as_what_does_not_exist(
    house: World, app: FastAPI, path: str, own: str, foreign: str
) -> None:
    """The owner gets 200; a stranger gets the very 404 that a made-up name gets."""
    house.refused("METER-1", Reason.MALFORMED, b"{")
    missing = path.replace("METER-1", "NOBODY").replace(POWER, "NOBODY").replace("/1", "/999999")
    async with asking(app, house.keys[own]) as client:
        assert (await client.get(f"/api/v1{path}")).status_code == 200
    async with asking(app, house.keys[foreign]) as client:
        theirs, nobodys = [await client.get(f"/api/v1{p}") for p in (path, missing)]
    assert theirs.status_code == nobodys.status_code == 404
    told = [answer.json() | {"instance": ""} for answer in (theirs, nobodys)]
    named = {"METER-1": "NOBODY", POWER: "NOBODY"}
    for old, new in named.items():
        told[0]["detail"] = told[0]["detail"].replace(old, new)
    assert told[0] == told[1]


async def test_a_scope_of_nothing_sees_nothing(house: World, app: FastAPI) -> None:
    """An account manager without clients: every list is empty, every single thing absent."""
    item = house.refused("METER-1", Reason.MALFORMED, b"{")
    async with asking(app, house.keys["idle"]) as client:
        lists = [
            (await client.get(f"/api/v1/{noun}")).json()["items"]
            for noun in ("terminals", "group-clients", "quarantine")
        ]
        singles = [
            (await client.get(f"/api/v1/{path}")).status_code
            for path in (
                "terminals/METER-1", "terminals/METER-1/latest", "terminals/METER-1/telemetry",
                "terminals/METER-1/events", f"group-clients/{POWER}", f"quarantine/{item}",
            )
        ]  # fmt: skip
    assert lists == [[], [], []]
    assert singles == [404] * 6


async def test_nobody_changes_what_is_not_theirs(house: World, app: FastAPI) -> None:
    """An operator of Jiangsu who moves or re-keys a terminal of Zhejiang meets nothing there."""
    async with asking(app, house.keys["jiangsu"]) as client:
        url = "/api/v1/terminals/BUS-1"
        answers = [
            await client.patch(url, json={"state": "maintenance"}),
            await client.post(f"{url}/credential"),
            await client.delete(f"{url}/credential"),
        ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    async with asking(app, house.keys["admin"]) as client:
        assert (await client.get(url)).json()["state"] == "in_service"


async def test_regions_and_profiles_are_everybodys(house: World, app: FastAPI) -> None:
    """The supervision tree and the profiles are the same for the smallest scope."""
    async with asking(app, house.keys["idle"]) as client:
        regions = (await client.get("/api/v1/regions")).json()["items"]
        suzhou = (await client.get(f"/api/v1/regions/{SUZHOU}")).json()
        profiles = (await client.get("/api/v1/profiles")).json()["items"]
        meter = (await client.get("/api/v1/profiles/smart_meter")).json()
    assert [region["level"] for region in regions].count("province") == 31
    assert (suzhou["name_en"], suzhou["parent_code"]) == ("Suzhou", JIANGSU)
    assert "smart_meter" in [profile["code"] for profile in profiles]
    assert [m["low"] for m in meter["metrics"] if m["name"] == "voltage_a"] == [180]


async def test_a_terminal_is_registered_with_a_password_that_is_shown_once(
    house: World, app: FastAPI
) -> None:
    """POST answers 201 with a credential; reading the terminal back shows no password."""
    body = {"code": "NEW-1", "profile": "smart_meter", "region": SUZHOU, "group_client": POWER}
    async with asking(app, house.keys["jiangsu"]) as client:
        made = await client.post("/api/v1/terminals", json=body)
        read = await client.get(made.headers["location"])
    assert made.status_code == 201
    assert made.json()["credential"]["username"] == "NEW-1"
    assert len(made.json()["credential"]["password"]) >= 32
    assert read.json() == made.json()["terminal"]
    assert (read.json()["state"], read.json()["group_client"]) == ("registered", POWER)
    assert made.json()["credential"]["password"] not in read.text


async def test_a_terminal_cannot_be_registered_outside_the_scope(
    house: World, app: FastAPI
) -> None:
    """An operator of Jiangsu who registers in Zhejiang is refused, and nothing is left behind."""
    body = {"code": "NEW-2", "profile": "smart_meter", "region": HANGZHOU}
    async with asking(app, house.keys["jiangsu"]) as client:
        refused = await client.post("/api/v1/terminals", json=body)
    async with asking(app, house.keys["admin"]) as client:
        absent = await client.get("/api/v1/terminals/NEW-2")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
    assert absent.status_code == 404


async def test_a_taken_code_is_a_conflict(house: World, app: FastAPI) -> None:
    """A second terminal of the same code answers 409 with its own stable code."""
    body = {"code": "METER-1", "profile": "smart_meter", "region": SUZHOU}
    async with asking(app, house.keys["admin"]) as client:
        refused = await client.post("/api/v1/terminals", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "terminal_code_taken")


async def test_a_state_changes_only_from_the_version_that_was_read(
    house: World, app: FastAPI
) -> None:
    """If-Match of an old ETag answers 412 and changes nothing; the present one moves it on."""
    async with asking(app, house.keys["jiangsu"]) as client:
        url = "/api/v1/terminals/METER-3"
        etag = (await client.get(url)).headers["etag"]
        stale = await client.patch(url, json={"state": "testing"}, headers={"If-Match": '"99"'})
        unchanged = (await client.get(url)).json()["state"]
        moved = await client.patch(url, json={"state": "testing"}, headers={"If-Match": etag})
        again = await client.patch(url, json={"state": "registered"})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_changed")
    assert unchanged == "registered"
    assert (moved.status_code, moved.json()["state"]) == (200, "testing")
    assert moved.headers["etag"] != etag
    assert (again.status_code, again.json()["code"]) == (409, "transition_refused")


async def test_a_credential_is_rotated_and_revoked(house: World, app: FastAPI) -> None:
    """A client's administrator gets a new password for the own terminal, and takes it back."""
    async with asking(app, house.keys["transit"]) as client:
        issued = await client.post("/api/v1/terminals/BUS-1/credential")
        revoked = await client.delete("/api/v1/terminals/BUS-1/credential")
        foreign = await client.post("/api/v1/terminals/METER-1/credential")
    async with asking(app, house.keys["power"]) as client:
        lacking = await client.post("/api/v1/terminals/METER-1/credential")
    assert (issued.status_code, issued.json()["username"]) == (201, "BUS-1")
    assert (revoked.status_code, revoked.content) == (204, b"")
    assert foreign.status_code == 404
    assert lacking.status_code == 403


async def test_a_group_client_is_registered_and_found(house: World, app: FastAPI) -> None:
    """POST answers 201 with its address; the list has it for the region that supervises it."""
    body = {
        "code": "new-co",
        "name": "新客户",
        "region": SUZHOU,
        "industry": "power",
        "tier": "gold",
    }
    async with asking(app, house.keys["jiangsu"]) as client:
        made = await client.post("/api/v1/group-clients", json=body)
        read = await client.get(made.headers["location"])
        listed = await codes(app, house.keys["jiangsu"], "/group-clients?prefix=new")
    assert made.status_code == 201
    assert read.json() == made.json()
    assert (read.json()["level"], read.json()["file_state"]) == ("city", "surveyed")
    assert listed == ["new-co"]
    assert await codes(app, house.keys["transit"], "/group-clients") == [TRANSIT]


async def test_a_profile_is_defined_and_grows(house: World, app: FastAPI) -> None:
    """Headquarters defines a profile and adds a metric; nobody else may."""
    metric = {"name": "temperature_c", "type": "double", "unit": "Cel", "low": -40, "high": 85,
              "title_zh": "温度", "title_en": "Temperature"}  # fmt: skip
    profile = {"code": "cold_store", "sector": "security", "title_zh": "冷库", "codec": "json",
               "title_en": "Cold store", "expected_interval_seconds": 300,
               "metrics": [metric]}  # fmt: skip
    more = metric | {
        "name": "door_open",
        "type": "boolean",
        "unit": None,
        "low": None,
        "high": None,
    }
    async with asking(app, house.keys["jiangsu"]) as client:
        lacking = await client.post("/api/v1/profiles", json=profile)
    async with asking(app, house.keys["admin"]) as client:
        made = await client.post("/api/v1/profiles", json=profile)
        grown = await client.post("/api/v1/profiles/cold_store/metrics", json=more)
        read = await client.get(made.headers["location"])
    assert lacking.status_code == 403
    assert (made.status_code, grown.status_code) == (201, 201)
    assert [m["name"] for m in read.json()["metrics"]] == ["temperature_c", "door_open"]
    assert read.json() == grown.json()


async def test_latest_values_are_the_newest_of_each_metric(house: World, app: FastAPI) -> None:
    """Each metric has its own newest value, with the time it was measured."""
    early, late = minutes_ago(2), minutes_ago(1)
    house.measured("METER-1", "smart_meter", early, voltage_a=230.5, current_a=3.0)
    house.measured("METER-1", "smart_meter", late, voltage_a=231.5)
    async with asking(app, house.keys["power"]) as client:
        answer = (await client.get("/api/v1/terminals/METER-1/latest")).json()
    as_json = {t: t.isoformat().replace("+00:00", "Z") for t in (early, late)}
    assert answer["terminal"] == "METER-1"
    assert {(i["metric"], i["value"]): i["time"].rstrip("0Z") for i in answer["items"]} == {
        ("current_a", 3.0): as_json[early].rstrip("0Z"),
        ("voltage_a", 231.5): as_json[late].rstrip("0Z"),
    }


async def test_a_series_is_read_raw_by_step_and_as_csv(house: World, app: FastAPI) -> None:
    """Raw points as they came, one average a bucket with a step, the same as CSV."""
    start = minutes_ago(10).replace(second=0, microsecond=0)
    for minute, volts in enumerate((230.0, 232.0, 240.0)):
        time = start + timedelta(minutes=minute)
        house.measured("METER-1", "smart_meter", time, voltage_a=volts)
    window = {"metric": "voltage_a", "from": start.isoformat(), "to": minutes_ago(0).isoformat()}
    stamps = [(start + timedelta(minutes=m)).isoformat().replace("+00:00", "Z") for m in range(3)]
    async with asking(app, house.keys["power"]) as client:
        url = "/api/v1/terminals/METER-1/telemetry"
        raw = (await client.get(url, params=window)).json()
        hourly = (await client.get(url, params=window | {"step": "86400"})).json()
        highest = (
            await client.get(url, params=window | {"step": "86400", "aggregate": "max"})
        ).json()
        table = await client.get(url, params=window, headers={"Accept": "text/csv"})
    assert raw == {
        "terminal": "METER-1", "resolution": "raw", "step_seconds": None, "aggregate": None,
        "fill": "none", "timezone": None, "thinned": False, "readings": 3, "times": stamps,
        "columns": {"voltage_a": [230.0, 232.0, 240.0]},
    }  # fmt: skip
    assert hourly["columns"]["voltage_a"] == [pytest.approx(234.0)]
    assert highest["columns"]["voltage_a"] == [240.0]
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = zip(stamps, (230.0, 232.0, 240.0), strict=True)
    assert table.text.split("\r\n") == ["time,voltage_a", *[f"{t},{v}" for t, v in rows], ""]


async def test_a_csv_never_holds_a_formula(house: World, app: FastAPI) -> None:
    """Text that a spreadsheet would run is led by an apostrophe; numbers stay as they are."""
    house.happened("METER-1", minutes_ago(1), "alarm", "=1+1")
    async with asking(app, house.keys["power"]) as client:
        answer = await client.get("/api/v1/terminals/METER-1/events?format=csv")
        events = (await client.get("/api/v1/terminals/METER-1/events")).json()["items"]
    assert answer.text.splitlines()[1].endswith(",alarm,indeterminate,'=1+1")
    assert [(e["code"], e["text"]) for e in events] == [("alarm", "=1+1")]


async def test_the_quarantine_is_listed_by_reason_and_read_with_its_bytes(
    house: World, app: FastAPI
) -> None:
    """Filters by reason and terminal; one item carries the payload in base64."""
    house.refused("METER-1", Reason.OUT_OF_RANGE, b"\x00\xff")
    house.refused("METER-2", Reason.MALFORMED, b"{")
    house.refused(None, Reason.UNKNOWN_TERMINAL, b"?")
    async with asking(app, house.keys["power"]) as client:
        url = "/api/v1/quarantine"
        everything = (await client.get(url)).json()["items"]
        by_reason = (await client.get(f"{url}?reason=out_of_range")).json()["items"]
        by_terminal = (await client.get(f"{url}?terminal=METER-2")).json()["items"]
        one = (await client.get(f"{url}/{by_reason[0]['id']}")).json()
    assert [item["reason"] for item in everything] == ["malformed", "out_of_range"]
    assert [item["terminal"] for item in by_reason] == ["METER-1"]
    assert [item["reason"] for item in by_terminal] == ["malformed"]
    assert (one["payload"], one["payload_bytes"]) == ("AP8=", 2)
    async with asking(app, house.keys["agent"]) as client:
        assert (await client.get(url)).status_code == 403
