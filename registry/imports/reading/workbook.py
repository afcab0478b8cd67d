"""XLSX workbooks: the first sheet, row by row; bombs are refused before anything is unpacked.

An archive says how large its parts are unpacked, and `zipfile` reads no byte more than that; so
sizes, ratios and numbers are checked in its directory first. Then the parts that are read are
looked through once: a single text that is too large, or a document type, is refused there.
"""

import re
import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, BinaryIO

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from registry.imports.columns import MOST_CELL_CHARACTERS
from registry.imports.model import MOST_COLUMNS, Format, Unreadable
from registry.imports.reading import Opened, RawRow

MOST_PARTS = 1_000
MOST_UNPACKED_BYTES = 1 << 30
MOST_SHARED_BYTES = 64 * 1024 * 1024
MOST_RATIO = 200
RATIO_COUNTS_FROM_BYTES = 10 * 1024 * 1024
MOST_TEXT_BYTES = 256 * 1024
"""Of one text in a part: far above a cell's measure, and little enough to hold."""

_BLOCK = 1 << 18
_EXACT_INTEGERS = 2**53
_CELL = re.compile(rb'<c r="([A-Z]+\d+)"')


def read(file: BinaryIO) -> Opened:
    """The header and the rows of the first sheet."""
    try:
        with zipfile.ZipFile(file) as archive:
            _vet(archive)
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that are not read
            book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheets: list[Any] = book.worksheets
    except (
        zipfile.BadZipFile,
        InvalidFileException,
        KeyError,
        ValueError,
        OSError,
        EOFError,
        SyntaxError,
    ):
        raise Unreadable("workbook_broken") from None
    if not sheets:
        raise Unreadable("workbook_broken")
    rows = _rows(sheets[0])
    header = next(rows, None)
    if header is None:
        raise Unreadable("header_missing", row=1)
    return Opened(Format.XLSX, None, header.cells, rows)


def _rows(sheet: Any) -> Iterator[RawRow]:
    sheet.reset_dimensions()
    try:
        for number, values in enumerate(
            sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS + 1), 1
        ):
            cells = ["" if value is None else _text(value) for value in values]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                yield RawRow(number, cells)
    except Unreadable:
        raise
    except Exception as error:  # whatever a parser meets in a file that nobody vouches for
        raise Unreadable("workbook_broken") from error


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if abs(value) < _EXACT_INTEGERS else f"{value:.6E}"
        case float():
            exact = value.is_integer() and abs(value) < _EXACT_INTEGERS
            return str(int(value)) if exact else repr(value)
        case datetime() | date() | time():
            return value.isoformat()
    return str(value)


def _vet(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED_BYTES:
        raise Unreadable("workbook_too_large")
    if len({part.filename for part in parts}) < len(parts):
        raise Unreadable("workbook_broken")
    for part in parts:
        ratio = part.file_size / max(part.compress_size, 1)
        if part.file_size > RATIO_COUNTS_FROM_BYTES and ratio > MOST_RATIO:
            raise Unreadable("workbook_too_large")
        if part.flag_bits & 1:
            raise Unreadable("workbook_locked")
        if part.filename.endswith("sharedStrings.xml") and part.file_size > MOST_SHARED_BYTES:
            raise Unreadable("workbook_too_large")
    for part in parts:
        if part.filename.startswith(("xl/", "_rels/", "[Content")):
            _look_through(archive, part)


def _look_through(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Unpack a part once, keeping nothing: its checksum, its longest text, what it begins with."""
    run, texts, place = 0, 0, b""
    with archive.open(part) as unpacked:
        head = True
        while block := unpacked.read(_BLOCK):
            if head and b"<!DOCTYPE" in block:
                raise Unreadable("workbook_broken")
            head = False
            first, last = block.find(b"<"), block.rfind(b"<")
            if first < 0 or run + first > MOST_TEXT_BYTES:
                run += first if first >= 0 else len(block)
            else:
                run = len(block) - last
                texts += block.count(b"<si>")
                if found := _CELL.findall(block):
                    place = found[-1]
            if run > MOST_TEXT_BYTES:
                shared = part.filename.endswith("sharedStrings.xml")
                raise _too_large(_where_shared(archive, texts - 1) if shared else place)


def _where_shared(archive: zipfile.ZipFile, number: int) -> bytes:
    """In which cell of the first sheet a shared text stands; empty where it is not found."""
    wanted = re.compile(rb'<c r="([A-Z]+\d+)"[^>]*? t="s"[^>]*><v>%d</v>' % number)
    sheets = sorted(n for n in archive.namelist() if n.startswith("xl/worksheets/sheet"))
    for name in sheets[:1]:
        with archive.open(name) as unpacked:
            kept = b""
            while block := unpacked.read(_BLOCK):
                if found := wanted.search(kept + block):
                    return found[1]
                kept = block[-200:]
    return b""


def _too_large(place: bytes) -> Unreadable:
    letters, row = re.fullmatch(rb"([A-Z]*)(\d*)", place).groups()  # type: ignore[union-attr]
    column = 0
    for letter in letters:
        column = column * 26 + letter - 64
    return Unreadable(
        "cell_too_large", row=int(row) if row else None, column=str(column) if column else None
    )


assert MOST_TEXT_BYTES > 4 * MOST_CELL_CHARACTERS
