"""Named SQL: Python says what, a room's `queries.sql` says how."""

import re
from importlib.resources import files

_HEADER = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*)$", re.MULTILINE)


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
    """The queries of a file: `-- name: x`, one line of purpose, then the statement."""
    pieces = _HEADER.split(text)
    names, bodies = pieces[1::2], pieces[2::2]
    if len(set(names)) != len(names):
        raise ValueError("two queries of one file have the same name")
    return Queries(dict(zip(names, (body.strip() for body in bodies), strict=True)))


def load(package: str, file: str = "queries.sql") -> Queries:
    """The queries that stand beside the modules of `package`."""
    return parse(files(package).joinpath(file).read_text("utf-8"))
