"""Signing in at a real identity provider, as people do it: there, back, and out again."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from deploy.embedded import check_packages
from deploy.embedded.ports import free_port
from tests.api.world import POWER, SUZHOU, World
from tests.browser.conftest import CHECKOUT, REFUSED, opened, serving
from tests.browser.looking import look

ELSEWHERE = re.compile(r"https?://(?!127\.0\.0\.1)")  # the fonts of the provider's pages
PEOPLE = {
    "mei-1": {"preferred_username": "mei", "groups": ["everybody", "suzhou-operations"]},
    "bo-1": {"preferred_username": "bo", "groups": ["everybody"]},
}
RULES = [
    {"group": "suzhou-operations", "role": "operator", "region": SUZHOU},
    {"group": "power", "role": "client_viewer", "group_client": POWER},
]


@contextmanager
def provider(console: str) -> Iterator[str]:
    """The provider of the npm package `oidc-provider`, which knows PEOPLE; its issuer."""
    packages = check_packages.ensure(CHECKOUT)
    port = free_port()
    script = str(CHECKOUT / "tests/node/provider.mjs")
    command = [*packages.node, script, str(packages.modules), str(port), console]
    with subprocess.Popen(
        [*command, json.dumps(PEOPLE)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"listening\n"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture
def console(house: World, tmp_path: Path) -> Iterator[str]:
    """The console of the small world, with sign-on at that provider."""
    listen = f"127.0.0.1:{free_port()}"
    mapping = tmp_path / "groups.json"
    mapping.write_text(json.dumps(RULES), "utf-8")
    with (
        provider(f"http://{listen}") as issuer,
        serving(
            house,
            listen=listen,
            PUBLIC_URL=f"http://{listen}",
            SECOND_FACTOR="off",
            OIDC_ISSUER=issuer,
            OIDC_CLIENT_ID="muster",
            OIDC_CLIENT_SECRET="only for the tests of one run",
            OIDC_MAPPING=str(mapping),
            OIDC_NAME="Example Group",
        ) as address,
    ):
        yield address


def sign_on(page: Page, account: str, button: str = "Sign in with Example Group") -> None:
    """From our button through the provider's two forms."""
    page.route(ELSEWHERE, lambda route: route.fulfill(body=""))
    page.get_by_role("link", name=button).click()
    page.fill("input[name=login]", account)
    page.fill("input[name=password]", "any")
    page.click("button[type=submit]")
    page.wait_for_selector("text=Authorize")
    page.click("button[type=submit]")


def test_somebody_signs_in_at_the_provider_and_out_again(chromium: Browser, console: str) -> None:
    """The page that was wanted opens, with the part that the group gives; the administrator sees
    where they come from; signing out ends it here and leads on to the provider and back."""
    with opened(chromium, console, user=None) as page:
        page.goto("/terminals?state=in_service")
        assert page.url.startswith(f"{console}/signin?return_to=")
        look(page, "signin-provider")
        sign_on(page, "mei-1")
        page.wait_for_url(f"{console}/terminals?state=in_service")
        assert page.get_by_text("METER-1").count()
        assert not page.get_by_text("BUS-1").count()
        page.goto("/account")
        assert page.get_by_role("heading", name="You are mei: Operator.").is_visible()
        assert not page.get_by_text("Change", exact=True).count()
        look(page, "account-provider")
        page.locator("details.menu summary:has(.user-name)").click()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/session/end?**")
        page.click("button[name=logout]")
        page.wait_for_url(f"{console}/signin")
        page.goto("/terminals")
        assert page.url.startswith(f"{console}/signin?return_to=")
    with opened(chromium, console) as page:
        page.goto("/users?q=mei")
        row = page.locator("tr", has_text="mei").last
        assert "at http://127.0.0.1:" in row.inner_text()
        look(page, "users-provider")


def test_who_is_in_no_group_that_counts_is_told_so(chromium: Browser, console: str) -> None:
    """In their own language, at the form, where a password still signs in."""
    forbidden = REFUSED.replace("422 (Unprocessable Entity)", "403 (Forbidden)")
    with opened(chromium, console, user=None, locale="zh-CN", refused=1, refusal=forbidden) as page:
        page.goto("/signin")
        sign_on(page, "bo-1", "用 Example Group 登录")
        page.wait_for_selector("text=您的组在 Muster 中都没有权限")
        assert page.locator("input[name=password]").is_visible()
