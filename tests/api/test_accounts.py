"""Users, keys and sessions by the API: who may manage whom, and what ends with it."""

import asyncio

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from tests.api.conftest import asking
from tests.api.world import JIANGSU, PASSWORD, POWER, TRANSIT, World

V1 = "/api/v1"
NEW = "another four words then"


async def sign_in(client: httpx.AsyncClient, name: str, password: str = PASSWORD) -> httpx.Response:
    """Open a session, kept in the client's cookie."""
    return await client.post(f"{V1}/sessions", json={"name": name, "password": password})


async def test_a_program_signs_in_looks_around_and_out(house: World, app: FastAPI) -> None:
    """A session by the API: who it is, what it may; after signing out the cookie opens nothing."""
    async with asking(app) as client:
        opened = await sign_in(client, "jin")
        me = await client.get(f"{V1}/me")
        out = await client.delete(f"{V1}/sessions/current")
        after = await client.get(f"{V1}/me")

    assert (opened.status_code, opened.json()) == (201, {"name": "jin", "awaits": None})
    said = me.json()
    assert (said["kind"], said["name"], said["region"]) == ("user", "jin", JIANGSU)
    assert {"account.read", "account.enrol", "terminals.read"} <= set(said["rights"])
    assert (said["everything"], said["awaits"], said["account"]["role"]) == (
        False,
        None,
        "supervisor",
    )
    assert (out.status_code, after.status_code) == (204, 401)


async def test_a_key_knows_what_it_is_and_has_nothing_of_a_person(
    house: World, app: FastAPI
) -> None:
    """`/me` answers keys, too; passwords, second factors and sessions are of people."""
    async with asking(app, house.keys["power"]) as client:
        me = (await client.get(f"{V1}/me")).json()
        refused = [
            await client.put(f"{V1}/me/password", json={"current": "x", "new": NEW}),
            await client.post(f"{V1}/me/second-factor"),
            await client.get(f"{V1}/me/sessions"),
            await client.post(f"{V1}/sessions/second-factor", json={"code": "123456"}),
        ]

    assert (me["kind"], me["group_clients"], me["account"]) == ("key", [POWER], None)
    assert house.keys["power"].startswith(me["name"])
    assert [answer.status_code for answer in refused] == [403] * 4


async def test_an_appointed_user_changes_the_first_password_before_all_else(
    house: World, app: FastAPI
) -> None:
    """The password that was made opens a session for nothing but changing it."""
    async with asking(app, house.keys["admin"]) as admin:
        made = await admin.post(
            f"{V1}/users", json={"name": "wei", "role": "supervisor", "region": JIANGSU}
        )
    password = made.json()["password"]
    async with asking(app) as client:
        opened = await sign_in(client, "wei", password)
        refused = await client.get(f"{V1}/terminals")
        first = client.cookies["muster_session"]
        same = await client.put(f"{V1}/me/password", json={"current": password, "new": password})
        wrong = await client.put(f"{V1}/me/password", json={"current": "guess", "new": NEW})
        changed = await client.put(f"{V1}/me/password", json={"current": password, "new": NEW})
        terminals = await client.get(f"{V1}/terminals")
        second = client.cookies["muster_session"]
        old = await sign_in(client, "wei", password)

    assert (made.status_code, made.headers["location"]) == (201, f"{V1}/users/wei")
    assert opened.json()["awaits"] == "password"
    assert (refused.status_code, refused.json()["code"]) == (403, "password_change_needed")
    assert (same.json()["code"], wrong.json()["code"]) == ("password_same", "password_wrong")
    assert (changed.status_code, terminals.status_code, old.status_code) == (204, 200, 401)
    assert first != second


async def test_a_new_own_password_ends_the_other_sessions(house: World, app: FastAPI) -> None:
    """Whoever else is signed in with the old one is out; who changed it goes on."""
    async with asking(app) as here, asking(app) as there:
        await sign_in(here, "jin")
        await sign_in(there, "jin")
        await here.put(f"{V1}/me/password", json={"current": PASSWORD, "new": NEW})
        answers = [(await each.get(f"{V1}/terminals")).status_code for each in (here, there)]

    assert answers == [200, 401]


async def test_own_sessions_are_listed_and_ended(house: World, app: FastAPI) -> None:
    """With where from and by what; ended one by one, or all but the one that asks."""
    async with asking(app) as here, asking(app) as there, asking(app) as third:
        await here.post(
            f"{V1}/sessions",
            json={"name": "jin", "password": PASSWORD},
            headers={"User-Agent": "Muster test\x01"},
        )
        await sign_in(there, "jin")
        await sign_in(third, "jin")
        await sign_in(third, "sam")
        listed = (await here.get(f"{V1}/me/sessions")).json()["items"]
        (own,) = [session for session in listed if session["current"]]
        others = [session["id"] for session in listed if not session["current"]]
        foreign = (await third.get(f"{V1}/me/sessions")).json()["items"][0]["id"]
        one = await here.delete(f"{V1}/me/sessions/{others[0]}")
        again = await here.delete(f"{V1}/me/sessions/{others[0]}")
        not_own = await here.delete(f"{V1}/me/sessions/{foreign}")
        rest = await here.delete(f"{V1}/me/sessions")
        left = (await here.get(f"{V1}/me/sessions")).json()["items"]
        sams = await third.get(f"{V1}/me")

    assert len(listed) == 3
    assert (own["user_agent"], own["source"]) == ("Muster test", "127.0.0.1")
    assert (one.status_code, again.status_code, not_own.status_code) == (204, 404, 404)
    assert (rest.status_code, [session["id"] for session in left]) == (204, [own["id"]])
    assert sams.status_code == 200


async def test_a_clients_administrator_manages_the_own_people_only(
    house: World, app: FastAPI
) -> None:
    """Appoints and changes people of the own client; others are not there, more is refused."""
    async with asking(app, house.keys["transit"]) as own, asking(app, house.keys["admin"]) as admin:
        person = {"name": "lan", "role": "client_viewer", "group_clients": [TRANSIT]}
        made = await own.post(f"{V1}/users", json=person)
        listed = [user["name"] for user in (await own.get(f"{V1}/users")).json()["items"]]
        changed = await own.patch(
            f"{V1}/users/lan", json={"role": "client_admin", "group_clients": [TRANSIT]}
        )
        refused = {
            "more": await own.post(f"{V1}/users", json={"name": "x", "role": "admin"}),
            "an agent": await own.post(f"{V1}/users", json=person | {"name": "x", "role": "agent"}),
            "elsewhere": await own.post(
                f"{V1}/users", json=person | {"name": "x", "group_clients": [POWER]}
            ),
            "nothing": await own.patch(f"{V1}/users/lan", json={"region": None}),
            "promote": await own.patch(f"{V1}/users/lan", json={"role": "admin"}),
            "pei": await own.get(f"{V1}/users/pei"),
            "pei's password": await own.post(f"{V1}/users/pei/password", json={}),
            "absent": await own.get(f"{V1}/users/nobody"),
        }
        everybody = [user["name"] for user in (await admin.get(f"{V1}/users")).json()["items"]]

    assert (made.status_code, listed) == (201, ["lan"])
    assert (changed.json()["role"], changed.json()["group_clients"]) == ("client_admin", [TRANSIT])
    assert {what: answer.status_code for what, answer in refused.items()} == {
        "more": 403, "an agent": 403, "elsewhere": 404, "nothing": 422, "promote": 403, "pei": 404,
        "pei's password": 404, "absent": 404,
    }  # fmt: skip
    assert everybody == ["ada", "jin", "lan", "pei", "sam"]


@pytest.mark.parametrize(
    "change",
    [
        ("PATCH", "", {"disabled": True}),
        ("PATCH", "", {"role": "client_viewer", "group_clients": [POWER]}),
        ("POST", "/password", {}),
        ("DELETE", "/second-factor", None),
        ("DELETE", "/sessions", None),
    ],
)
async def test_what_is_changed_of_a_user_ends_their_sessions(
    house: World, app: FastAPI, change: tuple[str, str, dict[str, object] | None]
) -> None:
    """The next request of an open session is refused."""
    method, path, body = change
    async with asking(app) as jin, asking(app, house.keys["admin"]) as admin:
        await sign_in(jin, "jin")
        before = await jin.get(f"{V1}/terminals")
        done = await admin.request(method, f"{V1}/users/jin{path}", json=body)
        after = await jin.get(f"{V1}/terminals")

    assert done.is_success, done.text
    assert (before.status_code, after.status_code) == (200, 401)


async def test_a_disabled_user_comes_back_as_they_were(house: World, app: FastAPI) -> None:
    """Out of force and in again: the same role, region and password."""
    async with asking(app, house.keys["admin"]) as admin, asking(app) as jin:
        out = (await admin.patch(f"{V1}/users/jin", json={"disabled": True})).json()
        refused = await sign_in(jin, "jin")
        back = (await admin.patch(f"{V1}/users/jin", json={"disabled": False})).json()
        opened = await sign_in(jin, "jin")

    assert (out["disabled_at"] is None, back["disabled_at"]) == (False, None)
    assert (back["role"], back["region"]) == ("supervisor", JIANGSU)
    assert (refused.status_code, opened.status_code) == (401, 201)


async def test_nobody_changes_the_own_role_and_an_administrator_remains(
    house: World, app: FastAPI
) -> None:
    """Not even an administrator in their own session, nor a key the last administrator."""
    demotion = {"role": "supervisor", "region": JIANGSU}
    async with asking(app) as ada, asking(app, house.keys["admin"]) as key:
        await sign_in(ada, "ada")
        own = [
            await ada.patch(f"{V1}/users/ada", json=demotion),
            await ada.patch(f"{V1}/users/ada", json={"disabled": True}),
            await ada.post(f"{V1}/users/ada/password", json={}),
            await ada.delete(f"{V1}/users/ada/second-factor"),
        ]
        last = [
            await key.patch(f"{V1}/users/ada", json=demotion),
            await key.patch(f"{V1}/users/ada", json={"disabled": True}),
        ]
        await key.post(f"{V1}/users", json={"name": "bo", "role": "admin"})
        then = await key.patch(f"{V1}/users/ada", json=demotion)

    assert [answer.json()["code"] for answer in own] == ["own_account"] * 4
    assert [answer.json()["code"] for answer in last] == ["last_admin"] * 2
    assert then.status_code == 200


async def test_a_change_of_what_somebody_else_changed_is_refused(
    house: World, app: FastAPI
) -> None:
    """`If-Match` with the ETag of an earlier reading: 412, and nothing is changed."""
    async with asking(app, house.keys["admin"]) as admin:
        etag = (await admin.get(f"{V1}/users/jin")).headers["etag"]
        first = await admin.patch(
            f"{V1}/users/jin", json={"disabled": True}, headers={"If-Match": etag}
        )
        second = await admin.patch(
            f"{V1}/users/jin", json={"disabled": False}, headers={"If-Match": etag}
        )
        now = (await admin.get(f"{V1}/users/jin")).json()

    assert (first.status_code, second.status_code) == (200, 412)
    assert now["disabled_at"] is not None


async def test_users_are_filtered_and_paged(house: World, app: FastAPI) -> None:
    """By the beginning of the name, role, client, in force or not; page after page by name."""
    async with asking(app, house.keys["admin"]) as admin:

        async def names(query: str) -> list[str]:
            answer = (await admin.get(f"{V1}/users?{query}")).json()
            return [user["name"] for user in answer["items"]]

        page = await admin.get(f"{V1}/users?limit=3")
        found = {
            "next": await names(f"limit=3&after={page.json()['next']}"),
            "prefix": await names("prefix=j"),
            "role": await names("role=agent"),
            "client": await names(f"group_client={POWER}"),
            "disabled": await names("disabled=true"),
        }
        missing = await admin.get(f"{V1}/users?group_client=nobody")

    assert [user["name"] for user in page.json()["items"]] == ["ada", "jin", "pei"]
    assert 'rel="next"' in page.headers["link"]
    assert found == {
        "next": ["sam"], "prefix": ["jin"], "role": ["sam"], "client": ["pei", "sam"],
        "disabled": [],
    }  # fmt: skip
    assert missing.status_code == 404


async def test_a_key_is_issued_shown_once_listed_and_revoked(house: World, app: FastAPI) -> None:
    """For a year unless said otherwise; by a client's administrator for the own client only."""
    wanted = {"name": "grafana", "role": "client_viewer", "group_clients": [TRANSIT]}
    async with asking(app, house.keys["transit"]) as own, asking(app, house.keys["admin"]) as admin:
        issued = await own.post(f"{V1}/api-keys", json=wanted)
        secret, prefix = issued.json()["secret"], issued.json()["key"]["prefix"]
        async with asking(app, secret) as program:
            used = await program.get(f"{V1}/terminals")
            listed = (await own.get(f"{V1}/api-keys")).json()["items"]
            foreign = await own.delete(f"{V1}/api-keys/{house.keys['power'][:11]}")
            agents = await own.delete(f"{V1}/api-keys/{house.keys['agent'][:11]}")
            elsewhere = await own.post(f"{V1}/api-keys", json=wanted | {"group_clients": [POWER]})
            past = await own.post(
                f"{V1}/api-keys", json=wanted | {"expires_at": "2026-01-01T00:00:00Z"}
            )
            never = await admin.post(f"{V1}/api-keys", json=wanted | {"expires_at": None})
            revoked = await own.delete(f"{V1}/api-keys/{prefix}")
            refused = await program.get(f"{V1}/terminals")
        found = (await admin.get(f"{V1}/api-keys/{prefix}")).json()
        in_force = (await own.get(f"{V1}/api-keys?in_force=true")).json()["items"]
        first = (await admin.get(f"{V1}/api-keys?limit=2")).json()
        second = (await admin.get(f"{V1}/api-keys?limit=2&after={first['next']}")).json()
        strange = await admin.get(f"{V1}/api-keys?after=x")

    assert issued.status_code == 201
    assert secret not in issued.text.replace(f'"secret":"{secret}"', "")
    assert secret.startswith(prefix)
    assert [key["name"] for key in listed] == ["grafana", "transit"]
    assert listed[0]["created_by"].startswith("key:mk_")
    assert listed[0]["last_used_at"] is not None
    assert listed[0]["expires_at"][:3] == "202"
    assert never.json()["key"]["expires_at"] is None
    assert (used.status_code, revoked.status_code, refused.status_code) == (200, 204, 401)
    assert (foreign.status_code, agents.status_code, elsewhere.status_code) == (404, 404, 404)
    assert past.json()["code"] == "key_expiry_past"
    assert found["revoked_at"] is not None
    assert prefix not in {key["prefix"] for key in in_force}
    assert strange.json()["code"] == "cursor_invalid"
    ids = [key["prefix"] for key in first["items"] + second["items"]]
    assert len(ids) == len(set(ids)) == 4


async def test_many_who_sign_in_hold_nobody_else_up(house: World, app: FastAPI) -> None:
    """Hashing passwords takes the processor, not the loop and not the pool: keys are served."""
    async with asking(app) as people, asking(app, house.keys["power"]) as program:
        signing_in = [asyncio.create_task(sign_in(people, "jin")) for _ in range(60)]
        served = [(await program.get(f"{V1}/me")).status_code for _ in range(10)]
        still_waiting = sum(not task.done() for task in signing_in)
        opened = [answer.status_code for answer in await asyncio.gather(*signing_in)]

    assert served == [200] * 10
    assert still_waiting > 0
    assert opened == [201] * 60


async def test_no_answer_tells_a_secret(house: World, app: FastAPI) -> None:
    """Of hashes and sealed secrets nothing goes out, whatever is asked."""
    with psycopg.connect(house.database.superuser) as conn:
        row = conn.execute(
            "select password_hash from registry.user_account where name = 'jin'"
        ).fetchone()
    assert row is not None
    async with asking(app, house.keys["admin"]) as admin:
        answers = [
            (await admin.get(f"{V1}/{path}")).text
            for path in ("users", "users/jin", "users/jin/sessions", "api-keys", "me")
        ]

    for text in answers:
        assert row[0] not in text
