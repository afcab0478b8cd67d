"""A file with its verdict beside each row, so that it can be mended and sent again."""

from collections.abc import Callable, Iterator, Sequence

from registry.imports.model import Finding, Import, JudgedRow, Kind
from registry.imports.staging import VERDICT_COLUMNS

Tell = Callable[[Finding], str]


def header(found: Import) -> list[str]:
    """The columns of the file as it came, and those of the verdict."""
    return [*found.columns, *VERDICT_COLUMNS]


def lines(found: Import, kind: Kind, rows: Sequence[JudgedRow], tell: Tell) -> Iterator[list[str]]:
    """One line a row; a cell that was refused stands as it was given."""
    places = [kind.place(name) - 1 for name in found.columns]
    names = [column.name for column in kind.columns]
    for row in rows:
        refused = {finding.column: finding.value for finding in row.findings if finding.value}
        cells = [
            (row.cells[place] if row.cells[place] is not None else refused.get(names[place])) or ""
            for place in places
        ]
        yield [
            *cells,
            row.outcome.value,
            " ".join(finding.column for finding in row.findings),
            " ".join(tell(finding) for finding in row.findings),
        ]
