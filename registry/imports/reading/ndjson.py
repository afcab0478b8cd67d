"""One JSON object a line; numbers are taken as they are written, so that no digit is lost."""

import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from registry.imports.model import Format, Unreadable
from registry.imports.reading import Opened, RawRow
from registry.imports.reading.csv_text import MOST_RECORD_CHARACTERS, text_of


def read(file: BinaryIO, encoding: str) -> Opened:
    """The rows, each with its own names."""
    return Opened(Format.NDJSON, encoding, [], _rows(text_of(file, encoding)))


def _rows(text: io.TextIOWrapper) -> Iterator[RawRow]:
    number = 0
    while line := text.readline(MOST_RECORD_CHARACTERS):
        number += 1
        if len(line) == MOST_RECORD_CHARACTERS and not line.endswith("\n"):
            raise Unreadable("cell_too_large", row=number)
        if not line.strip():
            continue
        try:
            found = _DECODER.decode(line)
        except (ValueError, RecursionError):
            raise Unreadable("record_malformed", row=number) from None
        if not isinstance(found, _Object):
            raise Unreadable("record_malformed", row=number)
        yield RawRow(number, [_text(v, number, n) for n, v in found], [n for n, _ in found])


class _Object(list[tuple[str, Any]]):
    """The members of an object in their order, each name once."""


def _once(pairs: list[tuple[str, Any]]) -> _Object:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name occurs twice")
    return _Object(pairs)


class _Number(str):
    """A number as it is written."""


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=_Number, parse_int=_Number)


def _text(value: object, number: int, name: str) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case _Object():
            raise Unreadable("record_malformed", row=number, column=name)
        case list() if all(isinstance(item, str) for item in value):
            return " ".join(value)
    raise Unreadable("record_malformed", row=number, column=name)
