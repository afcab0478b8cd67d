"""Text with separators (RFC 4180 and what spreadsheets make of it), in UTF-8 or GB18030."""

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from registry.imports.columns import MOST_CELL_CHARACTERS, normal_title
from registry.imports.model import MOST_COLUMNS, Format, Unreadable
from registry.imports.reading import Opened, RawRow

SEPARATORS = (",", ";", "\t", "|")
MOST_RECORD_CHARACTERS = MOST_COLUMNS * MOST_CELL_CHARACTERS
_BLOCK = 1 << 20
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

# Cells are measured here, where their row and column are known; the module's own limit is not.
csv.field_size_limit(2 * MOST_RECORD_CHARACTERS)


def encoding_of(file: BinaryIO) -> str:
    """utf-8-sig, utf-8 or gb18030, by reading all of it; Unreadable at the first line of neither.

    What is valid UTF-8 is UTF-8: text of another encoding is not by chance.
    """
    head = file.read(4)
    file.seek(0)
    if head.startswith(_UTF16) or b"\x00" in head:
        raise Unreadable("encoding_utf16" if head.startswith(_UTF16) else "not_text", row=1)
    lines: dict[str, int] = {}
    for encoding in ("utf-8", "gb18030"):
        wrong_line = _first_wrong_line(file, encoding)
        if wrong_line is None:
            return "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else encoding
        lines[encoding] = wrong_line
    raise Unreadable("encoding_unknown", row=max(lines.values()))


def _first_wrong_line(file: BinaryIO, encoding: str) -> int | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    line = 1
    try:
        while block := file.read(_BLOCK):
            for piece in block.splitlines(keepends=True):
                if "\x00" in decoder.decode(piece):
                    raise Unreadable("not_text", row=line)
                line += piece.endswith(b"\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return line
    finally:
        file.seek(0)
    return None


def read(file: BinaryIO, encoding: str, known_titles: frozenset[str]) -> Opened:
    """The header and the rows; the separator is the one with which most titles are known."""
    lines = _Lines(text_of(file, encoding))
    first = lines.peek()
    separator = max(
        SEPARATORS,
        key=lambda s: sum(normal_title(t) in known_titles for t in _cells_of(first, s)),
    )
    records = _records(lines, separator)
    header = next(records, None)
    if header is None or not any(cell.strip() for cell in header.cells):
        raise Unreadable("header_missing", row=1)
    return Opened(Format.CSV, encoding, header.cells, records)


def text_of(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    """A file as text, which stays open when its text is no longer wanted."""
    return io.TextIOWrapper(io.BufferedReader(_Lent(file), _BLOCK), encoding, newline="")


class _Lent(io.RawIOBase):
    """A file of somebody else's: closed by nobody here."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        taken = self._file.read(len(memoryview(buffer)))
        memoryview(buffer)[: len(taken)] = taken
        return len(taken)


def _cells_of(text: str, separator: str) -> list[str]:
    return next(csv.reader([text], delimiter=separator), [])


def _records(lines: "_Lines", separator: str) -> Iterator[RawRow]:
    """Each record by the number of its row, blank lines counted and left out."""
    reader = csv.reader(lines, delimiter=separator)
    number = 0
    while True:
        number += 1
        lines.begin(number, separator)
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise Unreadable("record_malformed", row=number) from None
        if any(cells):
            yield RawRow(number, cells)


class _Lines:
    """The lines of a text for `csv.reader`, which joins those of one record: up to a bound."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._ahead: list[str] = []
        self._record: list[str] = []
        self._characters = 0
        self._number, self._separator = 1, ","

    def peek(self) -> str:
        """The first line, which is still to be read."""
        line = self._text.readline(MOST_RECORD_CHARACTERS)
        self._ahead.append(line)
        return line

    def begin(self, number: int, separator: str) -> None:
        """A new record begins."""
        self._record.clear()
        self._characters = 0
        self._number, self._separator = number, separator

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._ahead.pop() if self._ahead else self._text.readline(MOST_RECORD_CHARACTERS)
        if not line:
            raise StopIteration
        self._record.append(line)
        self._characters += len(line)
        if self._characters > MOST_RECORD_CHARACTERS or (
            len(line) == MOST_RECORD_CHARACTERS and not line.endswith("\n")
        ):
            raise self._too_long()
        return line

    def _too_long(self) -> Unreadable:
        """Which cell it is: the one in which the record is when its measure is full."""
        begun = "".join(self._record)[:MOST_RECORD_CHARACTERS]
        place = len(next(csv.reader(io.StringIO(begun), delimiter=self._separator), [""]))
        return Unreadable("cell_too_large", row=self._number, column=str(place))
