"""Pages about people and keys: appointed, let in step by step, helped, and kept out."""

import base64
import re
from html import unescape

import httpx
import psycopg
from fastapi import FastAPI

from tests.api.conftest import asking
from tests.api.test_accounts import NEW
from tests.api.test_pages import headline
from tests.api.test_second_factor import (  # noqa: F401 - fixtures
    Phone,
    Started,
    phone,
    started,
)
from tests.api.test_sign_in import sign_in
from tests.api.world import JIANGSU, PASSWORD, POWER, TRANSIT, World


def shown(page: str, mark: str) -> str:
    """The text of the code that bears a mark: what is shown once."""
    found = re.search(rf"<code[^>]* {mark}>([^<]+)</code>", page)
    assert found is not None, page
    return unescape(found[1])


def trouble(page: str) -> str:
    """What a refused form says."""
    found = re.search(r'<div class="error" role="alert"[^>]*>(.*?)</div>', page, re.DOTALL)
    assert found is not None, page
    return unescape(re.sub(r"<[^>]+>", "", found[1])).strip()


async def appointed(client: httpx.AsyncClient, name: str, **form: str) -> httpx.Response:
    """Send the form of a new user."""
    return await client.post("/users/new", data={"name": name, **form})


async def test_a_new_hand_is_led_to_an_own_password(house: World, app: FastAPI) -> None:
    """The one-time password is shown once, opens only the form of a new one, and is then void."""
    async with asking(app) as admin, asking(app) as hand:
        await sign_in(admin)
        made = await appointed(admin, "li", role="supervisor", region=str(JIANGSU), clients="x")
        password = shown(made.text, "data-password")
        listed = (await admin.get("/users")).text
        await sign_in(hand, "li", password, to="/terminals")
        led = await hand.get("/terminals?state=testing")
        form = await hand.get(led.headers["location"])
        data = {"current": password, "new": NEW, "again": NEW, "return_to": "/terminals"}
        chosen = await hand.post("/account/password", data=data)
        page = await hand.get(chosen.headers["location"])
        old = await sign_in(hand, "li", password)

    assert "one-time password" in listed
    assert password not in listed
    assert led.status_code == 303
    assert led.headers["location"] == ("/account/password?return_to=%2Fterminals%3Fstate%3Dtesting")
    assert headline(form.text) == "Choose your own password"
    assert 'class="side"' not in form.text  # no doors that do not open
    assert (chosen.status_code, page.status_code) == (303, 200)
    assert old.status_code == 401


async def test_a_refused_form_says_why_and_keeps_what_was_typed(house: World, app: FastAPI) -> None:
    """Name taken, no client where one is needed, a client of nobody, a name that is none."""
    asked = {
        "pei": {"role": "client_viewer", "clients": POWER},
        "li": {"role": "client_viewer"},
        "wu": {"role": "client_admin", "clients": "NOBODY"},
        "two words": {"role": "admin"},
    }
    async with asking(app, house.keys["admin"]) as client:
        answers = {name: await appointed(client, name, **form) for name, form in asked.items()}

    said = {name: (answer.status_code, trouble(answer.text)) for name, answer in answers.items()}
    assert said["pei"] == (409, "Another user has this name.")
    assert (said["li"][0], "exactly one" in said["li"][1]) == (422, True)
    assert said["wu"] == (404, "There is no such group client in your part of the fleet.")
    assert said["two words"] == (
        422, "A name has 1 to 64 of: letters, digits and . _ @ -",
    )  # fmt: skip
    assert 'value="NOBODY"' in answers["wu"].text
    assert re.search(r'<option value="client_admin"[^>]* selected>', answers["wu"].text)


async def test_a_clients_administrator_manages_the_own_people_only(
    house: World, app: FastAPI
) -> None:
    """Own client's users are listed, foreign ones absent; only the client's two roles are given."""
    async with asking(app, house.keys["transit"]) as client:
        form = (await client.get("/users/new")).text
        made = await appointed(client, "bus.viewer", role="client_viewer", clients=TRANSIT)
        foreign = await appointed(client, "meter.viewer", role="client_viewer", clients=POWER)
        higher = await appointed(client, "bus.boss", role="operator", region=str(JIANGSU))
        listed = (await client.get("/users")).text
        pei = await client.get("/users/pei")
        reset = await client.post("/users/pei/password")

    assert re.findall(r'<option value="(\w+)" data-reach', form) == [
        "client_admin", "client_viewer",
    ]  # fmt: skip
    assert f'name="clients" maxlength="2000" value="{TRANSIT}"' in form
    assert (made.status_code, foreign.status_code, higher.status_code) == (200, 404, 403)
    assert re.findall(r'<a href="/users/([^"]+)">', listed) == ["bus.viewer"]
    assert (pei.status_code, reset.status_code) == (404, 404)


async def test_helping_in_and_keeping_out(house: World, app: FastAPI) -> None:
    """A new role, a reset password and a disabled account each end the sessions there were."""
    async with asking(app) as admin, asking(app) as jin:
        await sign_in(admin)
        await sign_in(jin, "jin")
        there = (await admin.get("/users/jin")).text
        moved = await admin.post(
            "/users/jin/role", data={"role": "client_viewer", "clients": POWER}
        )
        gone = await jin.get("/terminals")
        page = (await admin.get("/users/jin")).text
        given = shown((await admin.post("/users/jin/password")).text, "data-password")
        await sign_in(jin, "jin", given)
        await admin.post("/users/jin/standing", data={"disabled": "true"})
        kept_out = await sign_in(jin, "jin", given)
        disabled = (await admin.get("/users?standing=disabled")).text
        await admin.post("/users/jin/standing", data={"disabled": "false"})
        let_in = await sign_in(jin, "jin", given)

    assert "Open sessions" in there
    assert "Signed in nowhere." not in there
    assert (moved.status_code, gone.headers["location"][:8]) == (303, "/signin?")
    assert "sees one group client, changes nothing" in page
    assert (kept_out.status_code, let_in.status_code) == (401, 303)
    assert re.findall(r'<a href="/users/([^"]+)">', disabled) == ["jin"]


async def test_nobody_changes_the_own_role_and_an_administrator_remains(
    house: World, app: FastAPI
) -> None:
    """The own page offers nothing of that; a form sent all the same is told why not."""
    async with asking(app) as client:
        await sign_in(client)
        page = (await client.get("/users/ada")).text
        own = await client.post("/users/ada/standing", data={"disabled": "true"})
    async with asking(app, house.keys["admin"]) as program:
        last = await program.post("/users/ada/role", data={"role": "scraper"})

    assert "This is you" in page
    assert 'action="/users/ada/' not in page
    assert (own.status_code, "Nobody changes the own role" in trouble(own.text)) == (409, True)
    assert (last.status_code, "last administrator" in trouble(last.text)) == (409, True)


async def test_a_key_is_shown_once_holds_as_long_as_chosen_and_is_revoked(
    house: World, app: FastAPI
) -> None:
    """The secret stands on one page; the list knows its first characters; revoked is refused."""
    form = {"name": "<b>billing</b>", "role": "client_viewer", "clients": POWER, "days": "30"}
    async with asking(app) as admin:
        await sign_in(admin)
        issued = await admin.post("/api-keys/new", data=form)
        secret = shown(issued.text, "data-secret")
        listed = (await admin.get("/api-keys")).text
        prefix = secret[:11]
        async with asking(app, secret) as program:
            used = await program.get("/api/v1/terminals")
            page = (await admin.get(f"/api-keys/{prefix}")).text
            await admin.post(f"/api-keys/{prefix}/revocation")
            refused = await program.get("/api/v1/terminals")
        revoked = (await admin.get(f"/api-keys/{prefix}")).text
        in_force = (await admin.get("/api-keys")).text
        ended = (await admin.get("/api-keys?standing=ended")).text
    with psycopg.connect(house.database.superuser) as conn:
        term = conn.execute(
            "select round(extract(epoch from expires_at - created_at) / 86400)"
            " from registry.api_key where prefix = %s", (prefix,)
        ).fetchone()  # fmt: skip

    assert secret not in listed + page
    assert "&lt;b&gt;billing&lt;/b&gt;" in listed
    assert "<b>billing" not in issued.text + listed + page
    assert (used.status_code, refused.status_code) == (200, 401)
    assert "Revoked: programs that use it are refused." in revoked
    assert (prefix in in_force, prefix in ended) == (False, True)
    assert term == (30,)


async def test_the_own_sessions_are_listed_and_ended(house: World, app: FastAPI) -> None:
    """This one is marked; another one ended by hand asks to sign in; a password ends the rest."""
    agent = {"user-agent": 'Mozilla/5.0 (Linux; Android 16) Chrome/141.0 "><script>alert(1)'}
    async with asking(app) as here, asking(app) as there:
        there.headers.update(agent)
        await sign_in(here, "pei")
        await sign_in(there, "pei")
        page = (await here.get("/account")).text
        [other] = re.findall(r'name="session" value="([^"]+)"', page)
        await here.post("/account/sessions", data={"session": other})
        ended = await there.get("/account")
        await sign_in(there, "pei")
        data = {"current": PASSWORD, "new": NEW, "again": NEW}
        wrong = await here.post("/account/password", data=data | {"current": "not this one at all"})
        differ = await here.post("/account/password", data=data | {"again": NEW + "!"})
        changed = await here.post("/account/password", data=data)
        mine, theirs = await here.get("/account"), await there.get("/account")

    assert headline(page) == "You are pei: Client's viewer."
    assert "Chrome · Android" in page
    assert "<script>alert" not in page
    assert (ended.status_code, ended.headers["location"][:8]) == (303, "/signin?")
    assert trouble(wrong.text) == "This is not your present password."
    assert trouble(differ.text) == "The two new passwords differ: type both again."
    assert (changed.status_code, mine.status_code, theirs.status_code) == (303, 200, 303)


async def test_who_commands_sets_up_a_second_factor_first(
    started: Started,  # noqa: F811
    phone: Phone,  # noqa: F811
) -> None:
    """Every page leads there; a wrong code asks again; with the right one the recovery codes."""
    async with started() as app, asking(app) as client:
        await sign_in(client, to="/users")
        led = await client.get("/users")
        begun = await client.post("/account/second-factor", data={"return_to": "/users"})
        phone.secret = _secret(begun.text)
        wrong = await client.post("/account/second-factor/confirmation", data={"code": "000000"})
        right = await client.post(
            "/account/second-factor/confirmation",
            data={"code": phone.code(), "return_to": "/users"},
        )
        page = await client.get("/users")

    assert led.headers["location"] == "/account/second-factor?return_to=%2Fusers"
    assert 'class="qr"' in begun.text
    assert 'class="side"' not in begun.text
    assert (wrong.status_code, trouble(wrong.text)[:27]) == (422, "The code is not accepted: i")
    assert len(re.findall(r"<li><code>[a-z2-7-]{19}</code></li>", right.text)) == 10
    assert 'href="/users"' in right.text
    assert page.status_code == 200


async def test_the_second_step_takes_a_code_or_a_recovery_code_once(
    started: Started,  # noqa: F811
    phone: Phone,  # noqa: F811
) -> None:
    """After the password a page asks for the code, and leads to where one wanted to go."""
    async with started() as app, asking(app) as client, asking(app) as elsewhere:
        await sign_in(client)
        phone.secret = _secret((await client.post("/account/second-factor")).text)
        done = await client.post("/account/second-factor/confirmation", data={"code": phone.code()})
        [recovery, *_] = re.findall(r"<li><code>([a-z2-7-]{19})</code></li>", done.text)
        phone.now += 30
        await sign_in(elsewhere, to="/users?role=admin")
        led = await elsewhere.get("/users?role=admin")
        asked = await elsewhere.get(led.headers["location"])
        wrong = await elsewhere.post("/signin/code", data={"code": "000000"})
        given = {"code": phone.code(), "return_to": "/users?role=admin"}
        right = await elsewhere.post("/signin/code", data=given)
        page = await elsewhere.get(right.headers["location"])
        await sign_in(elsewhere)
        by_paper = await elsewhere.post("/signin/code", data={"code": recovery})
        await sign_in(elsewhere)
        again = await elsewhere.post("/signin/code", data={"code": recovery})

    assert led.headers["location"] == "/signin/code?return_to=%2Fusers%3Frole%3Dadmin"
    assert headline(asked.text) == "Type the code of your second factor"
    assert 'value="/users?role=admin"' in asked.text
    assert (wrong.status_code, right.status_code, page.status_code) == (422, 303, 200)
    assert right.headers["location"] == "/users?role=admin"
    assert (by_paper.status_code, again.status_code) == (303, 422)


async def test_a_second_factor_is_renewed_removed_and_reset(
    started: Started,  # noqa: F811
    phone: Phone,  # noqa: F811
) -> None:
    """A code each for new recovery codes and for removal; an administrator resets a lost one."""
    async with started(second_factor="off") as app, asking(app) as pei, asking(app) as admin:
        await sign_in(pei, "pei")
        phone.secret = _secret((await pei.post("/account/second-factor")).text)
        await pei.post("/account/second-factor/confirmation", data={"code": phone.code()})
        phone.now += 30
        page = (await pei.get("/account/second-factor")).text
        renewed = await pei.post(
            "/account/second-factor/recovery-codes", data={"code": phone.code()}
        )
        [paper, *_] = re.findall(r"<li><code>([a-z2-7-]{19})</code></li>", renewed.text)
        removed = await pei.post("/account/second-factor/removal", data={"code": paper})
        without = (await pei.get("/account")).text
        phone.secret = _secret((await pei.post("/account/second-factor")).text)
        phone.now += 30
        await pei.post("/account/second-factor/confirmation", data={"code": phone.code()})
        await sign_in(admin)
        await admin.post("/users/pei/second-factor")
        ended = await pei.get("/account")
        whole = await sign_in(pei, "pei")
        back = await pei.get("/account")

    assert headline(page) == "Your second factor"
    assert (removed.status_code, "None: the password alone lets you in." in without) == (303, True)
    assert ended.headers["location"].startswith("/signin?")
    assert (whole.status_code, back.status_code) == (303, 200)


async def test_without_a_key_to_seal_it_a_second_factor_is_refused(
    house: World, app: FastAPI
) -> None:
    """The page says who has to do what."""
    async with asking(app) as client:
        await sign_in(client)
        refused = await client.post("/account/second-factor")

    assert refused.status_code == 409
    assert "MUSTER_SECRET_KEY_FILE" in trouble(refused.text)


async def test_a_page_that_a_form_led_to_leads_back_to_the_form(house: World, app: FastAPI) -> None:
    """Language and theme are changed there without asking for what only a form may ask for."""
    back = re.compile(
        r'action="/preferences">\s*<input type="hidden" name="return_to" value="([^"]*)"'
    )
    places = []
    async with asking(app, house.keys["admin"]) as client:
        for referrer in ("http://127.0.0.1/users/new?q=1", "http://elsewhere.example/users/new"):
            client.headers["referer"] = referrer
            places += back.findall((await appointed(client, "pei", role="admin")).text)

    assert (places[:2], places[2:]) == (["/users/new"] * 2, ["/"] * 2)  # language, density


async def test_the_navigation_offers_what_the_role_includes(house: World, app: FastAPI) -> None:
    """A viewer finds no administration; the pages themselves refuse them, too."""
    async with asking(app) as client:
        await sign_in(client, "pei")
        page = (await client.get("/terminals")).text
        refused = [await client.get(path) for path in ("/users", "/users/new", "/api-keys")]

    assert ('href="/users"' in page, 'href="/account"' in page) == (False, True)
    assert [answer.status_code for answer in refused] == [403] * 3


def _secret(page: str) -> bytes:
    """What the app was given, from the page that shows it."""
    found = re.search(r'<code id="secret">([A-Z2-7]+)</code>', page)
    assert found is not None, page
    return base64.b32decode(found[1])
