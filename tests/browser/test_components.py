"""The component sheet: what every page is made of, checked once on the same macros."""

from typing import Literal

from playwright.sync_api import Browser, expect

from tests.api.world import World
from tests.browser.conftest import DESKTOP, PHONE, opened, serving
from tests.browser.looking import look

TABLET = (820, 1180)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

# What a browser made of the components, and what the tokens allow it to make.
OFF_THE_TOKENS = """() => {
  const root = document.documentElement;
  const probe = document.body.appendChild(document.createElement("i"));
  const colour = (value) => {
    probe.style.setProperty("color", value);
    return getComputedStyle(probe).color;
  };
  const names = [...document.querySelectorAll("[data-token]")].map((e) => e.dataset.token);
  const colours = new Set(names.map((name) => colour(`var(--${name})`)).concat("rgba(0, 0, 0, 0)"));
  const styles = getComputedStyle(root);
  const size = (n) => styles.getPropertyValue(`--t${n}`).trim();
  const sizes = new Set([0, 1, 2, 3, 4, 5, 6, 7].map(size));
  const found = new Set();
  for (const element of document.querySelectorAll("main *:not(option, svg, svg *)")) {
    const style = getComputedStyle(element);
    const told = `${element.localName}.${element.className}`;
    for (const name of ["color", "backgroundColor"]) {
      if (!colours.has(style[name])) found.add(`${told} ${name} ${style[name]}`);
    }
    if (!sizes.has(style.fontSize)) found.add(`${told} fontSize ${style.fontSize}`);
    for (const name of ["rowGap", "columnGap", "marginTop", "paddingTop", "paddingLeft"]) {
      const length = parseFloat(style[name]);
      if (length > 0 && length % 2) found.add(`${told} ${name} ${style[name]}`);
    }
  }
  probe.remove();
  return [...found];
}"""


def test_components_are_made_of_the_tokens(house: World, chromium: Browser) -> None:
    """In both themes at three sizes: no finding of axe, no colour, size of type or distance of
    their own, nothing wider than the screen; comfortable rows are half as high again, and stay so
    without a flash; on paper there is no way around, and it is ink on white.
    """
    with (
        serving(house, SECOND_FACTOR="off", COMPONENT_SHEET="true") as address,
        opened(chromium, address) as page,
    ):
        page.goto("/components")
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            for name, (width, height) in {"": DESKTOP, "-tablet": TABLET, "-phone": PHONE}.items():
                page.set_viewport_size({"width": width, "height": height})
                look(page, f"components-{theme}{name}")
                assert page.evaluate(OFF_THE_TOKENS) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        row = page.locator("table.dense tbody tr").first
        compact = row.bounding_box()
        page.click("header .menu summary")
        page.click("button[name=density]")
        expect(page.locator("html")).to_have_attribute("data-density", "comfortable")
        comfortable = row.bounding_box()
        assert compact is not None
        assert comfortable is not None
        assert comfortable["height"] >= 1.4 * compact["height"]
        assert 'data-density="comfortable"' in page.request.get("/terminals").text()
        page.emulate_media(media="print")
        for around in (".top", ".side", ".filters", ".pager .end", ".btn"):
            expect(page.locator(around).first).to_be_hidden()
        expect(page.locator(".printed")).to_contain_text("ada")
        expect(page.locator("table.dense")).to_be_visible()
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == "rgb(255, 255, 255)"
