"""What the client's guide tells programs to do, done as it stands there against a running API."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.embedded.ports import free_port
from deploy.embedded.processes import wait_until
from tests.api.test_process import is_ready, process
from tests.api.world import World

CHECKOUT = Path(__file__).parents[2]
GUIDE = (CHECKOUT / "docs/guides/client.md").read_text("utf-8")
EXAMPLE = CHECKOUT / "docs/examples/read_fleet.py"
# Up to exports, which a job makes, and streams, which do not end: these have tests of their own.
BY_PROGRAM = GUIDE.partition("\n## The same by program")[2].partition("\n### ")[0]
RECIPES = [
    line
    for block in re.findall(r"```sh\n(.*?)```", BY_PROGRAM, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("curl ")
]
AT = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)  # within the windows that the guide asks for
OURS = {"SM-320500-00017": "METER-1", "SM-320500-00018": "METER-2"}


@pytest.fixture
def environment(house: World) -> Iterator[dict[str, str]]:
    """A running API with some readings in it, and a client's key to it, as the guide calls them."""
    for code in OURS.values():
        for minutes in range(3):
            house.measured(
                code, "smart_meter", AT + timedelta(minutes=minutes), voltage_a=231.5,
                active_power_kw=2.0, energy_kwh=100 + minutes,
            )  # fmt: skip
    listen = f"127.0.0.1:{free_port()}"
    with process(
        DATABASE_URL=house.database.api, API_LISTEN=listen, SECOND_FACTOR="off"
    ) as started:
        assert wait_until(lambda: is_ready(f"http://{listen}"), 90)
        yield {"API": f"http://{listen}", "KEY": house.keys["power"], "PATH": os.environ["PATH"]}
        started.terminate()
        started.communicate(timeout=20)


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
def test_every_recipe_of_the_guide_is_answered(environment: dict[str, str]) -> None:
    """None is refused, and each brings something of the two meters; what is asked as CSV is CSV."""
    assert len(RECIPES) >= 9
    for recipe in RECIPES:
        line = recipe
        for theirs, ours in OURS.items():
            line = line.replace(theirs, ours)
        said = run(["sh", "-ec", line.replace("curl ", "curl -sS --fail-with-body ")], environment)
        if "csv" in recipe:
            assert next(csv.reader(io.StringIO(said)))[0] in ("time", "terminal"), recipe
        else:
            assert all(json.loads(part) for part in documents(recipe, said)), recipe
        assert re.search(r"METER-1|231\.5|\b102\b|\b4\.0\b", said), (recipe, said)


def documents(recipe: str, said: str) -> list[str]:
    """The JSON documents of an answer: one, or one a line."""
    return said.splitlines() if "ndjson" in recipe else [said]


def test_the_python_example_reads_a_fleet(environment: dict[str, str]) -> None:
    """Newest values, a series as CSV, all pages of a list; a refusal is a sentence and exit 1."""
    latest = json.loads(example(environment, "latest", "METER-1"))
    values = {one["metric"]: one["value"] for one in latest["items"]}
    series = list(csv.DictReader(io.StringIO(example(
        environment, "series", "METER-1", "voltage_a", "2026-11-01T00:00:00Z",
        "2026-12-01T00:00:00Z",
    ))))  # fmt: skip
    terminals = example(environment, "terminals").splitlines()
    refused = subprocess.run(
        [sys.executable, EXAMPLE, "latest", "BUS-1"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert values["voltage_a"] == 231.5
    assert [float(row["voltage_a"]) for row in series] == [231.5] * 3
    assert [line.split("\t")[0] for line in terminals] == ["METER-1", "METER-2", "METER-3"]
    assert refused.returncode == 1
    assert refused.stderr.startswith("There is no terminal")
    assert EXAMPLE.read_text("utf-8").count("\n") < 100


def test_the_example_goes_on_to_the_last_page(environment: dict[str, str]) -> None:
    """However small the pages are."""
    script = (
        "import os, read_fleet; muster = read_fleet.Muster(os.environ['API'], os.environ['KEY'])\n"
        "print([one['code'] for one in muster.pages('/api/v1/terminals', limit=1)])"
    )
    paths = {"PYTHONPATH": str(EXAMPLE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    said = run([sys.executable, "-c", script], environment | paths)
    assert said.strip() == "['METER-1', 'METER-2', 'METER-3']"


def example(environment: dict[str, str], *arguments: str) -> str:
    """What the example prints."""
    return run([sys.executable, str(EXAMPLE), *arguments], environment)


def run(command: list[str], environment: dict[str, str]) -> str:
    """What a command prints; it has to succeed."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout
