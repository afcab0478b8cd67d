"""The reference of settings says what the code says."""

import re
from pathlib import Path

from pydantic_core import PydanticUndefined

from foundation.settings import PREFIX, Settings

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "settings.md"


def row(name: str) -> str:
    """The line of the page that a setting must have."""
    field = Settings.model_fields[name]
    default = "" if field.default in (None, PydanticUndefined) else f"`{field.default}`"
    secret = "SecretStr" in str(field.annotation)
    variable = f"`{PREFIX}{name.upper()}`" + (f", `{PREFIX}{name.upper()}_FILE`" if secret else "")
    return f"| {variable} | {default} | {field.description} |"


def test_every_setting_is_documented_as_it_is() -> None:
    """Each has a line with its name, its default and its description, word for word."""
    lines = PAGE.read_text("utf-8").splitlines()

    assert [row(name) for name in Settings.model_fields if row(name) not in lines] == []


def test_no_setting_is_documented_that_is_none() -> None:
    """Every MUSTER_ name on the page is a setting."""
    named = set(re.findall(rf"{PREFIX}[A-Z_]+", PAGE.read_text("utf-8")))
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}

    assert {name.removesuffix("_FILE") for name in named if name not in known} <= known
