"""Exports as a client's people meet them: asked for, watched, fetched, and thrown away."""

import asyncio
import gzip
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.test_exports import worked
from tests.api.world import World, minutes_ago
from tests.browser.conftest import PHONE, opened
from tests.browser.looking import fit_a_phone, look_at_each

A_MONTH = {
    "content": "readings",
    "from": "2026-10-01T00:00:00+00:00",
    "to": "2026-11-01T00:00:00+00:00",
    "group_client": "suzhou-power",
}
PAGES = {"exports": "/exports", "export-new": "/exports/new?terminal=METER-1"}


def write_what_is_asked(house: World) -> None:
    """Do as the jobs process does, in a thread of its own: this one has Playwright's loop."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, worked(house)).result()


def row(page: Page, number: int = 0) -> str:
    return page.locator("#live tbody tr").nth(number).inner_text()


@pytest.fixture
def exported(house: World) -> World:
    """One export of pei's in every state there is."""
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute(
            "insert into registry.export (asked_by, asked_at, wanted, format, state, terminals,"
            " terminals_read, rows, size_bytes, sha256, expires_at, problem, problem_text)"
            " select 'user:pei', now() - n * interval '3 h', %s, format, state, 3,"
            " case state when 'done' then 3 when 'running' then 1 else 0 end, 140000, 2500000,"
            " case when state in ('done', 'expired') then sha256('x') end,"
            " case when state in ('done', 'expired') then now() + interval '5 d' end,"
            " case state when 'failed' then 'export_too_large' end,"
            " case state when 'failed' then 'The file would be larger.' end"
            " from unnest(array['queued', 'running', 'done', 'failed', 'cancelled', 'expired'],"
            " array['csv', 'ndjson', 'parquet', 'csv', 'csv', 'csv']) with ordinality"
            " e(state, format, n)",
            (json.dumps(A_MONTH),),
        )
    return house


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_every_page_of_exports_is_readable(
    exported: World, chromium: Browser, address: str, locale: str
) -> None:
    """No serious finding of axe, and a picture of each to look at, in light and in dark."""
    for theme in ("light", "dark"):
        with opened(chromium, address, user="pei", locale=locale, theme=theme) as page:
            look_at_each(page, PAGES, f"{locale}-{theme}")


def test_every_page_of_exports_fits_a_phone(
    exported: World, chromium: Browser, address: str
) -> None:
    """Nothing makes the page itself scroll sideways."""
    with opened(chromium, address, user="pei", locale="zh-CN", size=PHONE) as page:
        fit_a_phone(page, PAGES)


def test_a_client_exports_a_terminal_and_throws_the_file_away(
    house: World, chromium: Browser, address: str
) -> None:
    """From the terminal's page to the file, which is what its row says; then it is gone."""
    for minute in range(3):
        house.measured("METER-1", "smart_meter", minutes_ago(9 - minute), voltage_a=230.0 + minute)
    with opened(chromium, address, user="pei") as page:
        page.goto("/exports")
        expect(page.locator("#live .empty")).to_contain_text("Nothing was exported yet.")
        page.goto("/terminals/METER-1")
        page.get_by_role("link", name="Export", exact=True).click()
        expect(page.locator("#terminals")).to_have_value("METER-1")
        page.select_option("#days", "1")
        page.fill("#metrics", "voltage_a")
        page.get_by_role("button", name="Export", exact=True).click()
        page.wait_for_url("**/exports")
        assert "waits" in row(page)

        write_what_is_asked(house)
        expect(page.locator("#live tbody tr").first).to_contain_text("ready", timeout=20_000)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download").click()
        content = Path(str(download.value.path())).read_bytes()
        told = page.locator("code[title^='SHA-256']").get_attribute("title")
        assert download.value.suggested_filename.endswith(".csv.gz")
        assert told == f"SHA-256 {hashlib.sha256(content).hexdigest()}"
        lines = gzip.decompress(content).decode("utf-8-sig").splitlines()
        assert lines[0] == "terminal,time,voltage_a"
        assert [line.rpartition(",")[2] for line in lines[1:]] == ["230.0", "231.0", "232.0"]

        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Delete").click()
        expect(page.locator("#live .empty")).to_be_visible()


def test_what_cannot_be_exported_comes_back_with_the_reason(
    house: World, chromium: Browser, address: str
) -> None:
    """Nobody named, and somebody else's terminal: the form again, with what was filled in."""
    with opened(chromium, address, user="pei", refused=1) as page:
        page.goto("/exports/new")
        expect(page.locator("#client")).to_have_value("suzhou-power")  # all that is theirs
        page.fill("#client", "")
        page.get_by_role("button", name="Export", exact=True).click()
        expect(page.locator(".error")).to_contain_text("Name terminals, or one collection")
