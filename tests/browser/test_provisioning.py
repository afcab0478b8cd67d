"""From a file to terminals in service, as the operator's guide has it: on the whole platform."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.embedded import runtime
from deploy.terminal import Terminal
from tests.browser.looking import look
from tests.conftest import reachable_directory
from tests.system.commands import Muster

ROWS, WRONG = 60, 3
_FIRST = "FILE-00001"
_SLOW = 60_000  # milliseconds; a bound on a busy machine


@pytest.fixture
def platform() -> Iterator[Muster]:
    """The whole platform with a small fleet, running."""
    runtime.ensure()
    with reachable_directory() as directory:
        muster = Muster(directory / "home")
        try:
            up = muster.run("up", "--detach", "--fleet", "12")
            assert up.returncode == 0, up.stderr
            yield muster
        finally:
            muster.clean_up()


def fleet_file(path: Path) -> Path:
    """Meters with their SIMs, to be in service; three of them of a profile that is none."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["code", "profile", "region", "state", "iccid"])
        for n in range(1, ROWS + 1):
            profile = "kettle" if n > ROWS - WRONG else "smart_meter"
            writer.writerow([f"FILE-{n:05d}", profile, "320500", "in_service", f"898604{n:014d}"])
    return path


def sign_in(page: Page, found: dict[str, Any]) -> None:
    """As the platform's first operator."""
    operator = next(user for user in found["users"] if user["role"] == "operator")
    page.goto("/signin")
    page.fill("input[name=name]", operator["name"])
    page.fill("input[name=password]", operator["password"])
    page.click("form[action='/signin'] button")
    page.wait_for_url("**/")


def test_from_a_file_to_terminals_in_service(
    platform: Muster, chromium: Browser, tmp_path: Path
) -> None:
    """Checked, applied, told its passwords, heard; and undone but for the one that spoke."""
    status = platform.status()
    found = json.loads(Path(status["credentials"]).read_text("utf-8"))
    page = chromium.new_context(base_url=status["api"], locale="en-US").new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    sign_in(page, found)

    page.goto("/imports/new")
    page.set_input_files("input[name=file]", fleet_file(tmp_path / "fleet.csv"))
    page.fill("input[name=order_ref]", "SO-2026-7")
    page.click("text=Check it")
    right = page.get_by_role("button", name=f"Apply the {ROWS - WRONG} right rows")
    expect(right).to_be_visible(timeout=_SLOW)
    expect(page.locator("h1")).to_contain_text(f"{WRONG} of {ROWS} rows will fail")
    look(page, "provisioning-checked")

    right.click()
    fetch = page.get_by_role("button", name="Fetch the passwords")
    expect(fetch).to_be_visible(timeout=_SLOW)
    look(page, "provisioning-applied")
    with page.expect_download() as download:
        fetch.click()
    handed = list(csv.reader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    passwords = {row[0]: row[1] for row in handed[1:]}
    assert len(passwords) == ROWS - WRONG

    broker = status["broker"]
    with Terminal(broker["host"], broker["port"], _FIRST, passwords[_FIRST]) as terminal:
        terminal.send({"voltage_a": 231.2})
        page.goto("/terminals?order=SO-2026-7")
        heard = page.locator("tr", has_text=_FIRST)
        expect(heard).to_contain_text("reporting", timeout=_SLOW)
    expect(page.locator("#count")).to_contain_text(f"{ROWS - WRONG} terminals")
    look(page, "provisioning-heard")

    page.goto("/imports")
    page.click("text=fleet.csv")
    page.get_by_role("button", name="Undo").click()
    kept = page.get_by_role("link", name="could not be taken back")
    expect(kept).to_be_visible(timeout=_SLOW)
    page.goto("/terminals?order=SO-2026-7")
    expect(page.locator("#count")).to_contain_text("1 terminal")
    expect(page.locator("tbody")).to_contain_text(_FIRST)
    look(page, "provisioning-undone")
