"""The pages of a client's file as people meet them: readable, on a phone, through its life."""

import psycopg
import pytest
from playwright.sync_api import Browser, expect

from tests.api.world import World
from tests.browser.conftest import PHONE, opened
from tests.browser.looking import each_look, fit_a_phone, look_at_each

CLIENT = "/group-clients/suzhou-power"
PAGES = {"client-with-file": CLIENT, "client-file": f"{CLIENT}/file"}


@pytest.fixture
def filed(house: World) -> World:
    """Its survey is answered, with two contacts and a document; somebody else has filed it."""
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute("select set_config('muster.actor', 'user:jin', false)")
        conn.execute(
            "insert into registry.client_file (group_client_id, products, rivals,"
            " expected_terminals, needs, contacts, answered_by)"
            " select id, 'IoT cards, 2,000 of them', 'A dedicated line of another operator', 5000,"
            ' \'Meters in cellars\', \'[{"name": "王伟", "role": "主任", "phone":'
            ' "+86 512 6280 0000", "mail": "wang@example.com"}, {"name": "Li"}]\','
            " 'user:jin' from registry.group_client where code = 'suzhou-power'"
        )
        conn.execute(
            "insert into registry.client_evidence (group_client_id, name, sha256, note, actor)"
            " select id, '营业执照-2026-扫描件.pdf', repeat('ab', 32), 'seen', 'user:jin'"
            " from registry.group_client where code = 'suzhou-power'"
        )
        conn.execute(
            "update registry.group_client set file_state = 'filed', file_reason = 'visited',"
            " version = version + 1 where code = 'suzhou-power'"
        )
    return house


@each_look
def test_every_page_of_a_file_is_readable(
    filed: World, chromium: Browser, address: str, locale: str, theme: str
) -> None:
    """No serious finding of axe, and a picture of each to look at."""
    with opened(chromium, address, locale=locale, theme=theme) as page:
        look_at_each(page, PAGES, f"{locale}-{theme}")


def test_every_page_of_a_file_fits_a_phone(filed: World, chromium: Browser, address: str) -> None:
    """Nothing makes the page itself scroll sideways."""
    with opened(chromium, address, locale="zh-CN", size=PHONE) as page:
        fit_a_phone(page, PAGES)


def test_a_file_is_led_through_its_life(filed: World, chromium: Browser, address: str) -> None:
    """Verified by another than who filed it, changed, shown with who and when, and closed."""
    with opened(chromium, address, refused=1) as page:
        page.goto(CLIENT)
        expect(page.locator("#file")).to_contain_text("The file is not verified.")
        page.click("text=Open the file")
        page.click("button >> text=Verify")
        expect(page.locator("#file .pill")).to_have_text("verified")
        expect(page.locator("#moves tbody tr").first).to_contain_text("ada")
        page.click("text=Open the file")
        page.fill("#needs", "A quiet night")
        page.fill("#contact-2", "Zhao")
        page.click("form:has(#needs) >> text=Save")
        expect(page.locator("#survey")).to_contain_text("A quiet night")
        expect(page.locator("#contacts tbody tr")).to_have_count(3)
        page.click("text=Open the file")
        page.fill("#credit", "91350100M000100Y44")
        page.click("form:has(#credit) >> text=Save")
        expect(page.locator("[role=alert]")).to_be_visible()
        page.fill("#credit", "91350100M000100Y43")
        page.click("form:has(#credit) >> text=Save")
        expect(page.locator("#file .pill")).to_have_text("due for verification")
        page.click("text=Open the file")
        expect(page.locator("#life")).to_contain_text("You filed it: another person verifies it.")
