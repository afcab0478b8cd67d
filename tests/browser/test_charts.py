"""Charts of several metrics and terminals: drawn, looked at closer, shared by their address."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.world import World, minutes_ago
from tests.browser.conftest import opened

BOTH = "/charts?terminal=METER-1,METER-2&metric=voltage_a,current_a&range=24h"
XSS = "<img src=x onerror=alert(1)>"


@pytest.fixture
def measuring(house: World) -> World:
    """Two meters with forty readings of voltage each, of one the current, and what happened."""
    for k in range(40):
        house.measured(
            "METER-1", "smart_meter", minutes_ago(400 - 10 * k), voltage_a=230 + k % 5, current_a=k
        )
        house.measured("METER-2", "smart_meter", minutes_ago(399 - 10 * k), voltage_a=221.5)
    house.happened("METER-1", minutes_ago(200), "last_gasp", XSS)
    house.happened("METER-2", minutes_ago(3000), "restart")
    return house


def drawn(page: Page, metric: str, readings: int) -> None:
    """Wait until the panel says how much it shows."""
    told = page.locator(f"[data-metric={metric}] [data-told]")
    expect(told).to_have_text(f"{readings} readings, all drawn")


def test_terminals_and_metrics_are_drawn_with_what_happened(
    measuring: World, chromium: Browser, address: str
) -> None:
    """A line a terminal in a panel a metric; events of the window are listed, and are inert."""
    with opened(chromium, address) as page:
        page.goto(BOTH)
        drawn(page, "voltage_a", 80)
        drawn(page, "current_a", 80)
        expect(page.locator("#charts canvas")).to_have_count(2)
        events = page.locator("[data-events] tr")
        expect(events).to_have_count(1)
        expect(events).to_contain_text("last_gasp")
        expect(events).to_contain_text(XSS)
        link = page.locator("[data-metric=voltage_a] [data-file]").get_attribute("href")
        assert link is not None
        text = page.request.get(address + link).text()
        assert len(text.splitlines()) == 81


def test_a_closer_look_stays_in_the_address(
    measuring: World, chromium: Browser, address: str
) -> None:
    """Dragging over the chart shows less; the address opens the same; Back is as wide as before."""
    with opened(chromium, address) as page:
        page.goto(BOTH)
        drawn(page, "voltage_a", 80)
        box = page.locator("[data-metric=voltage_a] .u-over").bounding_box()
        assert box is not None
        height = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] * 0.9, height)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.98, height, steps=5)
        page.mouse.up()
        page.wait_for_url(re.compile(r"from=.*&to="))
        told = page.locator("[data-metric=voltage_a] [data-told]")
        expect(told).to_have_text(re.compile(r"^(1\d|2\d) readings, all drawn"))
        few = told.inner_text()
        page.reload()
        expect(told).to_have_text(few)
        page.go_back()
        drawn(page, "voltage_a", 80)
        page.click("[data-move=in]")
        expect(told).not_to_have_text(re.compile("^80 "))


def test_a_long_time_is_drawn_by_steps(measuring: World, chromium: Browser, address: str) -> None:
    """A year comes as averages of half days, and says so; a terminal can be left out."""
    with opened(chromium, address) as page:
        page.goto(BOTH)
        page.click(".segments >> text=1 y")
        told = page.locator("[data-metric=voltage_a] [data-told]")
        expect(told).to_have_text("80 readings, averages of 12 hours")
        page.click("[aria-label='Without METER-2']")
        expect(told).to_have_text("40 readings, averages of 12 hours")
        assert "METER-2" not in page.url
