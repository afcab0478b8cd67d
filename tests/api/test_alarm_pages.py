"""Alarms and rules in the console: in which order, to whom, and what becomes of stale forms."""

import re
from collections.abc import Sequence

import psycopg
import pytest
from fastapi import FastAPI

from api.console import reasons
from foundation.database import open_pool, transaction
from registry import users
from registry.scope import Role
from telemetry.alarms import rule_model
from telemetry.alarms.rule_model import RuleInvalid
from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import PASSWORD, POWER, SYSTEM, World, minutes_ago

_ALARM = """insert into telemetry.alarm (rule_version, rule_name, terminal_id, group_client_id,
    region_code, severity, metric, value, raised_at, last_at)
    select 1, %(name)s, t.id, t.group_client_id, t.region_code, %(severity)s, 'voltage_a', 256.5,
        %(at)s, %(at)s from registry.terminal t where t.code = %(code)s returning id"""


def raised(house: World, *alarms: tuple[str, str, str]) -> list[int]:
    """Alarms of these names, severities and terminals; their numbers."""
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        numbers = []
        for name, severity, code in alarms:
            given = {"name": name, "severity": severity, "code": code, "at": minutes_ago(9)}
            row = conn.execute(_ALARM, given).fetchone()
            assert row is not None
            numbers.append(int(row[0]))
    return numbers


async def appointed(house: World) -> None:
    """Someone of the power client who tends its alarms."""
    async with (
        await open_pool(house.database.owner, name="appoint", max_size=1) as pool,
        transaction(pool, SYSTEM.settings()) as conn,
    ):
        await users.appoint(
            conn, SYSTEM, name="lin", password=PASSWORD, role=Role.CLIENT_ADMIN,
            group_clients=[POWER],
        )  # fmt: skip


def listed(page: str) -> list[str]:
    """The numbers of the alarms that a list shows, in its order."""
    return re.findall(r'<tr id="alarm-(\d+)"', page)


def numbers(of: Sequence[int]) -> list[str]:
    return [str(number) for number in of]


async def test_the_gravest_are_first_and_every_page_is_met_once(house: World, app: FastAPI) -> None:
    """Over two pages: by severity, of one severity the last raised first; counts are whole."""
    minor = raised(house, *[("low", "minor", "METER-2")] * 20)
    grave = raised(house, *[("high", "critical", "METER-1")] * 10)
    raised(house, ("elsewhere", "critical", "BUS-1"))
    async with asking(app) as client:
        await sign_in(client, "pei")
        first = (await client.get("/alarms")).text
        link = re.search(r'href="([^"]+)" rel="next"', first)
        assert link is not None
        second = (await client.get(link[1].replace("&amp;", "&"))).text
    assert "30 alarms are open." in first
    assert listed(first) + listed(second) == numbers([*grave[::-1], *minor[::-1]])
    assert "elsewhere" not in first + second


async def test_what_is_chosen_is_acknowledged_and_nothing_else(house: World, app: FastAPI) -> None:
    """Two of three, and one of somebody else's in the same form; the list is as it was asked."""
    await appointed(house)
    mine = raised(house, *[("high", "major", "METER-1")] * 3)
    [theirs] = raised(house, ("high", "major", "BUS-1"))
    async with asking(app) as client:
        await sign_in(client, "lin")
        answer = await client.post(
            "/alarms/acknowledgement",
            data={"alarm": numbers([*mine[:2], theirs]), "return_to": "/alarms?severity=major"},
        )
        new = (await client.get("/alarms?state=new")).text
        taken = (await client.get("/alarms?state=acknowledged")).text
    assert (answer.status_code, answer.headers["location"]) == (303, "/alarms?severity=major")
    assert listed(new) == numbers(mine[2:])
    assert listed(taken) == numbers(mine[1::-1])
    with psycopg.connect(house.database.superuser) as conn:
        row = conn.execute("select count(acknowledged_at) from telemetry.alarm").fetchone()
    assert row == (2,)


async def test_many_are_acknowledged_at_once_and_each_says_what_became_of_it(
    house: World, app: FastAPI
) -> None:
    """Of somebody who tends a client: theirs once, others' never, and one link has it all."""
    await appointed(house)
    mine = raised(house, *[("high", "major", "METER-1")] * 3, ("low", "minor", "METER-2"))
    [theirs] = raised(house, ("high", "major", "BUS-1"))
    address, told = "/api/v1/alarms/acknowledgements", {}
    bodies: dict[str, dict[str, object]] = {
        "named": {"alarms": [*mine[:2], theirs, 4711], "note": "Seen."},
        "again": {"alarms": mine[:2], "note": "Seen again."},
        "fitting": {"where": {"severity": "major", "group_client": POWER}},
        "nothing": {"where": {"severity": "critical"}},
        "both": {"alarms": mine, "where": {}},
    }
    async with asking(app) as client:
        await sign_in(client, "lin")
        for name, body in bodies.items():
            told[name] = (await client.post(address, json=body)).json()
        kept = (await client.get(f"/api/v1/alarms/{mine[0]}")).json()
        audited = (await client.get(told["named"]["audit"])).json()
        new = (await client.get("/alarms?state=new")).text
        await client.post("/alarms/acknowledgement?state=new&severity=minor", data={"all": "true"})
        left = (await client.get("/alarms?state=new")).text
    outcomes = [item["outcome"] for item in told["named"]["items"]]
    assert outcomes == ["acknowledged", "acknowledged", "alarm_not_found", "alarm_not_found"]
    assert [item["outcome"] for item in told["again"]["items"]] == ["was_already"] * 2
    assert [note["text"] for note in kept["notes"]] == ["Seen."]
    assert told["fitting"]["items"] == [{"alarm": mine[2], "outcome": "acknowledged"}]
    assert (told["fitting"]["more"], told["nothing"]["audit"]) == (False, None)
    assert told["both"]["code"] == "request_invalid"
    assert [entry["size"] for entry in audited["items"]] == [2]
    assert (listed(new), listed(left)) == (numbers(mine[3:]), [])


async def test_a_viewer_is_offered_nothing_and_a_stale_form_changes_nothing(
    house: World, app: FastAPI
) -> None:
    """No form for a viewer; of two who saw the same version, the second is told."""
    await appointed(house)
    [number] = raised(house, ("high", "major", "METER-1"))
    async with asking(app) as client:
        await sign_in(client, "pei")
        seen = (await client.get(f"/alarms/{number}")).text
    assert f'action="/alarms/{number}' not in seen
    async with asking(app) as client:
        await sign_in(client, "lin")
        given = {"version": "1", "assignee": "lin"}
        done = await client.post(f"/alarms/{number}/assignment", data=given)
        late = await client.post(f"/alarms/{number}/clearing", data={"version": "1"})
        page = (await client.get(f"/alarms/{number}")).text
    assert (done.status_code, late.status_code) == (303, 412)
    assert "Somebody else changed this meanwhile" in late.text
    assert "said who looks after it" in page
    assert "said that it is over" not in page


async def test_the_overview_lists_who_is_silent_longest_of_ones_own(
    house: World, app: FastAPI
) -> None:
    """The longest first; a client sees its own, a person who sees everything all."""
    house.measured("METER-1", "smart_meter", minutes_ago(600), voltage_a=231.0)
    house.measured("METER-2", "smart_meter", minutes_ago(900), voltage_a=231.0)
    house.measured("BUS-1", "vehicle_tracker", minutes_ago(700), speed_kmh=1.0)
    seen = {}
    for name in ("ada", "jin", "pei"):
        async with asking(app) as client:
            await sign_in(client, name)
            page = (await client.get("/overview/silent")).text
        seen[name] = re.findall(r'<tr><td><a href="/terminals/([^"]+)"', page)
    assert seen == {
        "ada": ["METER-2", "BUS-1", "METER-1"],
        "jin": ["METER-2", "METER-1"],
        "pei": ["METER-2", "METER-1"],
    }


async def test_a_rule_says_in_both_languages_what_it_watches_for(
    house: World, app: FastAPI
) -> None:
    """Every kind of criterion that the form knows, in a sentence without a code in it."""
    fence = {"fence": "polygon", "corners": "31, 120\n32, 120\n32，121"}
    kinds = {
        "threshold": {"metric": "speed_kmh", "limit": "80", "clear": "70", "lasting": "5"},
        "band": {"metric": "speed_kmh", "low": "10", "high": "90", "margin": "2"},
        "change": {"metric": "speed_kmh", "rise": "20", "fall": "30"},
        "stuck": {"metric": "speed_kmh", "lasting": "2", "lasting_unit": "3600"},
        "truth": {"truth": "ignition", "wrong": "false"},
        "place": {"where": "inside", **fence},
        "event": {"code": "sos", "ends": "sos_restored"},
        "absent": {"missed": "speed_kmh", "missing": "10", "missing_unit": "60"},
        "silence": {"silent": "session", "back": "2", "lasting": "5", "zone": "Asia/Shanghai",
                    "day": "0.7", "span_from": "22:00", "span_to": "06:00"},
    }  # fmt: skip
    told = {}
    async with asking(app) as client:
        await sign_in(client)
        for kind, given in kinds.items():
            form = {"profile": "vehicle_tracker", "name": kind, "kind": kind, **given}
            made = await client.post("/rules/new", data=form)
            assert made.status_code == 303, made.text
            where = made.headers["location"]
            # The form of a change says the same again.
            shown = (await client.get(f"{where}/change")).text
            assert all(f'value="{text}"' in shown for text in given.values() if "\n" not in text)
            assert ("checked" in shown) == (kind == "silence")
            for language in ("en", "zh"):
                page = await client.get(where, headers={"Accept-Language": language})
                [said] = re.findall(r'class="card note"><p>(.*?)</p>', page.text, re.DOTALL)
                told[kind, language] = " ".join(said.split())
    assert told["threshold", "en"] == (
        "Speed is above 80 km/h, until it is 70 km/h or less. It lasts 5 min at least."
    )
    assert told["event", "zh"] == "发生编码以 sos 开头的事件，直到发生以 sos_restored 开头的事件。"
    assert "3 个顶点" in told["place", "zh"]
    assert told["absent", "en"] == "Nothing of Speed comes for 10 min."
    assert told["silence", "en"] == (
        "The terminal has no session. It is over when it was back for 2 min. It lasts 5 min at"
        " least. Only at these times: Sun 22:00–06:00 (Asia/Shanghai)."
    )
    assert not any(kind == text for (kind, _), text in told.items())


_METERED = {"profile": "smart_meter", "name": "too high", "metric": "voltage_a"}


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("limit", {"limit": "fast"}),
        ("limit", {}),
        ("limit", {"limit": "1e9"}),
        ("clear", {"limit": "250", "clear": "251"}),
        ("limit", {"metric": "gone", "limit": "250"}),
        ("high", {"kind": "band", "low": "200"}),
        ("rise", {"kind": "change"}),
        ("within", {"kind": "change", "rise": "9", "within": "soon"}),
        ("name", {"limit": "250", "name": " "}),
        ("lasting", {"limit": "250", "lasting": "1e6"}),
        ("kind", {"kind": "place", "fence": "circle", "latitude": "31", "longitude": "120"}),
        ("corners", {"profile": "vehicle_tracker", "kind": "place", "fence": "polygon",
                     "corners": "31"}),
        ("missing", {"kind": "absent", "missing": "0.5"}),
        ("missing", {"kind": "absent"}),
        ("missing", {"kind": "absent", "missing": "1000", "missing_unit": "3600"}),
        ("back", {"kind": "silence", "back": "25", "back_unit": "3600"}),
        ("zone", {"limit": "250", "zone": "Mars", "day": "0.1", "span_from": "08:00",
                  "span_to": "09:00"}),
        ("spans", {"limit": "250", "day": "0.1", "span_from": "08:00", "span_to": ""}),
        ("spans", {"limit": "250", "span_from": "08:00", "span_to": "09:00"}),
        ("client", {"limit": "250", "client": "nobody"}),
        ("terminal", {"limit": "250", "terminal": "NO-1"}),
    ],
)  # fmt: skip
async def test_a_rule_that_cannot_be_says_why_beside_the_field(
    house: World, app: FastAPI, field: str, given: dict[str, str]
) -> None:
    """In the reader's language, with what was filled in; nothing is made of it."""
    form = {**_METERED, **given}
    async with asking(app) as client:
        await sign_in(client)
        page = await client.post("/rules/new", data=form, headers={"Accept-Language": "zh"})
        rules = (await client.get("/rules")).text
    assert page.status_code in (404, 422)
    assert beside(page.text) == {"spans": "span_to"}.get(field, field)
    [why] = re.findall(r'<div class="error" role="alert">(.*?)</div>', page.text)
    assert re.search("[\u4e00-\u9fff]", why)
    assert f'value="{form["name"]}"' in page.text
    assert "There is no rule yet." in rules


def beside(page: str) -> str:
    """The field after which a page says what is wrong."""
    before, found, _ = page.partition('<div class="beside" id="why">')
    assert found
    named: list[str] = re.findall(r'<(?:input|select|textarea)[^>]* name="(\w+)"', before)
    marked: list[str] = re.findall(r' name="(\w+)"[^>]* aria-invalid="true"', page)
    return marked[0] if marked else named[-1]


async def test_works_are_planned_put_off_and_ended(house: World, app: FastAPI) -> None:
    """By who makes rules of a client; two who saw the same, one is told; a viewer only looks."""
    await appointed(house)
    async with asking(app) as client:
        await sign_in(client, "lin")
        past = {"why": "Works", "ends": "2020-01-01T00:00", "zone": "+08:00"}
        wrong = await client.post("/maintenance-windows/new", data=past)
        given = past | {"ends": f"{minutes_ago(-600):%Y-%m-%dT%H:%M}", "terminal": "METER-1"}
        made = (await client.post("/maintenance-windows/new", data=given)).headers["location"]
        later = {"version": "1", "why": "Longer works", "ends": "2020-01-01T00:00"}
        unreal = await client.post(f"{made}/change", data=later | {"ends": "2026-02-31T00:00"})
        longer = await client.post(f"{made}/change", data=later | {"ends": ""})
        late = await client.post(f"{made}/end", data={"version": "1"})
        listed_now = (await client.get("/maintenance-windows")).text
        ended = await client.post(f"{made}/end", data={"version": "2"})
        over = (await client.get("/maintenance-windows?state=over")).text
        again = await client.post(f"{made}/end", data={"version": "3"})
    async with asking(app) as client:
        await sign_in(client, "pei")
        seen = (await client.get(made)).text
    assert (wrong.status_code, beside(wrong.text)) == (422, "ends")
    statuses = [answer.status_code for answer in (unreal, longer, late, ended, again)]
    assert statuses == [422, 303, 412, 303, 409]
    assert f'<a href="{made}">Longer works</a>' in listed_now
    assert f'<a href="{made}">Longer works</a>' in over
    assert f'action="{made}' not in seen


async def test_storms_begin_as_administrators_say(house: World, app: FastAPI) -> None:
    """A threshold that cannot be is refused beside its field; others see what it says."""
    form = {"name": "Silent city", "severity": "major", "least": "9", "share": "25", "window": "5"}
    async with asking(app) as client:
        await sign_in(client)
        for field, text in (("share", "120"), ("least", "1"), ("window", "90"), ("name", " ")):
            wrong = await client.post("/storm-thresholds/city", data=form | {field: text})
            assert (wrong.status_code, beside(wrong.text)) == (422, field)
        await client.post("/storm-thresholds/city", data=form | {"version": "1"})
        late = await client.post("/storm-thresholds/city", data=form | {"version": "1"})
    async with asking(app) as client:
        await sign_in(client, "jin")
        seen = (await client.get("/storm-thresholds")).text
        refused = await client.post("/storm-thresholds/city", data=form)
    assert (late.status_code, refused.status_code) == (412, 403)
    said = "At least 9 terminals, and 25% of those that spoke before, that fall silent within 5 min"
    assert said in seen
    assert 'href="/storm-thresholds/city"' not in seen


def test_a_reason_that_is_not_known_is_told_as_it_is() -> None:
    """A kind that came later has reasons of its own."""
    assert reasons.why("Something new.") is None
    with pytest.raises(RuleInvalid) as refused:
        rule_model.read({"kind": "stuck"})
    assert reasons.why(str(refused.value)) is not None


async def test_a_rule_is_tried_turned_on_and_found_again(house: World, app: FastAPI) -> None:
    """Two alarms it would have raised, at their terminal; then it is on, and in its history."""
    for minute, volts in ((50, 231.0), (40, 256.0), (30, 231.0), (20, 255.0)):
        house.measured("METER-1", "smart_meter", minutes_ago(minute), voltage_a=volts)
    form = {"profile": "smart_meter", "name": "too high", "metric": "voltage_a", "limit": "250"}
    async with asking(app) as client:
        await sign_in(client)
        rule = (await client.post("/rules/new", data=form)).headers["location"]
        tried = await client.get(f"{rule}/trial?days=1")
        await client.post(f"{rule}/enabled", data={"enabled": "true", "version": "1"})
        late = await client.post(f"{rule}/enabled", data={"enabled": "false", "version": "1"})
        [number] = raised(house, ("too high", "critical", "METER-1"))
        pages = {
            address: (await client.get(address)).text
            for address in (rule, "/rules", "/overview/alarms", "/terminals/METER-1", "/",
                            "/charts?terminal=METER-1")
        }  # fmt: skip
    assert tried.status_code == 200, tried.text
    assert "It would have raised 2 alarms." in tried.text
    assert "1 would still be open." in tried.text
    assert (
        len(re.findall(r'<a href="/charts\?terminal=METER-1&amp;metric=voltage_a', tried.text)) == 2
    )
    assert late.status_code == 412
    assert "turned on" in pages[rule]
    assert f'<a href="{rule}">too high</a>' in pages["/rules"]
    for address in ("/overview/alarms", "/terminals/METER-1"):
        assert f'<a href="/alarms/{number}">too high</a>' in pages[address]
    assert 'hx-get="/overview/silent"' in pages["/"]
    assert 'data-metric="voltage_a"' in pages["/charts?terminal=METER-1"]
