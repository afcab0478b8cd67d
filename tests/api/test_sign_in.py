"""Signing in: cookies, sessions, throttling, and where a browser goes afterwards."""

from contextlib import nullcontext
from http.cookies import SimpleCookie

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.errors import TooManyAttempts
from api.throttle import EVERYBODY, NAME, PAIR, Devices, Throttle
from tests.api.conftest import asking
from tests.api.world import PASSWORD, World


async def sign_in(
    client: httpx.AsyncClient, name: str = "ada", password: str = PASSWORD, to: str = "/"
) -> httpx.Response:
    """Send the form."""
    form = {"name": name, "password": password, "return_to": to}
    return await client.post("/signin", data=form)


def cookie_of(answer: httpx.Response, ending: str = "session") -> dict[str, str | bool]:
    """Name and attributes of the cookie that an answer sets, by the ending of its name."""
    jars = [SimpleCookie(line) for line in answer.headers.get_list("set-cookie")]
    [(name, morsel)] = [
        (name, morsel) for jar in jars for name, morsel in jar.items() if name.endswith(ending)
    ]
    return {"name": name} | {key: value for key, value in morsel.items() if value}


async def test_over_tls_the_cookie_is_bound_to_host_and_tls(house: World, app: FastAPI) -> None:
    """__Host-, Secure, HttpOnly, SameSite=Strict, for the whole site, gone with the browser."""
    async with asking(app, base="https://muster.example") as client:
        answer = await sign_in(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert cookie_of(answer) == {
        "name": "__Host-muster_session", "path": "/", "secure": True, "httponly": True,
        "samesite": "strict",
    }  # fmt: skip


async def test_on_loopback_a_plain_cookie_signs_in(house: World, app: FastAPI) -> None:
    """Plain HTTP of the machine itself: HttpOnly and SameSite=Strict; pages and API know it."""
    async with asking(app) as client:
        answer = await sign_in(client)
        page = await client.get("/")
        programs = await client.get("/api/v1/terminals/METER-1")
    assert cookie_of(answer) == {
        "name": "muster_session", "path": "/", "httponly": True, "samesite": "strict",
    }  # fmt: skip
    assert (page.status_code, programs.status_code) == (200, 200)


async def test_a_password_does_not_cross_a_network_in_the_clear(house: World, app: FastAPI) -> None:
    """Plain HTTP under another name than the machine's own is refused, whatever the password."""
    async with asking(app, base="http://muster.example") as client:
        answer = await sign_in(client)
    assert answer.status_code == 409
    assert "set-cookie" not in answer.headers


async def test_a_wrong_password_and_an_unknown_name_are_answered_alike(
    house: World, app: FastAPI
) -> None:
    """The same status and the same page, but for the name that was typed."""
    async with asking(app) as client:
        wrong = await sign_in(client, "ada", "not the password")
        unknown = await sign_in(client, "eve", "not the password")
    assert wrong.status_code == unknown.status_code == 401
    ids = [answer.headers["x-request-id"] for answer in (wrong, unknown)]
    pages = [a.text.replace(i, "") for a, i in zip((wrong, unknown), ids, strict=True)]
    assert pages[0].replace('value="ada"', "") == pages[1].replace('value="eve"', "")
    assert "set-cookie" not in wrong.headers


async def test_signing_out_ends_the_session_everywhere(house: World, app: FastAPI) -> None:
    """The token is worth nothing afterwards, even to who kept a copy."""
    async with asking(app) as client:
        await sign_in(client)
        kept = client.cookies["muster_session"]
        out = await client.post("/signout")
    async with asking(app) as thief:
        thief.cookies.set("muster_session", kept)
        stale = await thief.get("/api/v1/terminals")
    assert (out.status_code, out.headers["location"]) == (303, "/signin")
    assert stale.status_code == 401


async def test_every_sign_in_is_a_session_of_its_own(house: World, app: FastAPI) -> None:
    """A token that was there before signing in is not taken over."""
    async with asking(app) as client:
        client.cookies.set("muster_session", "planted")
        await sign_in(client)
        first = client.cookies.get("muster_session", domain="127.0.0.1")
        await sign_in(client)
        second = client.cookies.get("muster_session", domain="127.0.0.1")
    assert len({"planted", first, second}) == 3


async def test_a_disabled_user_is_out_at_once(house: World, app: FastAPI) -> None:
    """The next request of an open session is refused."""
    async with asking(app) as client:
        await sign_in(client, "jin")
        before = await client.get("/api/v1/terminals")
        with psycopg.connect(house.database.superuser, autocommit=True) as conn:
            conn.execute("update registry.user_account set disabled_at = now() where name = 'jin'")
        after = await client.get("/api/v1/terminals")
    assert (before.status_code, after.status_code) == (200, 401)


async def test_who_is_not_signed_in_is_asked_to_and_comes_back(house: World, app: FastAPI) -> None:
    """A page sends to the form with its own address, and the form sends back there."""
    async with asking(app) as client:
        sent = await client.get("/terminals?state=testing")
        form = await client.get(sent.headers["location"])
        back = await sign_in(client, to="/terminals?state=testing")
        poll = await client.get("/", headers={"HX-Request": "true", "Cookie": ""})
    assert sent.headers["location"] == "/signin?return_to=%2Fterminals%3Fstate%3Dtesting"
    assert 'value="/terminals?state=testing"' in form.text
    assert back.headers["location"] == "/terminals?state=testing"
    assert poll.status_code == 401


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil", ""]
)
async def test_nobody_is_sent_to_another_site(house: World, app: FastAPI, elsewhere: str) -> None:
    """What is not plainly an address of our own becomes the overview."""
    async with asking(app) as client:
        answer = await client.post("/preferences", data={"return_to": elsewhere, "theme": "dark"})
    assert answer.headers["location"] == "/"


async def test_guessing_is_slowed_down(house: World, app: FastAPI) -> None:
    """After some failures even the right password is told to wait, and how long."""
    async with asking(app) as client:
        for _ in range(PAIR.free_failures):
            assert (await sign_in(client, password="guess")).status_code == 401
        answer = await sign_in(client)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_waits_grow_with_failures_and_end() -> None:
    """Each failure more doubles the wait, up to a minute; a quarter of an hour forgets them."""
    clock = Clock()
    throttle = Throttle(clock)
    waits = []
    for _ in range(16):
        throttle.failed("ada", "10.0.0.1")
        try:
            throttle.check("ada", "10.0.0.1")
        except TooManyAttempts as error:
            waits.append(error.wait_seconds)
    clock.now += 16 * 60
    throttle.check("ada", "10.0.0.1")
    assert waits == [2, 3, 5, 9, 17, 33, 61, 61, 61, 61, 61, 61]


def test_a_stranger_cannot_lock_an_account() -> None:
    """However often somebody guesses from elsewhere, its owner waits seconds only."""
    clock = Clock()
    throttle = Throttle(clock)
    for guess in range(1000):
        throttle.failed("ada", f"10.0.{guess // 250}.{guess % 250}")
    clock.now += NAME.longest_wait_seconds
    throttle.check("ada", "192.0.2.7")


def test_signing_in_forgets_the_failures_before() -> None:
    """Who typed wrongly a few times starts anew."""
    throttle = Throttle(Clock())
    for _ in range(PAIR.free_failures - 1):
        throttle.failed("ada", "10.0.0.1")
    throttle.succeeded("ada", "10.0.0.1")
    throttle.failed("ada", "10.0.0.1")
    throttle.check("ada", "10.0.0.1")


def test_a_known_device_does_not_wait_for_strangers() -> None:
    """Whoever signed in here before gets in at once, however fast others guess, and is slowed
    down by own failures only."""
    clock = Clock()
    throttle, devices = Throttle(clock), Devices(b"secret")
    device = devices.known("ada", devices.mark("ada"))
    assert device is not None
    for guess in range(3000):
        throttle.failed("ada", f"10.{guess >> 8 & 255}.{guess & 255}.1")
        with pytest.raises(TooManyAttempts) if guess + 1 >= NAME.free_failures else nullcontext():
            throttle.check("ada", "192.0.2.7")
        throttle.check("ada", "192.0.2.7", device)
    for _ in range(PAIR.free_failures):
        throttle.check("ada", "192.0.2.7", device)
        throttle.failed("ada", "192.0.2.7", device)
    with pytest.raises(TooManyAttempts):
        throttle.check("ada", "192.0.2.7", device)


def test_guessing_at_many_accounts_is_slowed_down_in_all() -> None:
    """Thousands of names from thousands of addresses: strangers wait, seconds, and it ends."""
    clock = Clock()
    throttle = Throttle(clock)
    for guess in range(EVERYBODY.free_failures):
        throttle.failed(f"user-{guess}", f"10.0.{guess >> 8}.{guess & 255}")
    with pytest.raises(TooManyAttempts) as refused:
        throttle.check("ada", "192.0.2.7")
    clock.now += EVERYBODY.longest_wait_seconds
    throttle.check("ada", "192.0.2.7")
    assert refused.value.wait_seconds <= EVERYBODY.longest_wait_seconds + 1


def test_mistakes_of_a_whole_day_hold_nobody_up() -> None:
    """What is one failure here and there is forgiven as it comes."""
    clock = Clock()
    throttle = Throttle(clock)
    for guess in range(EVERYBODY.free_failures * 3):
        clock.now += 1
        throttle.failed(f"user-{guess}", f"10.0.{guess >> 8}.{guess & 255}")
    throttle.check("ada", "192.0.2.7")


@pytest.mark.parametrize("mark", [None, "", ".", "device", "device.", "device." + "0" * 64, "é.é"])
def test_a_mark_that_was_made_up_is_none(mark: str | None) -> None:
    """Nor is one of another person, or of another deployment."""
    devices = Devices(b"secret")
    assert devices.known("ada", mark) is None
    assert devices.known("ada", devices.mark("eve")) is None
    assert devices.known("ada", Devices(b"another").mark("ada")) is None


async def test_a_browser_is_known_again(house: World, app: FastAPI) -> None:
    """A sign-in leaves a mark for 90 days; with it the right password is accepted though strangers
    have used up the account's failures."""
    async with asking(app) as client:
        marked = await sign_in(client)
        again = await sign_in(client)
        for guess in range(NAME.free_failures):
            app.state.sign_in._throttle.failed("ada", f"10.0.0.{guess}")
        known = await sign_in(client)
    async with asking(app) as stranger:
        unknown = await sign_in(stranger)
    assert cookie_of(marked, "device") == {
        "name": "muster_device", "path": "/", "httponly": True, "samesite": "strict",
        "max-age": str(90 * 24 * 3600),
    }  # fmt: skip
    assert "device" not in str(again.headers.get_list("set-cookie"))
    assert (known.status_code, unknown.status_code) == (303, 429)
