"""Supervisors and account managers on the default fleet: their main paths, from the sign-in on."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.embedded import runtime
from deploy.embedded.processes import wait_until
from tests.browser.conftest import opened
from tests.browser.looking import look
from tests.conftest import reachable_directory
from tests.jobs.test_supervision import zone_past_midnight
from tests.system.commands import Muster

GANSU, TIANSHUI = "620000", "620500"
OF_TIANSHUI, DUE = "GC-00012", "GC-00002"
_SLOW_SECONDS = 420  # a bound on a busy machine

pytestmark = pytest.mark.timeout(1200)


@dataclass(frozen=True, slots=True)
class Country:
    """The whole platform with its default fleet, and the day that it takes when it starts."""

    api: str
    credentials: dict[str, Any]
    day: str

    @contextmanager
    def seen_by(self, browser: Browser, name: str, password: str | None = None) -> Iterator[Page]:
        """The console as somebody sees it who has just signed in; no fault is logged."""
        users = {user["name"]: user["password"] for user in self.credentials["users"]}
        with opened(browser, self.api, user=None) as page:
            page.goto("/signin")
            page.fill("input[name=name]", name)
            page.fill("input[name=password]", password or users[name])
            page.click("form[action='/signin'] button")
            page.wait_for_url(lambda url: "/signin" not in url)
            yield page


@pytest.fixture(scope="module")
def country() -> Iterator[Country]:
    """A deployment of a zone in which a day has just ended."""
    runtime.ensure()
    zone = zone_past_midnight()
    day = datetime.now(ZoneInfo(zone)).date() - timedelta(days=1)
    with reachable_directory() as directory:
        muster = Muster(directory / "home", settings={"MUSTER_TIME_ZONE": zone})
        try:
            up = muster.run("up", "--detach")
            assert up.returncode == 0, up.stderr
            status = muster.status()
            found = json.loads(Path(status["credentials"]).read_text("utf-8"))
            yield Country(status["api"], found, day.isoformat())
        finally:
            muster.clean_up()


def seen(page: Page, path: str, is_there: Callable[[], bool]) -> None:
    """Look at a page until something is there that the jobs have yet to count."""

    def looked() -> bool:
        page.goto(path)
        return is_there()

    assert wait_until(looked, _SLOW_SECONDS), page.locator("main").inner_text()


def of_headquarters(country: Country) -> tuple[str, str]:
    """A supervisor of the whole country, as the administrator's program appoints one."""
    answer = httpx.post(
        f"{country.api}/api/v1/users",
        json={"name": "chief", "role": "supervisor", "region": 0},
        headers={"Authorization": f"Bearer {country.credentials['api_key']}"},
    )
    assert answer.status_code == 201, answer.text
    return "chief", answer.json()["password"]


def test_a_supervisor_goes_from_the_headquarters_down_to_a_client(
    country: Country, chromium: Browser
) -> None:
    """With the own first password; to the province, its clients, one of them, back, to a file."""
    name, once = of_headquarters(country)
    with country.seen_by(chromium, name, once) as page:
        page.fill("input[name=current]", once)
        for field in ("new", "again"):
            page.fill(f"input[name={field}]", "a lantern over the river")
        page.click("form[action='/account/password'] button")
        page.wait_for_url("**/")
        since = f"since the end of {country.day}"
        seen(page, "/supervision", lambda: since in page.locator("main").inner_text())
        gansu = page.locator("#tiles a", has_text="Gansu")
        seen(page, "/supervision", lambda: "%" in gansu.inner_text())
        expect(page.locator("#tiles a")).to_have_count(31)
        look(page, "role-supervisor-country")

        gansu.click()
        page.wait_for_url(f"**within={GANSU}**")
        expect(page.locator("h1")).to_contain_text("Gansu:")
        expect(page.locator("#tiles a", has_text="Tianshui")).to_be_visible()
        page.locator("#table .segments").get_by_text("Client", exact=True).click()
        page.wait_for_url("**by=client**")
        look(page, "role-supervisor-province")
        page.click(f"#table a[href='/group-clients/{OF_TIANSHUI}']")
        page.wait_for_url(f"**/group-clients/{OF_TIANSHUI}")
        expect(page.locator("#supervision")).to_contain_text("Tianshui")
        expect(page.locator("form[action$='/parent']")).to_have_count(0)
        look(page, "role-supervisor-client")

        page.go_back()
        with page.expect_download() as download:
            page.get_by_role("link", name="CSV").click()
        text = download.value.path().read_text("utf-8-sig")
        rows = {row["key"]: row for row in csv.DictReader(io.StringIO(text))}
        assert int(rows[OF_TIANSHUI]["in_service"]) > 0
        assert rows[OF_TIANSHUI]["in_service_then"] != ""
        page.locator("#tiles a", has_text="Tianshui").click()
        page.wait_for_url(f"**/terminals?region={TIANSHUI}")
        expect(page.locator("tbody tr").first).to_be_visible()


def test_a_supervisor_of_a_province_begins_there(country: Country, chromium: Browser) -> None:
    """By account manager: who serves the province's clients; and nobody's file of elsewhere."""
    with country.seen_by(chromium, "supervisor") as page:
        page.keyboard.press("g")
        page.keyboard.press("v")
        page.wait_for_url("**/supervision")
        seen(page, "/supervision", lambda: "Beijing:" in page.locator("h1").inner_text())
        page.locator("#table .segments").get_by_text("Account manager", exact=True).click()
        page.wait_for_url("**by=manager**")
        table = page.locator("#table tbody")
        expect(table.locator("a[href='/book?person=account_manager']")).to_be_visible()
        expect(table).to_contain_text("nobody")
        look(page, "role-supervisor-managers")
        table.get_by_role("link", name="account_manager").click()
        page.wait_for_url("**/book?person=account_manager")
        expect(page.locator("#usage")).to_contain_text("北京")
        page.goto("/group-clients")
        expect(page.locator("tbody")).not_to_contain_text(OF_TIANSHUI)


def test_an_account_manager_works_off_the_book(country: Country, chromium: Browser) -> None:
    """The file that is due is surveyed and verified; then the silent fleet, and why it is so."""
    with country.seen_by(chromium, "account_manager") as page:
        page.keyboard.press("g")
        page.keyboard.press("m")
        page.wait_for_url("**/book")
        expect(page.locator("h1")).to_have_text("1 file waits for somebody.")
        look(page, "role-manager-book")
        page.click(f"#files a[href='/group-clients/{DUE}']")
        page.wait_for_url(f"**/group-clients/{DUE}")
        page.click("#file >> text=Open the file")
        page.fill("textarea[name=needs]", "a second meter at each depot")
        page.click("form[action$='/file/survey'] button")
        page.wait_for_url(f"**/group-clients/{DUE}")
        expect(page.locator("#survey")).to_contain_text("a second meter at each depot")
        page.click("#file >> text=Open the file")
        look(page, "role-manager-file")
        page.click("#life button[value=verified]")
        page.wait_for_url(f"**/group-clients/{DUE}")
        expect(page.locator("#file .pill").first).to_have_text("verified")

        silent = page.locator("#silent a[href*='data=silent']")
        seen(page, "/book", lambda: silent.count() > 0)
        expect(page.locator("h1")).to_have_text("No file waits for anybody.")
        silent.first.click()
        page.wait_for_url("**data=silent**")
        terminal = page.locator("tbody a[href^='/terminals/']").first
        code = terminal.get_attribute("href")
        look(page, "role-manager-silent")
        terminal.click()
        page.wait_for_url(f"**{code}")
        expect(page.locator("main")).to_contain_text("silent")
        look(page, "role-manager-terminal")
