"""Bindings by the API and in the console: set, asked for, decided by somebody else, and told."""

from uuid import uuid4

import psycopg
from fastapi import FastAPI

from tests.api.conftest import asking
from tests.api.test_pages import headline
from tests.api.test_sign_in import sign_in
from tests.api.world import POWER, SUZHOU, World

BINDINGS, REQUESTS = "/api/v1/bindings", "/api/v1/bindings/requests"
CARD, STOCK = "89860425102099341174", "89860425102099349998"
IMEI, OTHER = "490154203237518", "356938035643809"
EXACT = {"mode": "exact", "imeis": [IMEI]}
WANTED = {"iccid": CARD, "imei": OTHER, "reason": "modem replaced"}


def judge(house: World, verdict: str, violation: str | None = None) -> None:
    """What the bridge would find of the rules that hold."""
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute(
            "update registry.binding set verdict = %s, violation = %s, heard_at = now(),"
            " heard_imei = %s where valid_to is null",
            (verdict, violation, OTHER),
        )


async def test_a_rule_is_set_in_place_of_the_one_that_was_read(house: World, app: FastAPI) -> None:
    """None at first, which is no SIM's absence; who comes late is told so; history keeps all."""
    async with asking(app, house.keys["admin"]) as client:
        none = await client.get(f"{BINDINGS}/{CARD}")
        absent = await client.get(f"{BINDINGS}/{STOCK}")
        first = await client.put(f"{BINDINGS}/{CARD}", json={"mode": "first_seen"})
        tag = {"If-Match": first.headers["etag"]}
        second = await client.put(f"{BINDINGS}/{CARD}", json=EXACT, headers=tag)
        late = await client.put(f"{BINDINGS}/{CARD}", json={"mode": "off"}, headers=tag)
        wrong = await client.put(f"{BINDINGS}/{CARD}", json={"mode": "tac", "imeis": [IMEI]})
        page = await client.get(f"{BINDINGS}/{CARD}/history?limit=1")
        rest = await client.get(page.links["next"]["url"])
    assert (none.status_code, none.json()["code"]) == (404, "binding_not_found")
    assert (absent.status_code, absent.json()["code"]) == (404, "sim_not_found")
    assert second.headers["etag"] == '"2"'
    assert (second.json()["imeis"], second.json()["verdict"]) == ([IMEI], "unproven")
    assert (late.status_code, late.json()["code"]) == (412, "version_changed")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "binding_rule_invalid")
    told = [*page.json()["items"], *rest.json()["items"]]
    assert [(b["version"], b["mode"]) for b in told] == [(2, "exact"), (1, "first_seen")]
    assert rest.json()["next"] is None


async def test_another_hardware_is_asked_for_once_and_decided_by_another(
    house: World, app: FastAPI
) -> None:
    """Sent twice it is one request; who asked may withdraw it, and a colleague alone approves."""
    key = {"Idempotency-Key": str(uuid4())}
    async with asking(app, house.keys["admin"]) as client:
        await client.put(f"{BINDINGS}/{CARD}", json=EXACT)
    async with asking(app, house.keys["jiangsu"]) as client:
        asked = await client.post(REQUESTS, json=WANTED, headers=key)
        again = await client.post(REQUESTS, json=WANTED, headers=key)
        there = await client.post(REQUESTS, json=WANTED)
        url = asked.headers["location"]
        own = await client.post(f"{url}/decision", json={"approve": True})
        withdrawn = await client.post(f"{url}/withdrawal", headers={"If-Match": '"1"'})
        second = (await client.post(REQUESTS, json=WANTED)).headers["location"]
    async with asking(app, house.keys["admin"]) as client:
        not_own = await client.post(f"{second}/withdrawal")
        stale = await client.post(
            f"{second}/decision", json={"approve": True}, headers={"If-Match": '"7"'}
        )
        approved = await client.post(
            f"{second}/decision", json={"approve": True}, headers={"If-Match": '"1"'}
        )
        twice = await client.post(f"{second}/decision", json={"approve": False})
        now = await client.get(f"{BINDINGS}/{CARD}")
        listed = (await client.get(f"{REQUESTS}?iccid={CARD}&limit=1")).json()
        open_ones = (await client.get(f"{REQUESTS}?state=open")).json()
    assert asked.status_code == 201, asked.text
    assert again.json()["id"] == asked.json()["id"]
    assert (there.status_code, there.json()["code"]) == (409, "binding_request_there")
    assert (own.status_code, own.json()["code"]) == (403, "own_request")
    assert (withdrawn.json()["state"], withdrawn.headers["etag"]) == ("withdrawn", '"2"')
    assert (not_own.status_code, not_own.json()["code"]) == (404, "binding_request_not_found")
    assert (stale.status_code, stale.json()["code"]) == (412, "version_changed")
    assert approved.json()["state"] == "approved"
    assert (twice.status_code, twice.json()["code"]) == (409, "binding_request_closed")
    assert (now.json()["imeis"], now.json()["version"]) == ([OTHER], 2)
    assert [r["id"] for r in listed["items"]] == [approved.json()["id"]]
    assert listed["next"] is not None
    assert open_ones["items"] == []


async def test_a_clients_viewer_learns_no_names_of_the_operators(
    house: World, app: FastAPI
) -> None:
    """It reads rule, verdict and request of its SIM; who set and asked is not told."""
    async with asking(app, house.keys["admin"]) as client:
        await client.put(f"{BINDINGS}/{CARD}", json=EXACT)
        await client.post(REQUESTS, json=WANTED)
        rule = (await client.get(f"{BINDINGS}/{CARD}")).json()
    async with asking(app, house.keys["power"]) as client:
        seen = await client.get(f"{BINDINGS}/{CARD}")
        [request] = (await client.get(REQUESTS)).json()["items"]
        refused = await client.put(f"{BINDINGS}/{CARD}", json=EXACT)
    assert rule["set_by"].startswith("key:")
    assert seen.json() == rule | {"set_by": None}
    assert (request["imei"], request["requested_by"]) == (OTHER, None)
    assert refused.status_code == 403


async def test_the_list_is_narrowed_and_coverage_is_a_figure(house: World, app: FastAPI) -> None:
    """By verdict, mode and how an ICCID begins; off is listed where it is asked for."""
    async with asking(app, house.keys["admin"]) as client:
        await client.post("/api/v1/sims", json={"iccid": STOCK, "region": SUZHOU})
        await client.put(f"{BINDINGS}/{CARD}", json=EXACT)
        await client.put(f"{BINDINGS}/{STOCK}", json={"mode": "off"})
        judge(house, "violated", "separation")
        found = {
            query: [b["iccid"] for b in (await client.get(f"{BINDINGS}?{query}")).json()["items"]]
            for query in (
                "", "verdict=violated&violation=separation", "verdict=ok", "mode=off",
                f"iccid={CARD[:17]}", "iccid=8986042510209935", f"group_client={POWER}",
            )
        }  # fmt: skip
        provinces = (await client.get(f"{BINDINGS}/coverage")).json()
        [sim] = (await client.get(f"{BINDINGS}?region={SUZHOU}")).json()["items"]
        bad = await client.get(f"{BINDINGS}?after=x")
    assert found == {
        "": [CARD], "verdict=violated&violation=separation": [CARD], "verdict=ok": [],
        "mode=off": [STOCK], f"iccid={CARD[:17]}": [CARD], "iccid=8986042510209935": [],
        f"group_client={POWER}": [CARD],
    }  # fmt: skip
    names = ("in_use", "bound", "violated", "coverage")
    figures = [tuple(province[name] for name in names) for province in provinces]
    assert (1, 1, 1, 1.0) in figures
    assert set(figures) <= {(1, 1, 1, 1.0), (0, 0, 0, 0.0)}
    assert (sim["terminal"], sim["group_client"]) == ("METER-1", POWER)
    assert (bad.status_code, bad.json()["code"]) == (422, "cursor_invalid")


async def test_the_console_says_first_what_is_violated(house: World, app: FastAPI) -> None:
    """How many and why, with the list behind each number; the SIM's page says what to do next."""
    async with asking(app, house.keys["admin"]) as client:
        await client.put(f"{BINDINGS}/{CARD}", json=EXACT)
    judge(house, "violated", "separation")
    async with asking(app) as client:
        await sign_in(client)
        listed = (await client.get("/bindings")).text
        coverage = (await client.get("/bindings/coverage")).text
        narrowed = (await client.get("/bindings?verdict=ok&mode=exact")).text
        opened = await client.get(f"/bindings?q={CARD[:-2]}-{CARD[-2:]}")
        page = (await client.get(f"/bindings/{CARD}")).text
        terminal = (await client.get("/terminals/METER-1")).text
        sim = (await client.get(f"/sims/{CARD}")).text
        client.cookies.set("muster_language", "zh")
        chinese = (await client.get("/bindings")).text
    assert headline(listed) == "1 SIM is not where it is bound."
    assert 'href="/bindings?verdict=violated&amp;violation=separation"' in listed
    assert "Coverage 100%: of 1 SIMs in use, 1 are bound and 1 are proven" in coverage
    assert f'href="/bindings/{CARD}"' in listed
    assert "No binding fits." in narrowed
    assert opened.headers["location"] == f"/bindings/{CARD}"
    assert "The SIM is in other hardware than it is bound to." in page
    assert f'name="imei" maxlength="40" inputmode="numeric" value="{OTHER}"' in page
    link = f'<a href="/bindings/{CARD}"><span class="pill bad">violated</span></a>'
    assert link in terminal
    assert link in sim
    assert headline(chinese) == "1 张 SIM 卡违反机卡绑定。"


async def test_the_console_sets_asks_and_decides(house: World, app: FastAPI) -> None:
    """A rule by form, and what is wrong with it; a request by one, and the decision by another."""
    async with asking(app) as client:
        await sign_in(client)
        await client.post(f"/bindings/{CARD}", data={"mode": "first_seen", "version": "0"})
        late = await client.post(f"/bindings/{CARD}", data={"mode": "off", "version": "0"})
        wrong = await client.post(
            f"/bindings/{CARD}", data={"mode": "exact", "numbers": f"{IMEI[:-1]}9", "version": "1"}
        )
        form = {"mode": "imei_list", "numbers": f"{IMEI}，{OTHER}", "version": "1"}
        made = await client.post(f"/bindings/{CARD}", data=form)
        mine = await client.post(
            f"/bindings/{CARD}/request", data={"imei": "352099001761481", "reason": "new modem"}
        )
        listed = (await client.get("/bindings/requests")).text
        unasked = await client.post(f"/bindings/{CARD}/request", data={"imei": OTHER})
    async with asking(app, house.keys["jiangsu"]) as client:
        [request] = (await client.get(f"{REQUESTS}?state=open")).json()["items"]
        number = request["id"]
        await client.post(f"{REQUESTS}/{number}/decision", json={"approve": False})
        kept = (await client.get(f"{BINDINGS}/{CARD}")).json()
        await client.post(REQUESTS, json=WANTED | {"imei": "352099001761481"})
        [other] = (await client.get(f"{REQUESTS}?state=open")).json()["items"]
    async with asking(app) as client:
        await sign_in(client)
        theirs = (await client.get(f"/bindings/{CARD}")).text
        decided = await client.post(
            f"/bindings/requests/{other['id']}/decision", data={"approve": "yes"}
        )
        twice = await client.post(
            f"/bindings/requests/{other['id']}/decision", data={"approve": "no"}
        )
        over = (await client.get("/bindings/requests?state=all")).text
        page = (await client.get(f"/bindings/{CARD}")).text
    assert (late.status_code, wrong.status_code) == (409, 422)
    assert "Somebody else has just set a rule" in late.text
    assert f"{IMEI[:-1]}9</textarea>" in wrong.text
    assert (made.status_code, mine.status_code, unasked.status_code) == (303, 303, 422)
    assert f"/bindings/requests/{number}/withdrawal" in listed
    assert f"/bindings/requests/{number}/decision" not in listed
    assert kept["imeis"] == [IMEI, OTHER]
    assert f"/bindings/requests/{other['id']}/decision" in theirs
    assert (decided.status_code, twice.status_code) == (303, 409)
    assert "approved" in over
    assert "declined" in over
    assert "and 2 more" in page
