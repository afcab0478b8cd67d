"""Files as rows of text, one format a module: bounded in memory, whatever they hold.

Never here: what a cell means. A file that cannot be read raises Unreadable with its place.
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from registry.imports.model import Format


class RawRow(NamedTuple):
    """A row by its number in the file (a spreadsheet's, from 1), and its cells as they stand.

    `names` are the columns of the cells where each row says its own (NDJSON), else None.
    """

    number: int
    cells: list[str]
    names: list[str] | None = None


class Opened(NamedTuple):
    """A file being read: how it is written, its header (empty where each row names its columns)."""

    format: Format
    encoding: str | None
    header: list[str]
    rows: Iterator[RawRow]


def open_file(file: BinaryIO, known_titles: frozenset[str]) -> Opened:
    """Look at how a file is written and begin to read it; Unreadable where nobody can."""
    from registry.imports.reading import csv_text, ndjson, workbook

    head = file.read(4096)
    file.seek(0)
    if head.startswith(b"PK\x03\x04"):
        return workbook.read(file)
    encoding = csv_text.encoding_of(file)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        return ndjson.read(file, encoding)
    return csv_text.read(file, encoding, known_titles)
