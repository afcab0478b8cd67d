"""The five-minute path, and a simulation with knobs, on the platform as `muster up` runs it."""

import json
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.embedded.processes import wait_until
from deploy.simulator.ledger import Entry, entries

MUSTER = [sys.executable, "-m", "deploy.cli"]
STORED = """
select t.code, (extract(epoch from r.time) * 1000)::bigint
from telemetry.vehicle_tracker r join registry.terminal t on t.id = r.terminal_id
"""
REFUSED = """
select reason, sum(q.count)::int
from telemetry.quarantine q join registry.terminal t on t.id = q.terminal_id
where t.code like 'SIM-%' group by 1
"""


@dataclass(frozen=True, slots=True)
class Platform:
    """A running home and its commands."""

    home: Path
    state: dict[str, Any]

    def muster(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command on this home."""
        return subprocess.run(
            [*MUSTER, *arguments, "--home", str(self.home)],
            capture_output=True,
            text=True,
            timeout=120,
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the inspector's account sees."""
        with psycopg.connect(self.state["database"]) as conn:
            return conn.execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform without a fleet."""
    home = tmp_path_factory.mktemp("platform") / "home"
    up = [*MUSTER, "up", "--detach", "--no-fleet", "--home", str(home)]
    try:
        done = subprocess.run(up, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        yield Platform(home, json.loads((home / "state.json").read_text()))
    finally:
        subprocess.run([*MUSTER, "down", "--home", str(home)], capture_output=True, timeout=120)
        servers = json.loads((home / "home.json").read_text())["servers"]
        shutil.rmtree(servers, ignore_errors=True)


def curl(line: str) -> dict[str, Any]:
    """What a pasted `curl -s -H @FILE URL` prints, on a machine that may have no curl."""
    command, silent, header, file, url = shlex.split(line)
    assert (command, silent, header, file[0]) == ("curl", "-s", "-H", "@")
    name, _, value = Path(file[1:]).read_text().partition(": ")
    with urllib.request.urlopen(urllib.request.Request(url, headers={name: value})) as answer:
        document: dict[str, Any] = json.load(answer)
    return document


def test_a_first_terminal_takes_three_pasted_lines(platform: Platform) -> None:
    """Add, publish, read back, see what was refused: every printed line works as it stands."""
    added = platform.muster("terminal", "add", "METER-1", "--profile", "smart_meter")
    assert added.returncode == 0, added.stderr
    publish, latest, refused = added.stdout.splitlines()[-3:]

    program, *arguments = shlex.split(publish)
    assert program == "./muster"
    published = subprocess.run([*MUSTER, *arguments], capture_output=True, text=True, timeout=60)
    assert published.stdout.startswith("The broker acknowledged the message at ")
    assert len(published.stdout.splitlines()) == 1
    assert wait_until(lambda: bool(curl(latest)["items"]), 20)
    sent = json.loads(arguments[2])
    assert {item["metric"]: item["value"] for item in curl(latest)["items"]} == sent

    assert curl(refused)["items"] == []
    platform.muster("publish", "METER-1", '{"voltage_a": 0.231}')
    assert wait_until(lambda: bool(curl(refused)["items"]), 20)
    assert [item["reason"] for item in curl(refused)["items"]] == ["out_of_range"]


def test_the_demo_terminal_can_be_spoken_for(platform: Platform) -> None:
    """Its credential is in the credentials file."""
    code = json.loads((platform.home / "credentials.json").read_text())["terminal"]["code"]
    assert platform.muster("publish", code, '{"voltage_a": 230}').returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["terminal", "add", "A B", "--profile", "smart_meter"], 2, "does not fit"),
        (["terminal", "add", "X-1", "--profile", "none"], 1, "no device profile none"),
        (["publish", "NOBODY", "{}"], 1, "password of terminal NOBODY is not in"),
        (["publish", "NOBODY", "{}", "--to", "command"], 2, "command is not one of"),
        (["simulate"], 1, "There is no fleet file"),
        (["simulate", "--profile", "smart_meter", "--late", "2"], 2, "late must be between"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    platform: Platform, arguments: list[str], code: int, sentence: str
) -> None:
    """With its exit code and without a traceback."""
    done = platform.muster(*arguments)
    assert done.returncode == code
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_the_same_code_twice_is_refused_by_the_state_of_things(platform: Platform) -> None:
    """Exit code 3."""
    first, second = (
        platform.muster("terminal", "add", "TWICE", "--profile", "alarm_panel") for _ in range(2)
    )
    assert (first.returncode, second.returncode) == (0, 3)


def test_the_books_of_a_simulation_close(platform: Platform, tmp_path: Path) -> None:
    """What was to be stored is stored, what was to be refused is refused, for its reason."""
    ledger = tmp_path / "ledger.jsonl"
    knobs = ["--duplicates", "0.1", "--late", "0.05", "--broken", "0.2", "--interval", "0.2"]
    fleet = ["--profile", "vehicle_tracker", "--terminals", "5", "--count", "150"]

    done = platform.muster("simulate", *fleet, *knobs, "--ledger", str(ledger), "--json")

    assert done.returncode == 0, done.stderr
    book = list(entries(ledger))
    summary = json.loads(done.stdout)
    assert summary["acknowledged"] == len(book) == 150 + 3 * 5
    assert wait_until(lambda: _stored(platform) == _expected(book), 20)
    assert wait_until(lambda: dict(platform.rows(REFUSED)) == _refusals(book), 20)
    assert sum(_refusals(book).values()) > 0


def _stored(platform: Platform) -> set[tuple[str, int]]:
    return {(code, ts_ms) for code, ts_ms in platform.rows(STORED)}


def _expected(book: list[Entry]) -> set[tuple[str, int | None]]:
    return {(e.terminal, e.ts_ms) for e in book if e.expected in {"stored", "duplicate"}}


def _refusals(book: list[Entry]) -> Counter[str]:
    refused = (e.expected for e in book if e.expected and e.expected.startswith("quarantined:"))
    return Counter(fate.partition(":")[2] for fate in refused)


@pytest.mark.parametrize(
    ("profile", "counted", "connections"),
    [("jt808_vehicle", "telemetry.jt808_vehicle", 2), ("dc09_panel", "telemetry.event", 1)],
)
def test_terminals_of_a_sector_are_put_on_the_roll_with_their_names(
    platform: Platform, profile: str, counted: str, connections: int
) -> None:
    """The profile is defined by the way, a gateway speaks for those that need one, and a second
    simulation takes the same terminals again."""
    codes = f"select distinct t.code from {counted} r join registry.terminal t"
    named = f"{codes} on t.id = r.terminal_id join registry.wire_name w on w.terminal_id = t.id"
    for _ in range(2):
        fleet = ["--profile", profile, "--terminals", "2", "--count", "6", "--interval", "1"]
        done = platform.muster("simulate", *fleet, "--json")
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)
        assert summary["connections"] == connections
        assert summary["by_expected"] == {"stored": 6}

    assert wait_until(lambda: len(platform.rows(f"{named} where t.code like 'SIM-%'")) >= 2, 20)
    of_profile = "join registry.profile p on p.id = t.profile_id where p.code"
    registered = f"select t.code from registry.terminal t {of_profile} = '{profile}'"
    assert len(platform.rows(registered)) == 2 + (connections == 1)
    refused = "select reason from telemetry.quarantine q join registry.terminal t"
    assert platform.rows(f"{refused} on t.id = q.terminal_id {of_profile} = '{profile}'") == []
