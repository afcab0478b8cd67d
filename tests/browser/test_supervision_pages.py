"""The supervisor's pages as people meet them: readable in both languages and themes, on a phone."""

import asyncio

import pytest
from playwright.sync_api import Browser, expect

from tests.api.test_supervision import call_and_take
from tests.api.world import JIANGSU, SUZHOU, World
from tests.browser.conftest import PHONE, opened
from tests.browser.looking import each_look, fit_a_phone, look_at_each

PAGES = {
    "supervision": "/supervision",
    "supervision-province": f"/supervision?within={JIANGSU}&by=client",
    "supervision-verified": "/supervision?rate=verified_rate&by=industry",
}


@pytest.fixture
def supervised(house: World) -> World:
    """The small world with yesterday to compare with."""
    asyncio.run(call_and_take(house))
    return house


@each_look
def test_every_page_of_supervision_is_readable(
    supervised: World, chromium: Browser, address: str, locale: str, theme: str
) -> None:
    """No serious finding of axe, and a picture of each to look at."""
    with opened(chromium, address, locale=locale, theme=theme) as page:
        look_at_each(page, PAGES, f"{locale}-{theme}")


def test_every_page_of_supervision_fits_a_phone(
    supervised: World, chromium: Browser, address: str
) -> None:
    """Nothing makes the page itself scroll sideways."""
    with opened(chromium, address, locale="zh-CN", size=PHONE) as page:
        fit_a_phone(page, PAGES)


def test_a_fall_is_followed_from_the_country_to_its_terminals(
    supervised: World, chromium: Browser, address: str
) -> None:
    """From the menu to the province that got worse, to its city, to the terminals there."""
    with opened(chromium, address) as page:
        page.keyboard.press("g")
        page.keyboard.press("v")
        page.wait_for_url("**/supervision")
        expect(page.locator("#tiles a")).to_have_count(31)
        expect(page.locator("#worse tbody tr")).to_have_count(1)
        page.click("#worse >> text=Jiangsu")
        page.wait_for_url(f"**within={JIANGSU}**")
        expect(page.locator("h1")).to_contain_text("Jiangsu: 50%")
        page.click("#tiles >> text=Suzhou")
        page.wait_for_url(f"**/terminals?region={SUZHOU}")
        page.go_back()
        page.click("nav[aria-label='Regions above'] a")
        expect(page.locator("#tiles a")).to_have_count(31)


def test_before_the_first_midnight_there_is_nothing_to_compare(
    house: World, chromium: Browser, address: str
) -> None:
    """The page says so, in a sentence, instead of a change that nobody knows."""
    with opened(chromium, address) as page:
        page.goto("/supervision")
        expect(page.locator("#worse")).to_contain_text("No day was taken yet.")
        expect(page.locator("main")).to_contain_text("from the first midnight on")
