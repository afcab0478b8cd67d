"""The console as people meet it: in a browser, in two languages, by keyboard and on a phone."""

import re

import pytest
from playwright.sync_api import Browser, expect

from telemetry.model import Reason
from tests.api.world import World, minutes_ago
from tests.browser.conftest import DESKTOP, PHONE, opened
from tests.browser.looking import each_look, fit_a_phone, look, look_at_each

PAGES = {
    "overview": "/",
    "terminals": "/terminals",
    "terminal": "/terminals/METER-1",
    "readings": "/terminals/METER-1/readings",
    "charts": "/charts?terminal=METER-1,METER-2&metric=voltage_a,current_a&range=1h",
    "charts-none": "/charts",
    "clients": "/group-clients",
    "client": "/group-clients/suzhou-power",
    "profiles": "/profiles",
    "profile": "/profiles/smart_meter",
    "quarantine": "/quarantine?reason=out_of_range",
    "quarantined": "/quarantine/1",
    "register": "/register",
    "sims": "/sims",
    "sim-new": "/sims/new",
    "collections": "/collections",
    "glossary": "/glossary",
    "search-nothing": "/search?q=nothing-is-called-so",
    "transfers": "/transfers",
    "transfer-new": "/transfers/new",
    "imports": "/imports",
    "import-new": "/imports/new",
    "decode": "/decode?by=codec:json&form=text&payload=%7B%22voltage_a%22%3A231.2%7D",
    "decode-refused": "/decode?by=codec:jt808&payload=7e0002",
}


@pytest.fixture
def telling(house: World) -> World:
    """The small world with something to see on every page."""
    for minutes in range(50, 0, -1):
        volts = 230 + minutes % 7
        house.measured("METER-1", "smart_meter", minutes_ago(minutes), voltage_a=volts, current_a=2)
    house.measured("METER-2", "smart_meter", minutes_ago(400), voltage_a=229.0)
    house.measured("BUS-1", "vehicle_tracker", minutes_ago(0.2), speed_kmh=48.0, ignition=True)
    payload = b'{"voltage_a": 23120}'
    house.refused("METER-1", Reason.OUT_OF_RANGE, payload, "voltage_a is 23120, above 260")
    house.refused(None, Reason.UNKNOWN_TERMINAL, bytes(range(64)), "there is no terminal NOBODY")
    return house


def test_a_newest_value_arrives_by_itself(telling: World, chromium: Browser, address: str) -> None:
    """Sign in, open a terminal from the list: number and chart follow without a reload."""
    with opened(chromium, address) as page:
        page.click("nav >> text=Terminals")
        page.click("table >> text=METER-1")
        expect(page.locator("#newest [data-number]")).to_have_text("231")
        telling.measured("METER-1", "smart_meter", minutes_ago(0), voltage_a=244.5)
        expect(page.locator("#newest [data-number]")).to_have_text("244.5", timeout=5000)
        expect(page.locator("#chart canvas")).to_be_visible()


def test_the_chart_follows_metric_and_range(
    telling: World, chromium: Browser, address: str
) -> None:
    """Another metric and another range are links, kept in the address; what is absent says so."""
    with opened(chromium, address) as page:
        page.goto("/terminals/METER-1")
        page.click("#latest >> text=Current, phase A")
        page.click("text=24 h")
        expect(page.locator("#newest [data-number]")).to_have_text("2")
        assert page.url.endswith("/terminals/METER-1?metric=current_a&range=24h")
        page.click("#latest >> text=Frequency")
        expect(page.locator("#chart .empty")).to_be_visible()


def test_an_interrupted_connection_is_told(telling: World, chromium: Browser, address: str) -> None:
    """While polls fail the page says that it is not fresh, and takes it back when they succeed."""
    with opened(chromium, address) as page:
        page.goto("/terminals/METER-1")
        expect(page.locator(".stopped")).to_be_hidden()
        page.route("**/telemetry?*", lambda route: route.fulfill(status=200, body="not JSON"))
        expect(page.locator(".stopped")).to_be_visible(timeout=5000)
        page.unroute("**/telemetry?*")
        expect(page.locator(".stopped")).to_be_hidden(timeout=5000)


def test_a_session_that_ends_asks_to_sign_in_again(
    telling: World, chromium: Browser, address: str
) -> None:
    """The next poll of an open page leads to the form, and from there back to the page."""
    with opened(chromium, address) as page:
        page.goto("/profiles/smart_meter")
        page.context.clear_cookies(name="muster_session")
        page.goto("/terminals/METER-1")
        expect(page.locator("h1")).to_have_text("Sign in")
        assert page.input_value("input[name=return_to]") == "/terminals/METER-1"


def test_25_rows_fit_a_small_screen(house: World, chromium: Browser, address: str) -> None:
    """At 1280x720 a full page of a list and its pager show without scrolling."""
    house.enrol(f"ROW-{k:02d}" for k in range(40))
    with opened(chromium, address) as page:
        page.goto("/terminals")
        rows = page.locator("table[data-list] tbody tr")
        expect(rows).to_have_count(25)
        pager = page.locator("a[rel=next]").bounding_box()
        assert pager is not None
        assert pager["y"] + pager["height"] <= DESKTOP[1]
        assert page.evaluate("document.documentElement.scrollHeight") <= DESKTOP[1]
        page.click("a[rel=next]")
        expect(page.locator("a[rel=first]")).to_be_visible()


def test_hands_stay_on_the_keyboard(telling: World, chromium: Browser, address: str) -> None:
    """`/` finds, `g t` goes, `j k` move, Enter opens, `?` tells; typing in a field does not."""
    with opened(chromium, address) as page:
        page.keyboard.press("g")
        page.keyboard.press("t")
        page.wait_for_url("**/terminals")
        for key in "jjk":
            page.keyboard.press(key)
        first = page.locator("table[data-list] tbody tr a").first
        expect(first).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_url("**/terminals/BUS-1")
        page.keyboard.press("?")
        expect(page.locator("dialog#keys")).to_be_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        page.keyboard.type("METER-gt?")
        assert page.input_value("#find") == "METER-gt?"
        page.fill("#find", "METER-2")
        page.keyboard.press("Enter")
        page.wait_for_url("**/terminals/METER-2")


def test_language_and_theme_are_one_press_and_stay(
    telling: World, chromium: Browser, address: str
) -> None:
    """A press changes the page where one is; the next visit remembers."""
    with opened(chromium, address) as page:
        page.goto("/terminals?sector=power")
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.click("header button[name=language]")
        expect(page.locator("h1")).to_have_text("终端")
        assert page.url.endswith("/terminals?sector=power")
        page.click("header button[name=theme]")
        page.goto("/quarantine")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_times_are_told_in_the_readers_zone(
    telling: World, chromium: Browser, address: str
) -> None:
    """An age, and on hover the exact instant with its offset."""
    with opened(chromium, address) as page:
        page.goto("/terminals/METER-1")
        stamp = page.locator("#heard time")
        shown = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\+8$"
        expect(stamp).to_have_attribute("title", re.compile(shown))
        expect(stamp).to_have_text(re.compile("ago$"))


def test_a_word_of_the_trade_says_what_it_means(
    telling: World, chromium: Browser, address: str
) -> None:
    """Where it first stands, by keyboard; from there to all of them."""
    with opened(chromium, address) as page:
        page.goto("/terminals")
        meaning = page.locator("#term-data")
        expect(meaning).to_be_hidden()
        page.locator("th .term", has_text="Data").press("Enter")
        expect(meaning).to_contain_text("as often as expected")
        head = page.locator("th .term", has_text="Data").bounding_box()
        said = meaning.bounding_box()
        assert head is not None
        assert said is not None
        assert 0 <= said["y"] - head["y"] - head["height"] < 20
        meaning.locator("a").click()
        page.wait_for_url("**/glossary#data")
        expect(page.locator("h1")).to_have_text("Terms")


@each_look
def test_every_page_is_readable(
    telling: World, chromium: Browser, address: str, locale: str, theme: str
) -> None:
    """No serious finding of axe on any page, and a picture of each to look at."""
    with opened(chromium, address, user=None, locale=locale, theme=theme) as page:
        page.goto("/signin")
        look(page, f"signin-{locale}-{theme}")
    with opened(chromium, address, locale=locale, theme=theme) as page:
        look_at_each(page, PAGES, f"{locale}-{theme}")


def test_every_page_fits_a_phone(telling: World, chromium: Browser, address: str) -> None:
    """Nothing makes the page itself scroll sideways."""
    with opened(chromium, address, locale="zh-CN", size=PHONE) as page:
        fit_a_phone(page, PAGES)
