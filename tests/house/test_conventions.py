"""The reference of the API's conventions says what the code does."""

import re
from pathlib import Path

import api.app  # noqa: F401 - so that every error is known
from api.limits import Limit
from api.problems import _OF_HTTP
from foundation.errors import MusterError
from foundation.settings import Settings
from tests.house.test_code import own_errors

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api-conventions.md"


def test_every_limit_is_documented_with_its_default() -> None:
    """Each bucket has a line that ends with what it holds."""
    lines = re.findall(r"^\| `(\w+)` \| .* \| (\d+/\d+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    defaults = {limit.value: Settings.model_fields[f"limit_{limit}"].default for limit in Limit}

    assert dict(lines) == defaults


def test_every_code_on_the_page_is_one_that_is_answered() -> None:
    """What a program is told to act on exists."""
    rows = re.findall(r"^\| [\d, ]+ \| .* \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    named = set(re.findall(r"`([a-z_]+)`", " ".join(rows)))
    known = {error.code for error in own_errors(MusterError)}
    known |= {code for code, _, _ in _OF_HTTP.values()} | {"request_invalid"}

    assert len(named) > 15
    assert named - known == set()
