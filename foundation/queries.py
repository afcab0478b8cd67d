"""Named SQL: Python says what, a room's `queries.sql` says how."""

import re
import textwrap
from importlib.resources import files

_HEADER = re.compile(r"^-- (name|part): ([a-z][a-z0-9_]*)$", re.MULTILINE)
_WITH = re.compile(r"^( *)-- with: ([a-z][a-z0-9_]*)$", re.MULTILINE)


class Queries:
    """The queries of one file, as attributes: `sql.find_terminal` is its text."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = texts

    def __getattr__(self, name: str) -> str:
        try:
            return self._texts[name]
        except KeyError:
            raise AttributeError(f"there is no query named {name}") from None

    def names(self) -> list[str]:
        """Every query of the file, in its order."""
        return list(self._texts)


def parse(text: str) -> Queries:
    """The queries of a file: `-- name: x`, one line of purpose, then the statement.

    What several statements of it say alike is a `-- part: x`, written once in the same way; a line
    `-- with: x` stands for its lines.
    """
    pieces = _HEADER.split(text)
    kinds, names, bodies = pieces[1::3], pieces[2::3], [body.strip() for body in pieces[3::3]]
    if len(set(names)) != len(names):
        raise ValueError("two queries of one file have the same name")
    texts: dict[str, dict[str, str]] = {"name": {}, "part": {}}
    for kind, name, body in zip(kinds, names, bodies, strict=True):
        texts[kind][name] = body
    parts = texts["part"]
    if missing := {name for body in bodies for _, name in _WITH.findall(body)} - parts.keys():
        raise ValueError(f"there is no part {min(missing)}")

    def written(found: re.Match[str]) -> str:
        return textwrap.indent(parts[found[2]], found[1])

    return Queries({name: _WITH.sub(written, body) for name, body in texts["name"].items()})


def load(package: str, file: str = "queries.sql") -> Queries:
    """The queries that stand beside the modules of `package`."""
    return parse(files(package).joinpath(file).read_text("utf-8"))
