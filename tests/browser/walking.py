"""Walking a user's main path: each page in another size, and then in the other language."""

import os
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.looking import look

WALL = (1920, 1080)
SIZES = (DESKTOP, PHONE, WALL)

# Pages that the guides show, by path and number; written to MUSTER_TEST_IMAGES where it is set.
_SHOWN = {
    "monitor-2": "why-silent",
    "engineer-1": "platform",
    "alerting-1": "prometheus",
    "profile-tried-1": "profile-editor",
}


class Walk:
    """The pages of a path, in their order, by the path's name."""

    def __init__(self, name: str, page: Page, language: str) -> None:
        self._name = name
        self._page = page
        self._language = language
        self.seen: list[str] = []

    def look(self) -> None:
        """Look at the page that the path has come to, and go on at its usual size."""
        self.seen.append(self._page.url)
        self._look_at(self._page, self._language, len(self.seen), 0)

    def again(self, page: Page, language: str) -> None:
        """Look at the same pages in another language, each in the next size."""
        for number, url in enumerate(self.seen, 1):
            page.goto(url)
            self._look_at(page, language, number, 1)

    def _look_at(self, page: Page, language: str, number: int, shift: int) -> None:
        size = SIZES[(number + shift) % len(SIZES)]
        _resize(page, size)
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator(".empty", has_text="…")).to_have_count(0)
        look(page, f"path-{self._name}-{number}-{language}-{size[0]}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], page.url
        _resize(page, DESKTOP)
        images = os.environ.get("MUSTER_TEST_IMAGES")
        shown = _SHOWN.get(f"{self._name}-{number}")
        if images and shown and language == "en-US":
            page.emulate_media(color_scheme="light")
            page.screenshot(path=Path(images) / f"{shown}.jpg", type="jpeg", quality=70)


def _resize(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
