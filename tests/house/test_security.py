"""The reference of security names tests that exist, for every requirement that is built."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "security.md"
BUILT = {
    *(f"S{n}" for n in range(1, 14)),
    *(f"S{n}" for n in range(20, 30)),
    "S32", "S33", "S37", "S41", "S42", "S43", "S44",
}  # fmt: skip


def functions_of(file: str) -> set[str]:
    """The test functions of a file; none where there is no such file."""
    path = ROOT / file
    if not path.is_file():
        return set()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {n.name for n in ast.parse(path.read_text("utf-8")).body if isinstance(n, functions)}


def test_every_proof_is_a_test() -> None:
    """A test that was renamed or taken away leaves no requirement that is proved by nothing."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE.read_text("utf-8"))

    assert len(named) > 50
    assert [f"{file}::{name}" for file, name in named if name not in functions_of(file)] == []


def test_every_requirement_that_is_built_has_a_proof() -> None:
    """Each has a line, and each line names a test."""
    lines = re.findall(r"^\| (S\d+) \|.*", PAGE.read_text("utf-8"), re.MULTILINE)
    unproved = re.findall(r"^\| (S\d+) \|(?!.*`tests/).*", PAGE.read_text("utf-8"), re.MULTILINE)

    assert set(lines) >= BUILT
    assert unproved == []
