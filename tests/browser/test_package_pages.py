"""The pages of packages and tiers as people meet them: readable, on a phone, given and undone."""

import psycopg
import pytest
from playwright.sync_api import Browser, expect

from tests.api.world import World
from tests.browser.conftest import PHONE, opened
from tests.browser.looking import each_look, fit_a_phone, look_at_each

CLIENT = "/group-clients/suzhou-power"
PAGES = {"packages": "/packages", "package": "/packages/metering", "client-tier": f"{CLIENT}/tier"}


@pytest.fixture
def offered(house: World) -> World:
    """Two packages; the client has had one of them, and tries a tier that ends in a few days."""
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute("select set_config('muster.actor', 'user:jin', false)")
        conn.execute(
            "insert into registry.package (code, title_zh, title_en, tier_code, retired_at) values"
            " ('metering', '电力抄表', 'Power metering', 'silver', null),"
            " ('vehicles', '车辆定位', 'Vehicle tracking', 'gold', now())"
        )
        conn.execute(
            "insert into registry.package_profile select p.id, row_number() over (order by f.id),"
            " f.id from registry.package p, registry.profile f where p.code = 'metering'"
        )
        conn.execute(
            "insert into registry.client_package (group_client_id, package_id, state, valid_from,"
            " valid_to, note, applied_by, tier_code, former_tier_code) select c.id, p.id, 'ended',"
            " now() - interval '9 days', now(), 'contract 2026-118', 'user:jin', 'gold', 'bronze'"
            " from registry.group_client c, registry.package p"
            " where c.code = 'suzhou-power' and p.code = 'vehicles'"
        )
        conn.execute(
            "update registry.group_client set tier_code = 'trial',"
            " tier_until = now() + interval '5 days' where code = 'suzhou-power'"
        )
    return house


@each_look
def test_every_page_of_packages_is_readable(
    offered: World, chromium: Browser, address: str, locale: str, theme: str
) -> None:
    """No serious finding of axe, and a picture of each to look at."""
    with opened(chromium, address, locale=locale, theme=theme) as page:
        look_at_each(page, PAGES, f"{locale}-{theme}")


def test_every_page_of_packages_fits_a_phone(
    offered: World, chromium: Browser, address: str
) -> None:
    """Nothing makes the page itself scroll sideways."""
    with opened(chromium, address, locale="zh-CN", size=PHONE) as page:
        fit_a_phone(page, PAGES)


def test_a_package_is_given_and_undone(offered: World, chromium: Browser, address: str) -> None:
    """From the client's page, which warns of the trial's end, and back to it."""
    with opened(chromium, address) as page:
        page.goto(CLIENT)
        expect(page.locator("main")).to_contain_text("ends soon")
        page.click("text=Tier and package")
        page.select_option("#package", "metering")
        page.click("button >> text=Give the package")
        expect(page.locator("#packages tbody tr").first).to_contain_text("in force")
        expect(page.locator("main dl.facts").first).to_contain_text("Silver")
        page.click("button >> text=Undo")
        expect(page.locator("#packages tbody tr").first).to_contain_text("undone")
        expect(page.locator("main dl.facts").first).to_contain_text("ends soon")
