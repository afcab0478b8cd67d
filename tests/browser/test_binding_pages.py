"""The pages of bindings as people meet them: readable in both languages and themes, on a phone."""

import psycopg
import pytest
from playwright.sync_api import Browser, expect

from tests.api.world import SUZHOU, World
from tests.browser.conftest import PHONE, opened
from tests.browser.looking import each_look, fit_a_phone, look_at_each

CARD, IMEI, OTHER = "89860425102099341174", "490154203237518", "356938035643809"
PAGES = {
    "bindings": "/bindings",
    "binding-coverage": "/bindings/coverage",
    "binding": f"/bindings/{CARD}",
    "binding-requests": "/bindings/requests",
    "bound-terminal": "/terminals/METER-1",
    "bound-sim": f"/sims/{CARD}",
}


@pytest.fixture
def bound(house: World) -> World:
    """METER-1's SIM in other hardware, and forty more, each with a rule; some are asked for."""
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute(
            "insert into registry.sim (iccid, state, region_code)"
            " select '8986042510209935' || lpad(n::text, 4, '0'), 'active', %s"
            " from generate_series(1, 40) n",
            (SUZHOU,),
        )
        conn.execute(
            "insert into registry.binding (sim_id, mode, set_by, valid_from, valid_to, reason)"
            " select id, 'first_seen', 'system:import', now() - interval '9 d',"
            " now() - interval '2 d', 'order SO-7' from registry.sim"
        )
        conn.execute(
            "insert into registry.binding (sim_id, mode, imeis, action, set_by, valid_from,"
            " version) select id, case id %% 3 when 0 then 'first_seen' when 1 then 'exact'"
            " else 'imei_list' end, case id %% 3 when 0 then '{}'::text[] when 1 then array[%s]"
            " else array[%s, %s] end, case when id %% 2 = 0 then 'event' else 'isolate' end,"
            " 'user:ada', now() - interval '2 d', 2 from registry.sim",
            (IMEI, IMEI, OTHER),
        )
        conn.execute(  # rules are judged as they are set, and as terminals speak
            "update registry.binding b set verdict = v.verdict,"
            " heard_at = now() - interval '5 min',"
            " violation = case when v.verdict = 'violated' then (array['separation',"
            " 'sim_changed', 'rival_sim'])[1 + v.id %% 3] end, heard_imei = %s,"
            " heard_iccid = v.iccid, verdict_since = now() - interval '3 h'"
            " from (select id, iccid, case when iccid = %s or id %% 8 = 0 then 'violated'"
            " when id %% 5 = 0 then 'unproven' else 'ok' end as verdict from registry.sim) v"
            " where v.id = b.sim_id and b.valid_to is null",
            (OTHER, CARD),
        )
        conn.execute(
            "insert into registry.binding_request (sim_id, imei, reason, requested_by, expires_at)"
            " select id, %s, 'The modem was replaced on site.',"
            " case when iccid <> %s and id %% 2 = 0 then 'user:ada' else 'user:jin' end,"
            " now() + interval '5 d'"
            " from registry.sim where id %% 7 = 1 or iccid = %s",
            (OTHER, CARD, CARD),
        )
    return house


@each_look
def test_every_page_of_bindings_is_readable(
    bound: World, chromium: Browser, address: str, locale: str, theme: str
) -> None:
    """No serious finding of axe, and a picture of each to look at."""
    with opened(chromium, address, locale=locale, theme=theme) as page:
        look_at_each(page, PAGES, f"{locale}-{theme}")


def test_every_page_of_bindings_fits_a_phone(bound: World, chromium: Browser, address: str) -> None:
    """Nothing makes the page itself scroll sideways."""
    with opened(chromium, address, locale="zh-CN", size=PHONE) as page:
        fit_a_phone(page, PAGES)


def test_a_violation_is_followed_to_its_end(bound: World, chromium: Browser, address: str) -> None:
    """From the menu to the violated, to the SIM of one, to its terminal, and to the decision."""
    with opened(chromium, address) as page:
        page.keyboard.press("g")
        page.keyboard.press("b")
        page.wait_for_url("**/bindings")
        expect(page.locator("#coverage")).to_contain_text("Coverage 100%")
        page.select_option("select[name=verdict]", "violated")
        page.wait_for_url("**verdict=violated**")
        page.click(f"table >> text={CARD}")
        page.click("text=METER-1")
        expect(page.locator("#binding .pill")).to_have_text("violated")
        page.click("#binding .v a")
        page.click("#waiting >> text=Approve")
        page.wait_for_url("**/bindings/requests")
        expect(page.locator(f"table >> text={CARD}")).to_have_count(0)
