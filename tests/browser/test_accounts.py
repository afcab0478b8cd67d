"""Users, keys and the own account, in a browser: whoever signs in is helped to the end."""

import asyncio
import base64
import re
import time

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.sync_api import Browser, Page, expect

from foundation.database import open_pool, transaction
from registry import api_keys, terminals, users
from registry.model import TerminalState
from registry.scope import Role
from tests.api.world import JIANGSU, PASSWORD, POWER, SYSTEM, World
from tests.browser.conftest import PHONE, opened, serving
from tests.browser.looking import each_look, fit_a_phone, look, look_at_each

PAGES = {
    "users": "/users",
    "user": "/users/pei",
    "user-own": "/users/ada",
    "user-new": "/users/new",
    "api-keys": "/api-keys",
    "api-key-new": "/api-keys/new",
    "account": "/account",
    "own-password": "/account/password",
    "second-factor": "/account/second-factor",
    "audit": "/audit",
    "audit-of": "/audit?key=METER-1",
}


@pytest.fixture
def peopled(house: World) -> World:
    """The small world with a client's administrator, one just appointed, and one let go."""

    async def people() -> None:
        async with (
            await open_pool(house.database.owner, name="people", max_size=1) as pool,
            transaction(pool, SYSTEM.settings()) as conn,
        ):
            await users.appoint(
                conn, SYSTEM, name="tom", password=PASSWORD, role=Role.CLIENT_ADMIN,
                group_clients=[POWER],
            )  # fmt: skip
            await users.appoint(
                conn, SYSTEM, name="new.hand@example.cn", password=PASSWORD, role=Role.OPERATOR,
                region=JIANGSU, must_change=True,
            )  # fmt: skip
            await users.change(conn, SYSTEM, "sam", disabled=True)
            await terminals.move_to(conn, SYSTEM, "METER-1", TerminalState.MAINTENANCE)
            await api_keys.issue(
                conn, SYSTEM, name="billing", role=Role.CLIENT_VIEWER, group_clients=[POWER]
            )

    asyncio.run(people())
    return house


@each_look
def test_every_page_is_readable(
    peopled: World, chromium: Browser, address: str, locale: str, theme: str
) -> None:
    """No serious finding of axe on any page, and a picture of each to look at."""
    with opened(chromium, address, locale=locale, theme=theme) as page:
        look_at_each(page, PAGES, f"{locale}-{theme}")
        page.goto("/account/second-factor")
        page.click("main form button")
        look(page, f"second-factor-code-{locale}-{theme}")
        page.goto("/audit?actor=system:tests&key=sam")
        page.click("table[data-list] a >> nth=0")
        look(page, f"audit-entry-{locale}-{theme}")
    with opened(chromium, address, user="tom", locale=locale, theme=theme) as page:
        page.goto("/users")
        look(page, f"users-client-{locale}-{theme}")


def test_every_page_fits_a_phone(peopled: World, chromium: Browser, address: str) -> None:
    """Nothing makes the page itself scroll sideways."""
    with opened(chromium, address, locale="zh-CN", size=PHONE) as page:
        fit_a_phone(page, PAGES)


def test_a_second_factor_is_set_up_and_asked_for(house: World, chromium: Browser) -> None:
    """In production: scan, type a code, keep the recovery codes; the next sign-in asks for one."""
    with serving(house) as url, opened(chromium, url, user=None) as page:
        fill_sign_in(page)
        expect(page.locator("h1")).to_have_text("Set up a second factor")
        look(page, "second-factor-needed")
        page.click("text=Begin")
        expect(page.locator("svg.qr")).to_be_visible()
        secret = page.inner_text("#secret")
        page.fill("input[name=code]", code_of(secret))
        page.click("text=Put it in force")
        expect(page.locator("#codes li")).to_have_count(10)
        look(page, "recovery-codes")
        recovery = page.locator("#codes code").first.inner_text()
        page.click("text=I have kept them")
        expect(page.locator("nav >> text=Users")).to_be_visible()
        page.click("summary:has-text('ada')")
        page.click("text=Sign out")
        fill_sign_in(page)
        expect(page.locator("h1")).to_have_text("Type the code of your second factor")
        look(page, "signin-code")
        page.fill("input[name=code]", recovery.upper().replace("-", " "))
        page.keyboard.press("Enter")
        expect(page.locator("nav >> text=Users")).to_be_visible()


def test_a_form_asks_for_what_the_role_needs(
    peopled: World, chromium: Browser, address: str
) -> None:
    """Region or clients show with the role that has a use for them, without any script."""
    with opened(chromium, address) as page:
        page.keyboard.press("g")
        page.keyboard.press("u")
        page.wait_for_url("**/users")
        page.click("text=Appoint a user")
        for role, region, clients in (
            ("admin", False, False), ("operator", True, False), ("agent", False, True),
            ("client_viewer", False, True), ("scraper", True, True),
        ):  # fmt: skip
            page.select_option("#role", role)
            assert page.is_visible("#region") == region, role
            assert page.is_visible("#clients") == clients, role
        page.select_option("#role", "client_viewer")
        page.fill("#name", "wu")
        page.fill("#clients", POWER)
        page.keyboard.press("Enter")
        expect(page.locator("[data-password]")).to_have_text(re.compile(r"^\S{20}$"))
        look(page, "one-time-password")
        page.click("text=Open the user")
        page.once("dialog", lambda dialog: dialog.accept())
        page.click("text=Disable")
        expect(page.locator("main")).to_contain_text("Disabled: they cannot sign in.")


def test_a_key_is_issued_and_copied(peopled: World, chromium: Browser, address: str) -> None:
    """The secret goes to the clipboard by one press, and is nowhere else afterwards."""
    with opened(chromium, address, user="tom") as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.click("nav >> text=API keys")
        page.click("text=Issue a key")
        assert page.input_value("#clients") == POWER
        page.fill("#name", "meter reading")
        page.click("button:has-text('Issue')")
        secret = page.inner_text("[data-secret]")
        page.click("text=Copy")
        expect(page.locator("[data-copy]")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == secret
        look(page, "api-key-secret")
        page.click("text=Open the key")
        expect(page.locator("main")).to_contain_text("In force, and not used yet.")
        look(page, "api-key")
        assert secret not in page.content()


def fill_sign_in(page: Page) -> None:
    """Type name and password, wherever that leads."""
    page.goto("/signin")
    page.fill("input[name=name]", "ada")
    page.fill("input[name=password]", PASSWORD)
    page.click("form[action='/signin'] button")


def code_of(secret: str) -> str:
    """What an app shows now."""
    totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
    return totp.generate(int(time.time())).decode()
