"""Rows as the lines of a file: CSV (RFC 4180, safe to open in a spreadsheet) and NDJSON."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import orjson

from foundation.formulas import escaped

BYTE_ORDER_MARK = "\ufeff"
"""What tells spreadsheets that a CSV is UTF-8, and irritates programs."""

_LINE = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """Rows as lines of CSV; what a spreadsheet would run is escaped."""
    text = io.StringIO()
    csv.writer(text).writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue()


def ndjson_lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as one JSON object a line."""
    return b"".join(orjson.dumps(dict(zip(header, row, strict=True)), option=_LINE) for row in rows)


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return escaped(value) if isinstance(value, str) else value
