"""A terminal's page follows its live stream, and goes on without one."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import Browser, Response, Route, expect

from tests.api.following import bridging
from tests.api.world import World, minutes_ago
from tests.browser.conftest import opened

PAGE = "/terminals/METER-1"


def come(house: World, volts: float) -> None:
    """A value of METER-1 comes and is its newest, and something happens there."""
    house.measured("METER-1", "smart_meter", minutes_ago(0), voltage_a=volts)

    async def feed() -> None:
        async with bridging(house) as bridge:
            await bridge.happen("METER-1", f"came_{volts:.0f}")

    with ThreadPoolExecutor(1) as beside:  # Playwright has a loop in this thread
        beside.submit(asyncio.run, feed()).result()


def test_what_comes_is_on_the_page_while_no_clock_ticks(
    house: World, chromium: Browser, address: str
) -> None:
    """Value and event arrive by the stream alone: no timer of the page runs."""
    house.measured("METER-1", "smart_meter", minutes_ago(5), voltage_a=230.0)
    with opened(chromium, address) as page:
        page.clock.install()
        with page.expect_response("**/api/v1/live?terminals=METER-1") as answer:
            page.goto(PAGE)
        assert answer.value.status == 200
        page.clock.pause_at(minutes_ago(-60))
        come(house, 244.0)
        expect(page.locator("#events")).to_contain_text("came_244", timeout=30_000)
        expect(page.locator("[data-latest=voltage_a] .value")).to_have_text("244")


def say(house: World, volts: float) -> None:
    """A value of METER-1 is in the feed."""

    async def feed() -> None:
        async with bridging(house) as bridge:
            now = round(minutes_ago(0).timestamp() * 1_000_000)
            await bridge.say("METER-1", us=now, voltage_a=volts)

    with ThreadPoolExecutor(1) as beside:
        beside.submit(asyncio.run, feed()).result()


def test_what_is_newest_is_waited_for(house: World, chromium: Browser, address: str) -> None:
    """A reading comes before it is known as the newest; then it is asked for until it is there."""
    house.measured("METER-1", "smart_meter", minutes_ago(5), voltage_a=230.0)
    with opened(chromium, address) as page:
        with page.expect_response("**/api/v1/live?terminals=METER-1"):
            page.goto(PAGE)
        with page.expect_response(_is_newest, timeout=30_000):
            say(house, 243.0)
        house.measured("METER-1", "smart_meter", minutes_ago(0), voltage_a=243.0)
        expect(page.locator("[data-latest=voltage_a] .value")).to_have_text("243", timeout=15_000)
        expect(page.locator("#heard time")).to_have_text(re.compile("sec. ago|now"))


def _is_newest(answer: Response) -> bool:
    return answer.request.headers.get("hx-target") == "div#latest"


def test_of_a_reading_only_the_newest_values_are_asked_for(
    house: World, chromium: Browser, address: str
) -> None:
    """They and the time of the last data come in a small part of the page, by themselves."""
    house.measured("METER-1", "smart_meter", minutes_ago(5), voltage_a=230.0)
    with opened(chromium, address) as page:
        page.clock.install()
        with page.expect_response("**/api/v1/live?terminals=METER-1"):
            page.goto(PAGE)
        page.clock.pause_at(minutes_ago(-60))
        house.measured("METER-1", "smart_meter", minutes_ago(0), voltage_a=243.0)

        with page.expect_response(_is_newest, timeout=30_000) as part:
            say(house, 243.0)
        assert "<html" not in part.value.text()
        expect(page.locator("[data-latest=voltage_a] .value")).to_have_text("243")


def test_a_page_without_a_stream_is_as_fresh_as_ever(
    house: World, chromium: Browser, address: str
) -> None:
    """Where none can be had, nobody is told, and what comes is there all the same."""

    def refuse(route: Route) -> None:
        route.fulfill(status=204)  # what ends an EventSource for good

    house.measured("METER-1", "smart_meter", minutes_ago(5), voltage_a=230.0)
    with opened(chromium, address) as page:
        page.route("**/api/v1/live?*", refuse)
        page.goto(PAGE)
        come(house, 245.0)
        expect(page.locator("[data-latest=voltage_a] .value")).to_have_text("245", timeout=30_000)
        expect(page.locator(".stopped")).to_be_hidden()
