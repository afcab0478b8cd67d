"""Headless Chromium against the API process on the small world."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

from deploy.embedded import check_tools
from tests import processes
from tests.api.conftest import built_world, house  # noqa: F401 - fixtures of these tests, too
from tests.api.world import PASSWORD, World

CHECKOUT = Path(__file__).parents[2]
SCREENSHOTS = Path(__file__).parent / "screenshots"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# What a browser logs of a form that comes back with what is wrong.
REFUSED = (
    "Failed to load resource: the server responded with a status of 422 (Unprocessable Entity)"
)
DESKTOP, PHONE = (1280, 720), (390, 844)


@pytest.fixture
def chromium() -> Iterator[Browser]:
    """A browser of one test: Playwright's loop would stand in the way of other tests' loops."""
    program = os.environ.get("MUSTER_TEST_CHROMIUM") or check_tools.ensure().chromium
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def address(house: World) -> Iterator[str]:  # noqa: F811
    """Where the API process of this test serves the small world."""
    with serving(house, SECOND_FACTOR="off") as url:
        yield url


@contextmanager
def serving(
    house: World,  # noqa: F811
    listen: str | None = None,
    **chosen: str,
) -> Iterator[str]:
    """An API process on the small world with these `MUSTER_*` settings; its address."""
    known = {"DATABASE_URL": house.database.api, "SECRET_KEY": "n8XJ2f0o1VZbq7Lr5sKd9uWc3hTy6gMa"}
    with processes.serving(listen, **known | chosen) as url:
        yield url


@contextmanager
def opened(
    browser: Browser,
    address: str,
    *,
    user: str | None = "ada",
    locale: str = "en-US",
    theme: str = "light",
    size: tuple[int, int] = DESKTOP,
    refused: int = 0,
    refusal: str = REFUSED,
) -> Iterator[Page]:
    """A page of a fresh browser profile, signed in; any fault that it logs fails the test.

    But for the forms that are to be refused, as many as are, which the browser logs so.
    """
    context = browser.new_context(
        base_url=address,
        viewport={"width": size[0], "height": size[1]},
        locale=locale,
        color_scheme="dark" if theme == "dark" else "light",
        timezone_id="Asia/Shanghai",
    )
    page = context.new_page()
    faults: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            faults.append(message.text)

    def fell(error: Error) -> None:
        faults.append(str(error))

    page.on("console", note)
    page.on("pageerror", fell)
    try:
        if user is not None:
            sign_in(page, user)
        yield page
        assert faults == [refusal] * refused
    finally:
        context.close()


def sign_in(page: Page, user: str) -> None:
    """Through the form, as people do."""
    page.goto("/signin")
    page.fill("input[name=name]", user)
    page.fill("input[name=password]", PASSWORD)
    page.click("form[action='/signin'] button")
    page.wait_for_url("**/")
