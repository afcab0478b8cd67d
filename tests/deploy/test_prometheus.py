"""What is shipped for Prometheus and Alertmanager loads unchanged, and every alert can fire."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.embedded import check_tools
from deploy.embedded.check_tools import CheckTools

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "deploy" / "prometheus"
RULES = sorted((SHIPPED / "rules").glob("*.yml"))
PROOFS = sorted((SHIPPED / "tests").glob("*.yml"))


@pytest.fixture(scope="module")
def tools() -> CheckTools:
    """promtool and amtool, as Debian has them."""
    return check_tools.ensure()


def said(*command: str | Path, fails: bool = False) -> str:
    """What a tool says to what it accepts, or refuses."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert bool(done.returncode) == fails, done.stdout + done.stderr
    return done.stderr if fails else done.stdout


def alerts() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every alert that is shipped, with its file."""
    for file in RULES:
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    yield file, rule


def test_the_configurations_load(tools: CheckTools, tmp_path: Path) -> None:
    """promtool takes Prometheus' with all its rules (and keys that are there), amtool the other."""
    copy = shutil.copytree(SHIPPED, tmp_path / "prometheus")
    (copy / "secrets").mkdir()
    (copy / "secrets" / "scraper").write_text("mk_")

    told = said(tools.promtool, "check", "config", copy / "prometheus.yml")
    assert f"SUCCESS: {len(RULES)} rule files found" in told
    assert all(f"{file.name}\n  SUCCESS" in told for file in RULES)
    of_compose = SHIPPED.parent / "compose" / "prometheus.yml"
    assert "SUCCESS" in said(tools.promtool, "check", "config", "--syntax-only", of_compose)
    assert "SUCCESS" in said(tools.amtool, "check-config", SHIPPED / "alertmanager.yml")


@pytest.mark.parametrize("proof", PROOFS, ids=lambda path: path.stem)
def test_alerts_fire_in_their_time_and_are_over(tools: CheckTools, proof: Path) -> None:
    """The unit tests of the rules pass."""
    assert "SUCCESS" in said(tools.promtool, "test", "rules", proof)


def test_every_alert_has_a_proof_that_makes_it_fire() -> None:
    """One that fires at some time, and does not at another."""
    proven = {}
    for proof in PROOFS:
        for test in yaml.safe_load(proof.read_text("utf-8"))["tests"]:
            [asked] = {expected["expr"] for expected in test["promql_expr_test"]}
            assert f'alertname="{test["name"]}"' in asked
            proven[test["name"]] = [
                sample["value"] for e in test["promql_expr_test"] for sample in e["exp_samples"]
            ]

    assert proven.keys() == {rule["alert"] for _, rule in alerts()}
    assert all(found[0] == 0 and 1 in found and found[-1] == 0 for found in proven.values())


def test_a_rule_that_never_fires_fails_its_proof(tools: CheckTools, tmp_path: Path) -> None:
    """The proofs are held against the rules that are shipped, not against themselves."""
    copy = shutil.copytree(SHIPPED, tmp_path / "prometheus")
    rules = copy / "rules" / "clients.yml"
    text = rules.read_text("utf-8")
    assert "volts > 253" in text
    rules.write_text(text.replace("volts > 253", "volts > 353"), "utf-8")

    told = said(tools.promtool, "test", "rules", copy / "tests" / "clients.yml", fails=True)
    assert "FAILED" in told
    assert {name for _, name in re.findall(r'alertname=(\\?)"(\w+)', told)} == {
        "MusterMeterVoltageHigh"
    }


def test_every_alert_leads_to_a_runbook_that_is_there() -> None:
    """A heading of its own in a file of docs/runbooks, which no heading has without an alert."""
    told = {}
    for _, rule in alerts():
        path, _, heading = rule["annotations"]["runbook_url"].partition("#")
        assert (heading, rule["labels"].keys()) == (rule["alert"].lower(), {"severity", "team"})
        assert {"summary", "description"} <= rule["annotations"].keys()
        told[rule["alert"]] = path
    written = {
        heading: str(book.relative_to(ROOT))
        for book in (ROOT / "docs" / "runbooks").glob("*.md")
        for heading in re.findall(r"^## (\w+)$", book.read_text("utf-8"), re.MULTILINE)
    }

    assert written == told


def test_runbooks_say_what_their_rules_say() -> None:
    """Severity, patience and expression of each, word for word."""
    for _, rule in alerts():
        book = rule["annotations"]["runbook_url"].partition("#")[0]
        severity = rule["labels"]["severity"].capitalize()
        patience = f"after {rule['for']}" if "for" in rule else "at once"
        expected = f"## {rule['alert']}\n{severity}, {patience}: `{rule['expr']}`\n"
        assert expected in (ROOT / book).read_text("utf-8")


def test_links_of_runbooks_lead_somewhere() -> None:
    """To a file, and to a heading of it where they name one."""
    for book in (ROOT / "docs" / "runbooks").glob("*.md"):
        for path, heading in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", book.read_text("utf-8")):
            target = (book.parent / path) if path else book
            headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            known = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
            assert not heading or heading in known, f"{book.name}: {path}#{heading}"


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("team=platform severity=critical", "platform-on-call"),
        ("team=platform severity=warning", "platform"),
        ("team=supervision severity=critical", "supervision"),
        ("team=clients severity=info", "clients"),
        ("severity=critical", "platform"),
    ],
)
def test_alerts_go_to_whom_they_concern(tools: CheckTools, labels: str, receiver: str) -> None:
    """By team; what belongs to nobody is the platform's."""
    config = SHIPPED / "alertmanager.yml"
    found = said(
        tools.amtool, "config", "routes", "test", f"--config.file={config}", *labels.split()
    )
    assert found.strip() == receiver
