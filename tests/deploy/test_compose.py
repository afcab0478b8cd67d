"""The compose file and the Dockerfile hold to their schema and linter (no engine runs here)."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose"
TOOLS = Path(sys.executable).parent


def accepted(*command: str | Path) -> str:
    """What a checker says; empty or a line of praise when all is well."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["compose.yaml", "watch.yaml"])
def test_the_compose_files_keep_to_the_schema(name: str) -> None:
    """The compose specification's own schema accepts them, and so does yamllint."""
    file = COMPOSE / name
    accepted(TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)
    accepted(TOOLS / "yamllint", "--strict", "-c", COMPOSE / ".yamllint", file)


def test_the_dockerfile_passes_its_linter() -> None:
    """hadolint has nothing to say."""
    if not (TOOLS / "hadolint").exists():
        pytest.skip("hadolint has a wheel for x86-64 only")
    assert accepted(TOOLS / "hadolint", COMPOSE / "Dockerfile") == ""


def test_secrets_are_random_private_and_kept(tmp_path: Path) -> None:
    """Every secret the compose file names is made once, readable by its owner alone."""
    shutil.copy(COMPOSE / "make_secrets.py", tmp_path)
    accepted(sys.executable, tmp_path / "make_secrets.py")
    first = {p.name: p.read_text() for p in (tmp_path / "secrets").iterdir()}
    accepted(sys.executable, tmp_path / "make_secrets.py")

    named = {
        line.split("./secrets/")[1].rstrip("}\n ")
        for file in ("compose.yaml", "watch.yaml")
        for line in (COMPOSE / file).read_text().splitlines()
        if "{file: ./secrets/" in line
    }
    assert named == {*first, "scraper"}  # a key, which is issued
    assert {p.name: p.read_text() for p in (tmp_path / "secrets").iterdir()} == first
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "secrets").iterdir()} == {0o600}
    assert len(set(first.values())) == len(first)
