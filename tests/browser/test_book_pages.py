"""The book and the hand-overs as people meet them: readable in both languages, on a phone."""

import psycopg
import pytest
from playwright.sync_api import Browser, expect

from tests.api.world import POWER, ZHEJIANG, World, minutes_ago
from tests.browser.conftest import PHONE, opened
from tests.browser.looking import each_look, fit_a_phone, look_at_each

PAGES = {
    "book": "/book",
    "book-files": "/book?list=files",
    "book-of-somebody": "/book?person=mei",
    "client-serving": f"/group-clients/{POWER}",
    "user-serving": "/users/mei",
}


@pytest.fixture
def served(house: World) -> World:
    """Forty clients with files in every state, fleets and messages; mei serves most of them."""
    house.happened("METER-1", minutes_ago(5), "identity.rival_sim")
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute("update registry.sim set state = 'silent', silent_until = now() + '9 d'")
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute(
            "insert into registry.user_account (name, password_hash, role)"
            " select n, password_hash, 'account_manager' from registry.user_account,"
            " unnest(array['mei', 'nan']) n where name = 'ada'"
        )
        conn.execute(
            "insert into registry.group_client (code, name, region_code, level, industry_code,"
            " tier_code, file_state, file_since, value_grade, watched) select 'co-' || n,"
            " '示例电力（江苏）有限公司第' || n || '分公司', 320000, 'province', 'power', 'gold',"
            " (array['surveyed', 'filed', 'due', 'verified'])[1 + n % 4],"
            " now() - n * interval '1 day', (array['A', 'B', 'C', 'D'])[1 + n % 4], n % 9 = 0"
            " from generate_series(1, 40) n"
        )
        conn.execute(
            "insert into registry.assignment (group_client_id, role, person, valid_from, note,"
            " assigned_by) select id, 'account_manager', 'mei', now() - interval '9 d',"
            " 'district of the east', 'user:ada' from registry.group_client"
        )
        conn.execute(
            "insert into telemetry.tally select c.id, 320000, p.id, s, d, c.id * 7"
            " from registry.group_client c, registry.profile p,"
            " (values ('in_service', 'silent'), ('in_service', 'online'), ('testing', 'never'))"
            " v(s, d)"
        )
        conn.execute("update telemetry.roll_call_clock set complete = true, as_of = now()")
        conn.execute(
            "insert into telemetry.completeness_daily select now()::date, id, 320000, id * 1000,"
            " 0, 0, 0, 0, 0 from registry.group_client"
        )
    return house


@each_look
def test_every_page_of_the_book_is_readable(
    served: World, chromium: Browser, address: str, locale: str, theme: str
) -> None:
    """No serious finding of axe, and a picture of each to look at."""
    with opened(chromium, address, locale=locale, theme=theme) as page:
        look_at_each(page, PAGES, f"{locale}-{theme}")


def test_every_page_of_the_book_fits_a_phone(
    served: World, chromium: Browser, address: str
) -> None:
    """Nothing makes the page itself scroll sideways, also with the forms open."""
    with opened(chromium, address, locale="zh-CN", size=PHONE) as page:
        fit_a_phone(page, PAGES)
        page.goto(f"/group-clients/{POWER}")
        for summary in page.locator("main details > summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_a_whole_book_is_handed_over(served: World, chromium: Browser, address: str) -> None:
    """From the menu to somebody's book, and from there to who serves it all from now on."""
    with opened(chromium, address) as page:
        page.keyboard.press("g")
        page.keyboard.press("m")
        page.wait_for_url("**/book")
        page.select_option("select[name=person]", "mei")
        page.wait_for_url("**person=mei**")
        page.click("#hand-over summary")
        page.select_option("#hand-over select[name=receiving]", "nan")
        page.click("#hand-over button")
        page.wait_for_url("**person=nan**")
        expect(page.locator("#usage")).to_contain_text("分公司")
        page.goto(f"/group-clients/{POWER}")
        expect(page.locator("#serving tr", has_text="nan")).to_contain_text("serves")


def test_a_client_is_moved_to_another_region_and_below_another_client(
    served: World, chromium: Browser, address: str
) -> None:
    """Only once it was confirmed; both histories tell what was before."""
    with opened(chromium, address) as page:
        page.goto(f"/group-clients/{POWER}")
        page.click("summary >> text=Let another region supervise it")
        page.select_option("#to-region", str(ZHEJIANG))
        page.once("dialog", lambda dialog: dialog.dismiss())
        page.click("form[action$='/supervision'] button")
        expect(page.locator("#supervision tbody tr")).to_have_count(1)
        page.on("dialog", lambda dialog: dialog.accept())
        page.click("form[action$='/supervision'] button")
        page.wait_for_url("**#standpoint")
        rows = page.locator("#supervision tbody tr")
        expect(rows).to_have_count(2)
        expect(rows.nth(0)).to_contain_text("Zhejiang")
        expect(rows.nth(1)).to_contain_text("Suzhou")
        page.click("summary >> text=Put it below another client")
        page.fill("#to-parent", "co-1")
        page.click("form[action$='/parent'] button")
        expect(page.locator("#parents a[href='/group-clients/co-1']")).to_be_visible()
        expect(page.locator("#parents tbody tr")).to_have_count(2)
