"""The reference of the file formats says what the code takes."""

import re
from pathlib import Path

from registry.imports import model
from registry.imports.kinds import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "file-formats.md").read_text("utf-8")


def test_every_column_of_every_kind_is_documented() -> None:
    """With its other titles, whether it is needed or what stands for it, and what it means."""
    documented = {
        kind: {
            line[0].strip("`"): line[1:4]
            for row in re.findall(r"^\| `.*\|$", section, re.MULTILINE)
            for line in [[cell.strip() for cell in row.strip("|").split("|")]]
        }
        for kind, section in re.findall(
            r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL
        )
    }
    declared = {
        kind.name: {
            column.name: [
                ", ".join(column.titles),
                "yes" if column.required else f"`{column.default}`" if column.default else "",
                column.meaning[:-1] + ("; once in a file." if column.unique else "."),
            ]
            for column in kind.columns
        }
        for kind in KINDS.values()
    }

    assert documented == declared


def test_the_bounds_are_documented() -> None:
    """What is refused for its size is no surprise."""
    for bound in (
        f"{model.MOST_FILE_BYTES // 1048576} MiB",
        f"{model.MOST_ROWS:,}",
        f"| columns | {model.MOST_COLUMNS} |",
        f"undo {model.KEPT_DAYS} days",
        f"passwords {model.SECRETS_KEPT_DAYS} days",
    ):
        assert bound in PAGE
