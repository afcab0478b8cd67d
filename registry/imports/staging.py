"""From a file's rows to staged ones: columns found by their titles, cells in normal form.

Pure: what is read comes in, portions of staged rows go out, and nothing else is kept of a file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from foundation.formulas import unescaped
from registry.imports.columns import (
    MOST_CELL_CHARACTERS,
    CellRefused,
    Column,
    Known,
    Odd,
    normal_title,
)
from registry.imports.model import (
    MOST_COLUMNS,
    MOST_ROWS,
    PORTION_ROWS,
    Finding,
    Kind,
    Severity,
    Unreadable,
)
from registry.imports.reading import Opened, RawRow

VERDICT_COLUMNS = ("verdict", "verdict_column", "verdict_text")
"""What a verdict file has beside the kind's columns; ignored where one is sent again."""
_MOST_SHOWN = 80
_MOST_REMEMBERED = 4096
_REMEMBERED_CHARACTERS = 64


@dataclass(slots=True)
class Portion:
    """Rows of which the numbers lie in one stretch of PORTION_ROWS, and what was found in them."""

    rows: list[tuple[int, list[str | None]]] = field(default_factory=list)
    findings: list[tuple[int, Finding]] = field(default_factory=list)


def titles_of(kind: Kind) -> dict[str, Column | None]:
    """Which column a normal title names; None of a verdict file's own, which say nothing."""
    found: dict[str, Column | None] = dict.fromkeys(VERDICT_COLUMNS)
    for column in kind.columns:
        for title in (column.name, *column.titles):
            found[normal_title(title)] = column
    return found


class Staging:
    """Stages the rows of an opened file, with `defaults` where a cell is blank or there is none."""

    def __init__(
        self, kind: Kind, opened: Opened, known: Known, defaults: Mapping[str, str]
    ) -> None:
        self._kind, self._opened, self._known = kind, opened, known
        self._titles = titles_of(kind)
        self._places = {column.name: n for n, column in enumerate(kind.columns)}
        self._usual: list[str | None] = [None] * len(kind.columns)
        self._unusable: list[Finding] = []
        # Cells are much the same in many rows: what was clean once is not read again.
        self._clean: list[dict[str, str]] = [{} for _ in kind.columns]
        self._required = [(n, c) for n, c in enumerate(kind.columns) if c.required]
        for column in kind.columns:
            given = defaults.get(column.name, column.default)
            if given is not None:
                self._set(self._usual, column, given, self._unusable)
        self._header = self._columns(opened.header) if opened.header else []
        if self._header:
            self._check_required([c for c in self._header if c])

    @property
    def names(self) -> list[str]:
        """The columns that the file has, in its order; all of the kind where rows name theirs."""
        return [c.name for c in self._header if c] or [c.name for c in self._kind.columns]

    def portions(self) -> Iterator[Portion]:
        """The rows, a portion at a time; Unreadable where the file cannot be read on."""
        rows = iter(self._opened.rows)
        first = next(rows, None)
        count = 0
        while first is not None:
            edge = (first.number - 1) // PORTION_ROWS
            portion = Portion()
            self._stage(first, portion)
            first = None
            for row in rows:
                if (row.number - 1) // PORTION_ROWS != edge:
                    first = row
                    break
                self._stage(row, portion)
            count += len(portion.rows)
            if count > MOST_ROWS:
                raise Unreadable("too_many_rows", row=portion.rows[-1][0])
            yield portion
        if not count:
            raise Unreadable("no_rows")

    def _columns(self, header: Sequence[str]) -> list[Column | None]:
        if len(header) > MOST_COLUMNS:
            raise Unreadable("too_many_columns", row=1)
        found: list[Column | None] = []
        for title in header:
            if normal_title(title) not in self._titles:
                raise Unreadable("column_unknown", row=1, column=title.strip()[:_MOST_SHOWN])
            column = self._titles[normal_title(title)]
            if column is not None and column in found:
                raise Unreadable("column_twice", row=1, column=title.strip()[:_MOST_SHOWN])
            found.append(column)
        return found

    def _check_required(self, present: Sequence[Column]) -> None:
        for column in self._kind.columns:
            if column.required and column not in present and not self._given(column):
                raise Unreadable("column_missing", row=1, column=column.name)

    def _given(self, column: Column) -> bool:
        return self._usual[self._places[column.name]] is not None

    def _stage(self, raw: RawRow, portion: Portion) -> None:
        cells = self._usual.copy()
        findings: list[Finding] = list(self._unusable)
        columns = self._header
        if raw.names is not None:
            columns = self._named(raw, findings)
        elif len(raw.cells) > len(columns) and any(raw.cells[len(columns) :]):
            findings.append(Finding("", "too_many_cells", Severity.ERROR))
        for column, text in zip(columns, raw.cells, strict=False):
            if text and column is not None and (text := text.strip()):
                self._put(cells, column, text, findings)
        for place, column in self._required:
            if cells[place] is None and not any(f.column == column.name for f in findings):
                findings.append(Finding(column.name, "required", Severity.ERROR))
        portion.rows.append((raw.number, cells))
        portion.findings.extend((raw.number, found) for found in findings)

    def _named(self, raw: RawRow, findings: list[Finding]) -> list[Column | None]:
        """The columns that a row of NDJSON names; what is none, or one twice, is an error of it."""
        found: list[Column | None] = []
        for name in raw.names or ():
            title = normal_title(name)
            column = self._titles.get(title)
            if title not in self._titles:
                findings.append(Finding("", "column_unknown", Severity.ERROR, name[:_MOST_SHOWN]))
            elif column is not None and column in found:
                findings.append(Finding(column.name, "column_twice", Severity.ERROR))
            found.append(column)
        return found

    def _put(
        self, cells: list[str | None], column: Column, text: str, findings: list[Finding]
    ) -> None:
        place = self._places[column.name]
        clean = self._clean[place]
        if (known := clean.get(text)) is not None:
            cells[place] = known
            return
        before = len(findings)
        self._set(cells, column, unescaped(text), findings)
        found = cells[place]
        if (
            found is not None
            and len(findings) == before
            and not column.unique
            and len(clean) < _MOST_REMEMBERED
            and len(text) <= _REMEMBERED_CHARACTERS
        ):
            clean[text] = found

    def _set(
        self, cells: list[str | None], column: Column, text: str, findings: list[Finding]
    ) -> None:
        place = self._places[column.name]
        cells[place] = None
        if len(text) > MOST_CELL_CHARACTERS:
            findings.append(Finding(column.name, "cell_too_large", Severity.ERROR))
            return
        try:
            found = column.parse(text, self._known)
        except CellRefused as refused:
            shown = text.replace("\x00", "\ufffd")[:_MOST_SHOWN]
            findings.append(Finding(column.name, refused.code, Severity.ERROR, shown))
            return
        if isinstance(found, Odd):
            findings.append(Finding(column.name, found.code, Severity.WARNING, text[:_MOST_SHOWN]))
            found = found.text
        cells[place] = found or None
