"""Who serves whom, and their book: by the API and in the console, to whom and what it says."""

import psycopg
import pytest
from fastapi import FastAPI

from foundation.database import open_pool, transaction
from registry import users
from registry.scope import Role
from tests.api.conftest import asking
from tests.api.test_pages import headline
from tests.api.test_sign_in import sign_in
from tests.api.world import (
    JIANGSU,
    PASSWORD,
    POWER,
    SYSTEM,
    TRANSIT,
    ZHEJIANG,
    World,
    minutes_ago,
)

ASSIGNMENTS, OVER = "/api/v1/assignments", "/api/v1/assignments/hand-overs"
LATER = "2030-01-01T00:00:00Z"


@pytest.fixture
async def staffed(house: World) -> World:
    """The world with two account managers, of whom one serves both clients."""
    async with (
        await open_pool(house.database.owner, name="staff", max_size=1) as pool,
        transaction(pool, SYSTEM.settings()) as conn,
    ):
        for name, clients in (("mei", [POWER, TRANSIT]), ("nan", [])):
            await users.appoint(
                conn, SYSTEM, name=name, password=PASSWORD, role=Role.ACCOUNT_MANAGER,
                group_clients=clients,
            )  # fmt: skip
    return house


async def test_all_is_handed_over_once(staffed: World, app: FastAPI) -> None:
    """By its key, in one act; who comes again is told that there is nothing left."""
    body = {"giving": "mei", "receiving": "nan", "note": "on leave"}
    async with asking(app, staffed.keys["admin"]) as client:
        first = await client.post(OVER, json=body, headers={"Idempotency-Key": "hand-over-of-mei"})
        same = await client.post(OVER, json=body, headers={"Idempotency-Key": "hand-over-of-mei"})
        late = await client.post(OVER, json=body | {"group_clients": [POWER]})
        people = await client.get("/api/v1/account-managers?role=account_manager")
        listed = await client.get(f"{ASSIGNMENTS}?group_client={POWER}&role=account_manager")
    assert (first.status_code, first.json()) == (201, {"group_clients": 2})
    assert (same.status_code, same.json()) == (201, {"group_clients": 2})
    assert (late.status_code, late.json()["code"]) == (409, "not_served")
    served = {one["name"]: one["group_clients"] for one in people.json()["items"]}
    assert served == {"mei": 0, "nan": 2}
    new, old = listed.json()["items"]
    assert (new["person"], new["valid_to"], new["note"]) == ("nan", None, "on leave")
    assert (old["person"], old["valid_to"]) == ("mei", new["valid_from"])


async def test_what_lies_ahead_is_listed_and_called_off(staffed: World, app: FastAPI) -> None:
    """More than a year ahead is refused; what is called off was never."""
    given = {"group_clients": [TRANSIT], "to": "sam"}
    async with asking(app, staffed.keys["admin"]) as client:
        far = await client.post(ASSIGNMENTS, json=given | {"effective_at": LATER})
        soon = f"{minutes_ago(-60):%Y-%m-%dT%H:%M:%SZ}"
        ahead = await client.post(ASSIGNMENTS, json=given | {"effective_at": soon})
        [planned] = (await client.get(f"{ASSIGNMENTS}?group_client={TRANSIT}&person=sam")).json()[
            "items"
        ]
        at_once = (await client.get(f"{ASSIGNMENTS}?person=sam&at=2026-01-01T00:00:00Z")).json()
        gone = await client.delete(f"{ASSIGNMENTS}/{planned['id']}")
        again = await client.delete(f"{ASSIGNMENTS}/{planned['id']}")
    assert (far.status_code, far.json()["errors"][0]["pointer"]) == (422, "#/effective_at")
    assert (ahead.status_code, planned["valid_from"]) == (201, soon)
    assert at_once["items"] == []
    assert (gone.status_code, again.status_code) == (204, 404)


async def test_what_is_wrong_is_named(staffed: World, app: FastAPI) -> None:
    """Nobody of that name, a client who is nobody's, too many, a field that is not known."""
    async with asking(app, staffed.keys["admin"]) as client:
        for body, status, code in (
            ({"group_clients": [TRANSIT], "to": "ada"}, 422, "person_cannot_serve"),
            ({"group_clients": ["no-such"], "to": "sam"}, 404, "group_client_not_found"),
            ({"group_clients": [TRANSIT], "to": "nan"}, 409, "served_already"),
            ({"group_clients": [], "to": "sam"}, 422, "request_invalid"),
            ({"group_clients": ["x"] * 1001, "to": "sam"}, 422, "request_invalid"),
            ({"group_clients": [TRANSIT], "to": "sam", "by": "me"}, 422, "request_invalid"),
        ):
            answer = await client.post(ASSIGNMENTS, json=body)
            assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_the_book_is_asked_as_a_whole_and_list_by_list(staffed: World, app: FastAPI) -> None:
    """An agent sees no SIMs; a cursor goes with its list; a book of somebody is narrower."""
    async with asking(app, staffed.keys["admin"]) as client:
        whole = (await client.get("/api/v1/book")).json()
        page = await client.get("/api/v1/book?list=files&limit=1")
        after = page.json()["files"]["next"]
        second = (await client.get(f"/api/v1/book?list=files&limit=1&after={after}")).json()
        loose = await client.get(f"/api/v1/book?after={after}")
        of_nan = (await client.get("/api/v1/book?person=nan")).json()
    async with asking(app, staffed.keys["agent"]) as client:
        of_agent = (await client.get("/api/v1/book")).json()
    async with asking(app, staffed.keys["power"]) as client:
        refused = await client.get("/api/v1/book")
    assert [f["group_client"] for f in whole["files"]["items"]] == [POWER, TRANSIT]
    assert {f["work"] for f in whole["files"]["items"]} == {"file"}
    assert whole["activations"] == []
    assert 'rel="next"' in page.headers["link"]
    assert [f["group_client"] for f in second["files"]["items"]] == [TRANSIT]
    assert second["rivals"] is None
    assert (loose.status_code, loose.json()["errors"][0]["parameter"]) == (422, "after")
    assert of_nan["files"]["items"] == of_nan["usage"]["items"] == []
    assert [u["group_client"] for u in of_agent["usage"]["items"]] == [POWER]
    assert of_agent["activations"] is None
    assert refused.status_code == 403


async def test_the_book_is_a_page_of_those_who_serve(staffed: World, app: FastAPI) -> None:
    """The answer first; who is no person of the house has neither page nor place to go to it."""
    with psycopg.connect(staffed.database.superuser, autocommit=True) as conn:
        conn.execute(
            "update registry.group_client set file_state = 'due' where code = %s", (POWER,)
        )
    staffed.happened("METER-1", minutes_ago(5), "identity.rival_sim")
    async with asking(app) as client:
        await sign_in(client, "mei")
        page = (await client.get("/book")).text
        alone = (await client.get("/book?list=rivals")).text
    async with asking(app) as client:
        await sign_in(client, "pei")
        hidden, overview = await client.get("/book"), (await client.get("/")).text
    assert headline(page) == "2 files wait for somebody."
    assert "verify it again" in page
    assert 'href="/terminals/METER-1"' in alone
    assert 'id="usage"' not in alone
    assert hidden.status_code == 403
    assert 'href="/book"' not in overview


async def test_a_client_is_handed_over_from_its_page(staffed: World, app: FastAPI) -> None:
    """The page says who serves it; what cannot be is said with the form, and changes nothing."""
    form = {"giving": "mei", "receiving": "nan", "client": POWER}
    async with asking(app) as client:
        await sign_in(client)
        before = (await client.get(f"/group-clients/{POWER}")).text
        absurd = await client.post("/hand-overs", data=form | {"at": "2026-02-31T10:00"})
        done = await client.post("/hand-overs", data=form)
        late = await client.post("/hand-overs", data=form)
        after = (await client.get(f"/group-clients/{POWER}")).text
    async with asking(app) as client:
        await sign_in(client, "pei")
        of_client = (await client.get(f"/group-clients/{POWER}")).text
    assert "Hand over from mei" in before
    assert absurd.status_code == 422
    assert (done.status_code, done.headers["location"]) == (303, f"/group-clients/{POWER}#serving")
    assert late.status_code == 409
    assert "not served by that person any more" in late.text
    assert "Hand over from nan" in after
    assert "nan" not in of_client


async def test_all_of_a_person_is_handed_over_from_their_page(staffed: World, app: FastAPI) -> None:
    """The user's page lists whom they serve; the role's form leaves that alone."""
    async with asking(app) as client:
        await sign_in(client)
        before = (await client.get("/users/mei")).text
        kept = await client.post("/users/mei/role", data={"role": "account_manager"})
        other = await client.post("/users/mei/role", data={"role": "agent"})
        done = await client.post("/hand-overs", data={"giving": "mei", "receiving": "nan"})
        after = (await client.get("/users/mei")).text
        book = (await client.get("/book?person=nan")).text
    assert all(f'href="/group-clients/{code}"' in before for code in (POWER, TRANSIT))
    assert kept.status_code == 303
    assert other.status_code == 409
    assert "hand them over first" in other.text
    assert (done.status_code, done.headers["location"]) == (303, "/book?person=nan")
    assert "They serve nobody now." in after
    assert "Hand over all that nan serves" in book


async def test_a_client_moves_with_its_version(staffed: World, app: FastAPI) -> None:
    """Who read it before somebody else moved it is told; the history has both places."""
    address = f"/api/v1/group-clients/{POWER}"
    async with asking(app, staffed.keys["jiangsu"]) as client:
        read = (await client.get(address)).headers["etag"]
        moved = await client.put(
            f"{address}/supervision", json={"region": 320000}, headers={"If-Match": read}
        )
        late = await client.put(
            f"{address}/supervision", json={"region": 320100}, headers={"If-Match": read}
        )
        away = await client.put(f"{address}/supervision", json={"region": 330000})
        told = (await client.get(f"{address}/supervision")).json()
    assert (moved.status_code, moved.json()["level"]) == (200, "province")
    assert (late.status_code, late.json()["code"]) == (412, "version_changed")
    assert (away.status_code, away.json()["code"]) == (403, "reach_exceeded")
    assert [s["region"] for s in told["supervision"]] == [320000, 320500]
    assert [p["below_another"] for p in told["parents"]] == [False]


async def test_a_client_is_moved_from_its_page(staffed: World, app: FastAPI) -> None:
    """Within the own region, as it was when it was read; what is wrong is said on its page."""
    page, version = f"/group-clients/{POWER}", {"version": "1"}
    async with asking(app) as client:
        await sign_in(client)
        before = (await client.get(page)).text
        absent = await client.post(f"{page}/supervision", data=version | {"region": "999999"})
        done = await client.post(f"{page}/supervision", data=version | {"region": str(ZHEJIANG)})
        late = await client.post(f"{page}/supervision", data=version | {"region": str(JIANGSU)})
        there = await client.post(f"{page}/supervision", data={"region": str(ZHEJIANG)})
        itself = await client.post(f"{page}/parent", data={"parent": POWER})
        nobody = await client.post(f"{page}/parent", data={"parent": "no-such"})
        below = await client.post(f"{page}/parent", data={"parent": f" {TRANSIT} "})
        after = (await client.get(page)).text
    async with asking(app) as client:
        await sign_in(client, "pei")
        of_client = (await client.get(page)).text
        refused = await client.post(f"{page}/parent", data={})
    supervised, parents = after.split('id="supervision"')[1].split('id="parents"')
    parents = parents.split("</section>")[0]
    assert f'action="{page}/supervision"' in before
    assert absent.status_code == 404
    assert "There is no such region." in absent.text
    assert (done.status_code, done.headers["location"]) == (303, f"{page}#standpoint")
    assert (late.status_code, there.status_code, itself.status_code) == (412, 409, 409)
    assert "Somebody else changed this meanwhile" in late.text
    assert "stands there already" in there.text
    assert "cannot be below itself" in itself.text
    assert nobody.status_code == 404
    assert 'value="no-such"' in nobody.text
    assert below.status_code == 303
    assert "Zhejiang" in supervised
    assert "Suzhou" in supervised
    assert f'href="/group-clients/{TRANSIT}"' in parents
    assert "Zhejiang" in of_client
    assert "/parent" not in of_client
    assert refused.status_code == 403
