"""SIMs by the API and in the console: what is taken, what is told, and to whom."""

import psycopg
from fastapi import FastAPI

from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import HANGZHOU, POWER, SUZHOU, World

SIMS = "/api/v1/sims"
CARD, NEW = "89860425102099341174", "89860425102099349998"


async def test_numbers_are_normalised_and_oddities_warned_of(house: World, app: FastAPI) -> None:
    """Grouped digits and a filling F go, letters and strange networks stay and are told."""
    body = {
        "iccid": "8986 0425-1020 9934 B99F",
        "imsi": "460 01 2345678901",
        "msisdn": "19912345678",
        "region": SUZHOU,
    }
    async with asking(app, house.keys["jiangsu"]) as client:
        answer = await client.post(SIMS, json=body)
        found = await client.get(f"{SIMS}/8986-0425-1020-9934-B99")
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert answer.headers["location"] == f"{SIMS}/8986042510209934B99"
    assert (told["iccid"], told["imsi"]) == ("8986042510209934B99", "460012345678901")
    assert [(w["field"], w["code"]) for w in told["warnings"]] == [
        ("iccid", "iccid_letters"),
        ("imsi", "imsi_other_operator"),
        ("msisdn", "msisdn_other_operator"),
    ]
    assert found.json() == told


async def test_numbers_that_cannot_be_are_refused_with_their_field(
    house: World, app: FastAPI
) -> None:
    """One sentence for each, and nothing is on the roll after it."""
    async with asking(app, house.keys["admin"]) as client:
        for field, value in (
            ("iccid", "8986042510209"),
            ("iccid", "９８８６０４２５１０２０９９３４１１７４"),
            ("imsi", "4600412345678"),
            ("imsi", "000000000000000"),
            ("msisdn", "123456789012"),
            ("eid", "1" * 32),
            ("region", 111111),
        ):
            given = {"iccid": NEW, "region": SUZHOU, field: value}
            answer = await client.post(SIMS, json=given)
            assert answer.status_code in (404, 422), answer.text
            if field != "region":
                assert answer.json()["errors"][0]["pointer"] == f"#/{field}"
        absent = await client.get(f"{SIMS}/{NEW}")
    assert (absent.status_code, absent.json()["code"]) == (404, "sim_not_found")


async def test_a_foreign_sim_can_be_refused_at_the_door(house: World, app: FastAPI) -> None:
    """Where the deployment says so; of a network at home, or without an IMSI, it is taken."""
    app.state.settings = app.state.settings.model_copy(update={"foreign_sims": "refuse"})
    async with asking(app, house.keys["admin"]) as client:
        answers = [
            await client.post(SIMS, json={"iccid": NEW, "region": SUZHOU, "imsi": imsi})
            for imsi in ("460012345678901", "310150123456789", "460041234567890")
        ]
        change = await client.patch(f"{SIMS}/{NEW}", json={"imsi": "460012345678901"})
    assert [a.status_code for a in answers] == [422, 422, 201]
    assert answers[0].json()["code"] == change.json()["code"] == "sim_of_another_network"


async def test_one_number_is_one_sims_in_the_whole_country(house: World, app: FastAPI) -> None:
    """Who registers a card that is another province's learns that it is taken, and no more."""
    async with asking(app, house.keys["admin"]) as client:
        first = await client.post(SIMS, json={"iccid": NEW, "region": HANGZHOU})
    async with asking(app, house.keys["jiangsu"]) as client:
        second = await client.post(SIMS, json={"iccid": NEW, "region": SUZHOU})
        found = await client.get(f"{SIMS}/{NEW}")
    assert (first.status_code, second.status_code, found.status_code) == (201, 409, 404)
    assert second.json()["code"] == "sim_taken"
    assert str(HANGZHOU) not in second.text


async def test_a_change_names_the_version_it_is_of(house: World, app: FastAPI) -> None:
    """What is left out stays, null takes away, and nobody's change is lost."""
    async with asking(app, house.keys["admin"]) as client:
        before = await client.get(f"{SIMS}/{CARD}")
        tag = {"If-Match": before.headers["etag"]}
        changed = await client.patch(f"{SIMS}/{CARD}", json={"apn": "cmiot"}, headers=tag)
        late = await client.patch(f"{SIMS}/{CARD}", json={"apn": "other"}, headers=tag)
        moved = await client.put(
            f"{SIMS}/{CARD}/state",
            json={"state": "suspended", "reason": "stolen"},
            headers={"If-Match": changed.headers["etag"]},
        )
        gone = await client.patch(f"{SIMS}/{CARD}", json={"apn": None, "msisdn": None})
    assert (changed.json()["apn"], changed.json()["imsi"]) == ("cmiot", before.json()["imsi"])
    assert (late.status_code, late.json()["code"]) == (412, "version_changed")
    assert (moved.json()["state"], moved.json()["reason"]) == ("suspended", "stolen")
    assert moved.json()["moves"] == ["active", "pre_cancelled", "transferring"]
    assert (gone.json()["apn"], gone.json()["msisdn"]) == (None, None)


async def test_a_refused_move_says_who_may(house: World, app: FastAPI) -> None:
    """409, from which state to which, and whose it is; a viewer moves nothing."""
    async with asking(app, house.keys["admin"]) as client:
        refused = await client.put(f"{SIMS}/{CARD}/state", json={"state": "testing"})
    async with asking(app, house.keys["power"]) as client:
        unheard = await client.put(f"{SIMS}/{CARD}/state", json={"state": "suspended"})
        seen = await client.get(f"{SIMS}/{CARD}")
    assert (refused.status_code, refused.json()["code"]) == (409, "transition_refused")
    assert "cannot go from active to testing" in refused.json()["detail"]
    assert "suspended (client, operator, system)" in refused.json()["detail"]
    assert unheard.status_code == 403
    assert seen.json()["moves"] == []


async def test_stock_goes_in_and_out_of_terminals(house: World, app: FastAPI) -> None:
    """Installed, exchanged in one request, removed; the lists tell stock from what is in use."""
    async with asking(app, house.keys["admin"]) as client:
        await client.post(SIMS, json={"iccid": NEW, "region": SUZHOU})
        stock = await client.get(f"{SIMS}?installed=false")
        await client.post(f"{SIMS}/{NEW}/installation", json={"terminal": "METER-2"})
        swap = [{"iccid": NEW, "terminal": "METER-1"}, {"iccid": CARD, "terminal": "METER-2"}]
        swapped = await client.post(f"{SIMS}/placements", json={"placements": swap})
        one = await client.get(f"{SIMS}/{NEW}")
        half = await client.post(
            f"{SIMS}/placements", json={"placements": [{"iccid": NEW, "terminal": "METER-2"}]}
        )
        removed = await client.delete(f"{SIMS}/{NEW}/installation")
        again = await client.delete(f"{SIMS}/{NEW}/installation")
        stays = await client.get(f"{SIMS}/{NEW}/installations?limit=1")
        rest = await client.get(stays.headers["link"].split(">")[0][1:])
    assert [sim["iccid"] for sim in stock.json()["items"]] == [NEW]
    assert swapped.status_code == 201, swapped.text
    assert (one.json()["terminal"], one.json()["group_client"]) == ("METER-1", POWER)
    assert (half.status_code, half.json()["code"]) == (409, "terminal_has_sim")
    assert (removed.status_code, again.status_code) == (204, 409)
    told = [*stays.json()["items"], *rest.json()["items"]]
    assert [stay["terminal"] for stay in told] == ["METER-1", "METER-2"]
    assert all(stay["until"] for stay in told)


async def test_the_console_moves_a_sim_with_buttons(house: World, app: FastAPI) -> None:
    """Registered, given its periods, put into testing and warned of, in either tongue."""
    async with asking(app) as client:
        await sign_in(client)
        form = {"iccid": NEW, "region": str(SUZHOU), "test_until": "2099-01-31", "plan": "m2m-30m"}
        made = await client.post("/sims/new", data=form)
        assert made.headers["location"] == f"/sims/{NEW}"
        twice = await client.post("/sims/new", data=form)
        page = await client.get(f"/sims/{NEW}")
        assert 'value="testing"' in page.text
        await client.post(f"/sims/{NEW}/state", data={"state": "testing"})
        kept = {"plan": "m2m-30m", "test_until": "2099-01-31", "apn": "m2m.example"}
        await client.post(f"/sims/{NEW}/service", data=kept)
        testing = await client.get(f"/sims/{NEW}")
        wrong = await client.post(f"/sims/{NEW}/state", data={"state": "suspended"})
        listed = await client.get("/sims?plan=m2m-30m&place=stock")
        opened = await client.get(f"/sims?q={NEW[:-2]}-{NEW[-2:]}")
        client.cookies.set("muster_language", "zh")
        chinese = await client.get(f"/sims/{NEW}")
    assert (twice.status_code, wrong.status_code) == (409, 409)
    assert "Muster puts it into use by itself:" in testing.text
    assert 'datetime="2099-01-31T00:00:00.000Z"' in testing.text
    assert "m2m.example" in testing.text
    assert "from testing it may go to" in wrong.text
    assert f'href="/sims/{NEW}"' in listed.text
    assert CARD not in listed.text
    assert opened.headers["location"] == f"/sims/{NEW}"
    assert "测试期" in chinese.text


async def test_the_list_says_first_what_is_due(house: World, app: FastAPI) -> None:
    """How many SIMs are put into use by themselves within 30 days, with the list behind it."""
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute(
            "insert into registry.sim (iccid, state, silent_until, region_code) select"
            " '898604251020993500' || n, 'silent', now() + n * interval '7 days', %s"
            " from generate_series(1, 6) n",
            (SUZHOU,),
        )
    async with asking(app) as client:
        await sign_in(client)
        page = (await client.get("/sims")).text
        ahead = (await client.get("/sims?ahead=30")).text
    async with asking(app, house.keys["jiangsu"]) as client:
        counted = (await client.get(f"{SIMS}/activations?days=15")).json()
        listed = (await client.get(f"{SIMS}?activates_within_days=15")).json()
    assert "4 SIMs are put into use by themselves within 30 days." in page
    assert 'href="/sims?ahead=30"' in page
    order = [ahead.index(f"898604251020993500{n}") for n in range(1, 5)]
    assert order == sorted(order)
    assert "8986042510209935005" not in ahead
    assert (counted["total"], counted["exact"], len(counted["days"])) == (2, True, 2)
    assert [sim["iccid"][-1] for sim in listed["items"]] == ["1", "2"]
