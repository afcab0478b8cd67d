"""Looking at pages: a picture of each, what axe finds, and whether a phone shows all of it."""

from collections.abc import Mapping

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, SCREENSHOTS

# What reads as programs write it: times are told in the reader's zone, by a <time>.
RAW_TIMES = r"""() => {
  const raw = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const part = walker.currentNode.parentElement;
    const isAside = part.closest("script, pre, code, textarea, option");
    if (!isAside && raw.test(walker.currentNode.data)) found.push(walker.currentNode.data);
  }
  for (const part of document.querySelectorAll("[title]")) {
    if (raw.test(part.title)) found.push(part.title);
  }
  return found;
}"""
# Both languages and both themes; what is wrong in one of each is wrong beside either of the other.
each_look = pytest.mark.parametrize(("locale", "theme"), [("en-US", "light"), ("zh-CN", "dark")])


def look(page: Page, name: str) -> None:
    """Take a picture, and ask axe for what people with a screen reader would stumble over; and
    that nobody has to read a time in the spelling of programs.
    """
    page.wait_for_load_state("load")
    assert page.evaluate(RAW_TIMES) == [], name
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
    findings = Axe().run(page)
    grave = [
        (finding["id"], [node["html"][:120] for node in finding["nodes"]])
        for finding in findings.response["violations"]
        if finding["impact"] in ("serious", "critical")
    ]
    assert grave == [], (name, grave)


def look_at_each(page: Page, pages: Mapping[str, str], look_and_language: str) -> None:
    """Take a picture of each page and ask axe of it; `pages` are addresses by name."""
    for name, path in pages.items():
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        look(page, f"{name}-{look_and_language}")


def fit_a_phone(page: Page, pages: Mapping[str, str]) -> None:
    """Expect that no page itself scrolls sideways on a phone, which `page` is of the size of."""
    for name, path in pages.items():
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        page.screenshot(path=SCREENSHOTS / f"{name}-phone.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], path
