"""The main path of each user whose path no other test walks: on the small world, in both languages.

Operators are walked in `test_provisioning`, supervisors and account managers in `test_roles`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.embedded.postgres import Cluster
from telemetry.model import Reason
from tests.api.world import World, minutes_ago
from tests.browser.conftest import opened, serving
from tests.browser.walking import Walk
from tests.conftest import copy_of

_LANGUAGES = {"en-US": "zh-CN", "zh-CN": "en-US"}
_HEARD = """update telemetry.presence_clock
    set as_of = now(), listening_since = now() - interval '1 day'"""


@pytest.fixture(scope="module")
def stage(cluster: Cluster, built_world: World) -> Iterator[str]:
    """Where the small world is served to all of these tests: one meter reports, one is silent."""
    with copy_of(cluster, built_world.database.name) as copy:
        house = replace(built_world, database=copy)
        for minutes in range(50, 0, -1):
            house.measured("METER-1", "smart_meter", minutes_ago(minutes), voltage_a=231.0)
        house.measured("METER-2", "smart_meter", minutes_ago(400), voltage_a=229.0)
        house.refused("METER-2", Reason.OUT_OF_RANGE, b'{"voltage_a": 23120}', "above 260")
        with psycopg.connect(copy.superuser) as conn:
            conn.execute(_HEARD)
            conn.execute(
                "insert into telemetry.bridge (name, noted_at, is_connected)"
                " values ('bridge-1', now(), true)"
            )
        with serving(house, SECOND_FACTOR="off") as url:
            yield url


@contextmanager
def walked(
    browser: Browser, address: str, name: str, user: str, language: str
) -> Iterator[tuple[Page, Walk]]:
    """A page to walk a path on, signed in; at its end it is seen in the other language, too."""
    with opened(browser, address, user=user, locale=language) as page:
        walk = Walk(name, page, language)
        yield page, walk
    other = _LANGUAGES[language]
    with opened(browser, address, user=user, locale=other, theme="dark") as page:
        walk.again(page, other)


def test_a_client_monitor_goes_from_silence_to_its_cause_and_a_file(
    stage: str, chromium: Browser
) -> None:
    """Who is silent, why, what it said last, and the month of it as a file that is asked for."""
    with walked(chromium, stage, "monitor", "pei", "zh-CN") as (page, walk):
        expect(page.locator("#silent")).to_contain_text("METER-2")
        walk.look()
        page.click("#silent >> text=METER-2")
        page.wait_for_url("**/terminals/METER-2")
        expect(page.locator("#finding")).to_be_visible()
        walk.look()
        page.click("a[href='/exports/new?terminal=METER-2']")
        walk.look()
        page.locator("main form button.primary").click()
        page.wait_for_url("**/exports")
        expect(page.locator("tbody tr")).to_have_count(1)
        walk.look()


def test_a_platform_engineer_sees_what_is_not_well(stage: str, chromium: Browser) -> None:
    """Of processes, bridges, feed, database and storage; every part comes by itself."""
    with walked(chromium, stage, "engineer", "ada", "en-US") as (page, walk):
        page.keyboard.press("g")
        page.keyboard.press("f")
        page.wait_for_url("**/platform")
        expect(page.locator("h1")).to_contain_text("Nothing of this kind is connected")
        expect(page.locator("#processes")).to_contain_text("api")
        expect(page.locator("#bridges")).to_contain_text("bridge-1")
        expect(page.locator("#database")).to_contain_text("Apache edition")
        expect(page.locator("#storage")).to_contain_text("The jobs measure it")
        expect(page.locator("#settings")).to_contain_text("MUSTER_SECRET_KEY")
        walk.look()


def test_an_alerting_engineer_leaves_with_key_targets_and_rules(
    stage: str, chromium: Browser
) -> None:
    """A key that is shown once, the configuration with this address, a file of rules."""
    with walked(chromium, stage, "alerting", "ada", "zh-CN") as (page, walk):
        page.keyboard.press("g")
        page.keyboard.press("z")
        page.wait_for_url("**/prometheus")
        expect(page.locator("#scrape-config")).to_contain_text(f"{stage}/api/v1/prometheus/targets")
        expect(page.locator("#series")).to_contain_text("3")
        walk.look()
        with page.expect_download() as download:
            page.click("#files >> text=fleet.yml")
        assert "alert: " in download.value.path().read_text("utf-8")
        page.click("a[href='/api-keys/new?role=scraper']")
        page.fill("input[name=name]", "prometheus")
        walk.look()
        page.locator("main form button.primary").click()
        expect(page.locator("#secret")).to_contain_text("mk_")
        page.goto("/prometheus")
        expect(page.locator("#keys-in-force")).to_contain_text("prometheus")


def test_a_profile_is_tried_and_then_defined(stage: str, chromium: Browser) -> None:
    """While it is written the payload is read by it; what is wrong is said beside the field."""
    refused = 1
    with opened(chromium, stage, refused=refused) as page:
        page.goto("/profiles")
        page.click("a[href='/profiles/new']")
        for name, text in (("profile_code", "cold_store"), ("title_zh", "冷库")):
            page.fill(f"input[name={name}]", text)
        row = page.locator("#metrics tbody tr").first
        for name, text in (("name", "temperature_c"), ("title_zh", "温度"), ("high", "8")):
            row.locator(f"[name=metric_{name}]").fill(text)
        page.fill("textarea[name=payload]", '{"temperature_c": 9}')
        expect(page.locator("#trial")).to_contain_text("fill in what is missing first")
        page.click("text=Define it")
        expect(page.locator("#wrong-title_en")).to_have_text("It is needed.")
        expect(page.locator("#wrong-metric-0-title_en")).to_be_visible()
        Walk("profile-wrong", page, "en-US").look()
        page.fill("input[name=title_en]", "Cold store")
        row.locator("[name=metric_title_en]").fill("Temperature")
        expect(page.locator("#trial")).to_contain_text("out of range")
        Walk("profile-tried", page, "en-US").look()
        page.click("text=Define it")
        page.wait_for_url("**/profiles/cold_store")
        expect(page.locator("main")).to_contain_text("temperature_c")
        Walk("profile-defined", page, "en-US").look()
