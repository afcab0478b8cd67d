"""Alarms and rules as people meet them: looked after, written, tried on what was, turned on."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from playwright.sync_api import Browser, expect

from tests.api.test_alarm_pages import appointed, raised
from tests.api.world import World, minutes_ago
from tests.browser.conftest import PHONE, opened
from tests.browser.looking import each_look, fit_a_phone, look_at_each

PAGES = {
    "alarms": "/alarms",
    "alarm": "/alarms/1",
    "rules": "/rules",
    "rule-new": "/rules/new?profile=smart_meter",
    "rule-tried": "/rules/1/trial?days=1",
    "rule-silence": "/rules/new?profile=-",
    "windows": "/maintenance-windows",
    "window": "/maintenance-windows/1",
    "window-new": "/maintenance-windows/new?terminal=METER-1",
    "storms": "/storm-thresholds",
    "storm": "/storm-thresholds/city",
    "notification-new": "/notifications/new",
    "own-notifications": "/account/notifications",
    "overview-alarms": "/",
    "terminal-alarms": "/terminals/METER-1",
}
_IS_WHOLE = """[...document.querySelectorAll('.scroll')]
    .every(list => list.scrollWidth <= list.clientWidth)"""
_RULE = """insert into telemetry.rule (name, region_code, profile_id, severity, criterion, enabled)
    select name, 320000, p.id, severity, criterion::jsonb, n < 3 from registry.profile p,
    (values (1, '电压过高', 'critical',
         '{"kind": "threshold", "metric": "voltage_a", "above": 250, "clear": 245}'),
        (2, '电流越限', 'minor',
         '{"kind": "band", "metric": "current_a", "low": 1, "high": 40, "margin": 1}'),
        (3, 'Voltage stands still', 'warning', '{"kind": "stuck", "metric": "voltage_a"}'))
    r(n, name, severity, criterion)
    where p.code = 'smart_meter' order by n"""


def measure(house: World) -> None:
    """An hour of a meter that is too high twice."""
    for minute in range(60, 0, -3):
        volts = 256.5 if 20 < minute < 30 or minute < 8 else 231.0
        house.measured("METER-1", "smart_meter", minutes_ago(minute), voltage_a=volts)


@pytest.fixture
def alarmed(house: World) -> World:
    """Rules, alarms in every state, and somebody silent."""
    with ThreadPoolExecutor(1) as threads:  # this one has Playwright's loop
        threads.submit(asyncio.run, appointed(house)).result()
    measure(house)
    house.measured("METER-2", "smart_meter", minutes_ago(700), voltage_a=231.0)
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute(_RULE)
    raised(house, *[("电压过高", "critical", "METER-1"), ("电流越限", "minor", "METER-2")] * 9)
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute("update telemetry.alarm set rule_id = case severity when 'minor' then 2"
                     " else 1 end where id < 3")  # fmt: skip
        conn.execute("update telemetry.alarm set acknowledged_at = now(), acknowledged_by ="
                     " 'user:lin', assignee = case when id = 8 then 'lin' end"
                     " where id in (1, 8)")  # fmt: skip
        conn.execute("insert into telemetry.alarm_note values (1, 1, now(), 'user:lin',"
                     " 'acknowledged', '变压器正在检修。')")  # fmt: skip
        conn.execute("insert into telemetry.maintenance_window (why, region_code, begins_at,"
                     " ends_at, made_by) values ('更换北部变压器', 320000,"
                     " now() + '1 hour', now() + '2 hours', 'user:ada')")  # fmt: skip
        conn.execute("update telemetry.alarm set cleared_at = now(), cleared_because = 'reading'"
                     " where id = 7")  # fmt: skip
    return house


@each_look
def test_every_page_of_alarms_is_readable(
    alarmed: World, chromium: Browser, address: str, locale: str, theme: str
) -> None:
    """No serious finding of axe, a picture of each in light and dark; lists show all columns."""
    with opened(chromium, address, locale=locale, theme=theme) as page:
        look_at_each(page, PAGES, f"{locale}-{theme}")
        for name in ("alarms", "rules", "windows", "storms"):
            page.goto(PAGES[name])
            assert page.evaluate(_IS_WHOLE), name


def test_every_page_of_alarms_fits_a_phone(alarmed: World, chromium: Browser, address: str) -> None:
    """Nothing makes the page itself scroll sideways."""
    with opened(chromium, address, locale="zh-CN", size=PHONE) as page:
        fit_a_phone(page, PAGES)


def test_a_client_takes_note_of_alarms_and_ends_one(
    alarmed: World, chromium: Browser, address: str
) -> None:
    """Chosen by mouse and by key; what is chosen stays so while the list is asked for again."""
    with opened(chromium, address, user="lin") as page:
        page.keyboard.press("g")
        page.keyboard.press("w")
        page.wait_for_url("**/alarms")
        expect(page.locator("h1")).to_have_text("17 alarms are open.")
        expect(page.get_by_role("button", name="Acknowledge")).to_be_disabled()
        with page.expect_response(lambda answer: answer.url.endswith("/alarms")):
            page.locator("input[name=alarm]").first.check()
        page.wait_for_timeout(500)  # for the answer to be in its place
        expect(page.locator("input[name=alarm]").first).to_be_checked()
        expect(page.locator("[data-chosen]")).to_have_text("1 chosen")
        page.keyboard.press("j")
        at = page.evaluate("document.activeElement.getAttribute('href')")
        raised(alarmed, ("电压过高", "critical", "METER-1"))  # above the row where one is
        expect(page.locator("h1")).to_have_text("18 alarms are open.", timeout=20_000)
        assert page.evaluate("document.activeElement.getAttribute('href')") == at
        expect(page.locator("[data-chosen]")).to_have_text("1 chosen")
        page.keyboard.press("a")
        page.wait_for_load_state("load")
        page.select_option("select[name=state]", "acknowledged")
        page.wait_for_url("**/alarms?state=acknowledged")
        expect(page.locator("tbody tr")).to_have_count(4)

        page.locator("tbody tr a").first.click()
        page.get_by_role("button", name="I look after it").click()
        expect(page.locator("#notes")).to_contain_text("said who looks after it")
        page.get_by_text("More", exact=True).click()
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="It is over").click()
        expect(page.locator("#pills")).to_contain_text("over")
        expect(page.locator("#notes")).to_contain_text("said that it is over")
        expect(page.get_by_role("button", name="It is over")).to_have_count(0)


def test_a_rule_is_written_tried_on_what_was_and_turned_on(
    house: World, chromium: Browser, address: str
) -> None:
    """By hand from the empty list: it would have raised two alarms, at these times."""
    measure(house)
    with opened(chromium, address, refused=1) as page:
        page.goto("/rules")
        page.get_by_role("link", name="New rule").first.click()
        page.select_option("#profile", "smart_meter")
        page.wait_for_url("**profile=smart_meter")
        page.fill("#name", "Voltage too high")
        page.select_option("#kind", "absent")
        expect(page.locator("#metric")).to_be_hidden()
        page.fill("#missing", "0.5")
        page.get_by_role("button", name="Make the rule").click()
        expect(page.locator("#missing")).to_be_focused()
        expect(page.locator("#why")).to_contain_text("Such terminals report every")
        page.select_option("#kind", "band")
        expect(page.locator("#limit")).to_be_hidden()
        page.select_option("#kind", "threshold")
        page.select_option("#metric", "voltage_a")
        page.fill("#limit", "250")
        page.fill("#clear", "245")
        page.get_by_role("button", name="Make the rule").click()
        expect(page.locator(".note")).to_contain_text("until it is 245 V or less")
        page.get_by_role("button", name="Test it").click()
        expect(page.locator(".verdict")).to_have_text(
            "It would have raised 2 alarms. 1 would still be open."
        )
        expect(page.locator("#trial tbody tr")).to_have_count(2)
        page.get_by_role("button", name="Turn on").click()
        expect(page.locator("h1 + .pill + .pill")).to_have_text("on")
        expect(page.locator("#history")).to_contain_text("turned on")
