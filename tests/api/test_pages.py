"""The console's pages: what they say first, to whom, in which language, and nothing to run."""

import re
from pathlib import Path

import psycopg
from fastapi import FastAPI

from api.app import create_app
from api.console import rendering
from foundation.database import open_pool, transaction
from foundation.settings import Settings
from registry import users
from registry.scope import Role
from telemetry.model import Reason
from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import (
    JIANGSU,
    PASSWORD,
    SYSTEM,
    TRANSIT,
    ZHEJIANG,
    World,
    minutes_ago,
)
from tests.conftest import Database

PAGE = Path(rendering.__file__).parent / "templates" / "page.html"


def headline(page: str) -> str:
    """The text of a page's first heading."""
    found = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)
    assert found is not None, page
    return re.sub(r"<[^>]+>|\s+", " ", found[1]).strip()


async def test_the_overview_says_first_how_many_are_silent(house: World, app: FastAPI) -> None:
    """Of three in service one reports; the numbers are doors to their lists."""
    house.measured("METER-1", "smart_meter", minutes_ago(0.5), voltage_a=231.0)
    house.measured("METER-2", "smart_meter", minutes_ago(600), voltage_a=231.0)
    async with asking(app) as client:
        await sign_in(client)
        page = (await client.get("/")).text
        silent = (await client.get("/terminals?data=silent")).text
        never = (await client.get("/terminals?data=never")).text
        reporting = (await client.get("/terminals?data=reporting&sector=power")).text
    assert headline(page) == "2 of 3 terminals in service are silent."
    assert all(f'href="/terminals?{q}"' in page for q in ("data=silent", f"region={JIANGSU}"))
    listed = re.compile(r'<tr><td><a href="/terminals/([^"]+)">')
    assert listed.findall(silent) == ["METER-2", "BUS-1"]  # by region
    assert listed.findall(never) == ["BUS-1"]
    assert listed.findall(reporting) == ["METER-1"]


async def test_a_region_with_none_is_a_tile_with_0(house: World, app: FastAPI) -> None:
    """All 31 provinces are there, whoever looks."""
    async with asking(app) as client:
        await sign_in(client, "pei")
        page = (await client.get("/")).text
    assert len(re.findall(r'<a class="row-\d+ column-\d+ ', page)) == 31
    tile = re.search(
        rf'href="/terminals\?region={ZHEJIANG}"[^>]*><span>([^<]*)</span><small>([^<]*)<',
        page,
    )
    assert tile is not None
    assert tile.groups() == ("Zhejiang", "0")


async def test_the_first_screen_of_an_empty_house_tells_the_next_step(database: Database) -> None:
    """With no terminal there are three steps and a command to paste, no empty charts."""
    async with (
        await open_pool(database.owner, name="first", max_size=1) as pool,
        transaction(pool, SYSTEM.settings()) as conn,
    ):
        await users.appoint(conn, SYSTEM, name="ada", password=PASSWORD, role=Role.ADMIN)
    application = create_app(
        Settings.model_validate({"database_url": database.api, "second_factor": "off"})
    )
    async with application.router.lifespan_context(application), asking(application) as client:
        await sign_in(client)
        overview = await client.get("/")
        others = [await client.get(f"/{p}") for p in ("terminals", "group-clients", "quarantine")]
    assert headline(overview.text) == "No terminal is registered yet."
    assert "./muster terminal add METER-1 --profile smart_meter" in overview.text
    assert [answer.status_code for answer in others] == [200, 200, 200]


async def test_a_terminals_page_says_what_to_do_next(house: World, app: FastAPI) -> None:
    """Each finding has a sentence of its own, and the first one that is true is said."""
    said = re.compile(r'id="finding">\s*<p>(.*?)</p>', re.DOTALL)
    house.measured("METER-1", "smart_meter", minutes_ago(0.5), voltage_a=231.0)
    house.measured("BUS-1", "vehicle_tracker", minutes_ago(300), speed_kmh=50.0)
    with psycopg.connect(house.database.superuser) as conn:
        conn.execute("update telemetry.presence_clock set as_of = now()")
    found = {}
    async with asking(app) as client:
        await sign_in(client)
        for code in ("METER-1", "METER-2", "METER-3", "BUS-1", "OLD-1"):
            page = (await client.get(f"/terminals/{code}")).text
            match = said.search(page)
            assert match is not None, code
            found[code] = re.sub(r"<[^>]+>", "", match[1])[:30]
        house.refused("METER-1", Reason.OUT_OF_RANGE, b"{}")
        match = said.search((await client.get("/terminals/METER-1")).text)
        assert match is not None
        found["METER-1 refused"] = match[1][:30]
    assert found == {
        "METER-1": "This terminal reports as expec",
        "METER-2": "Nothing has arrived from this ",
        "METER-3": "This terminal may not connect ",
        "BUS-1": "It got a new password after it",
        "OLD-1": "This terminal is retired: it m",
        "METER-1 refused": "Data arrives, but some of what",
    }


async def test_a_payload_is_shown_and_never_run(house: World, app: FastAPI) -> None:
    """Markup in a payload, a detail or a name arrives as text; bytes arrive in hexadecimal."""
    attack = b'{"note": "<script>alert(1)</script>"}'
    text = house.refused("METER-1", Reason.MALFORMED, attack, "<img src=x onerror=alert(1)>")
    raw = house.refused("METER-1", Reason.MALFORMED, bytes(range(250, 256)))
    async with asking(app) as client:
        await sign_in(client)
        pages = [
            (await client.get(path)).text
            for path in (f"/quarantine/{text}", "/quarantine", "/terminals/METER-1")
        ]
        as_bytes = (await client.get(f"/quarantine/{raw}")).text
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[0]
    assert "000000  fa fb fc fd fe ff" in as_bytes


async def test_a_foreign_page_is_the_page_of_nothing(house: World, app: FastAPI) -> None:
    """What is not yours and what does not exist are one and the same page."""
    async with asking(app) as client:
        await sign_in(client, "pei")
        for folder, foreign in (("terminals", "BUS-1"), ("group-clients", TRANSIT)):
            theirs = await client.get(f"/{folder}/{foreign}")
            nobodys = await client.get(f"/{folder}/NOBODY")
            assert theirs.status_code == nobodys.status_code == 404
            assert "There is nothing here for you to see." in theirs.text
            theirs_said, nobodys_said = (
                re.sub(r"<time.*?</time>", "", page.text) for page in (theirs, nobodys)
            )  # of when it is printed
            assert theirs_said.replace(foreign, "NOBODY") == nobodys_said


async def test_a_page_beyond_the_role_says_so(house: World, app: FastAPI) -> None:
    """An agent may not see raw messages: 403 as a page, and the overview leaves them out."""
    async with asking(app) as client:
        await sign_in(client, "sam")
        refused = await client.get("/quarantine")
        overview = await client.get("/")
        form = await client.get("/register")
    assert (refused.status_code, form.status_code) == (403, 403)
    assert "Your role does not include this." in refused.text
    assert "In quarantine" not in overview.text


async def test_the_language_is_the_visitors(house: World, app: FastAPI) -> None:
    """The own choice first, then Accept-Language by weight, then English."""
    wanted = {
        "zh-CN,zh;q=0.9,en;q=0.8": "zh-CN", "en-GB,zh;q=0.5": "en", "fr,zh;q=0.1": "zh-CN",
        "fr": "en", "": "en", "zh;q=banana": "en",
    }  # fmt: skip
    async with asking(app) as client:
        got = {
            header: (await client.get("/signin", headers={"Accept-Language": header})).headers[
                "content-language"
            ]
            for header in wanted
        }
        await client.post("/preferences", data={"language": "zh"})
        chosen = await client.get("/signin", headers={"Accept-Language": "en"})
    assert got == wanted
    assert '<html lang="zh-CN">' in chosen.text
    assert "登录" in chosen.text


async def test_an_operator_registers_a_terminal_and_moves_it(house: World, app: FastAPI) -> None:
    """The form shows the password once; a wrong code brings the form back with what was typed."""
    form = {"code": "NEW-9", "profile": "smart_meter", "region": "320500", "name": "East gate"}
    async with asking(app) as client:
        await sign_in(client)
        wrong = await client.post("/register", data=form | {"code": "METER-1"})
        made = await client.post("/register", data=form)
        moved = await client.post("/terminals/NEW-9/state", data={"state": "in_service"})
        page = await client.get(moved.headers["location"])
        issued = await client.post("/terminals/NEW-9/credential")
        impossible = await client.post("/terminals/NEW-9/state", data={"state": "registered"})
    secret = re.compile(r"data-password>([^<]{32,})<")
    assert (wrong.status_code, made.status_code) == (409, 200)
    assert 'value="East gate"' in wrong.text
    assert secret.search(made.text)
    assert "in service" in page.text
    passwords = {match[1] for match in map(secret.search, (made.text, issued.text)) if match}
    assert len(passwords) == 2
    assert impossible.status_code == 409


async def test_a_search_for_a_whole_code_opens_it(house: World, app: FastAPI) -> None:
    """A prefix lists, a whole code opens the terminal; whole numbers and names of what else there
    is are found by who may see it.
    """
    item = house.refused("BUS-1", Reason.MALFORMED, b"{")
    found: dict[str, list[str]] = {}
    for name in ("ada", "pei"):
        async with asking(app) as client:
            await sign_in(client, name)
            for text in (f"%23{item}", "pei"):
                page = (await client.get(f"/search?q={text}")).text
                links = re.findall(r'<tr><td><a href="(/(?:quarantine|users)/[^"]+)"', page)
                found[name] = found.get(name, []) + links
    async with asking(app) as client:
        await sign_in(client)
        whole = await client.get("/search?q=METER-1")
        part = await client.get("/terminals?q=METER-")
    assert found == {"ada": [f"/quarantine/{item}", "/users/pei"], "pei": []}
    assert (whole.status_code, whole.headers["location"]) == (303, "/terminals/METER-1")
    assert part.status_code == 200
    assert "METER-2" in part.text
    assert "BUS-1" not in part.text


def test_each_key_leads_to_one_place() -> None:
    """After `g`; two places of one key would hide one of them from the keyboard."""
    page = PAGE.read_text("utf-8")
    keys = re.findall(r'place\("[^"]*", "[^"]*", "(.)"', page)
    told = re.findall(r"<kbd>g</kbd> <kbd>(.)</kbd>", page)
    assert len(keys) > 20
    assert sorted(set(keys)) == sorted(keys)
    assert sorted(told) == sorted(keys)
