"""Files of any length, written as their rows are read: CSV, NDJSON, or a workbook."""

import asyncio
import csv
import io
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum

import xlsxwriter
from fastapi import Request
from starlette.responses import Response, StreamingResponse

from api import spreadsheets
from api.apart import apart
from foundation.formulas import escaped
from registry.keyset import MOST_ROWS

Batches = AsyncIterator[Sequence[Sequence[str]]]
"""Rows of text, some at a time."""

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_NDJSON = "application/x-ndjson"
_MOST_SHEET_ROWS = 1_048_575
_BLOCK = 1 << 18
ROWS_AT_ONCE = MOST_ROWS


class FileFormat(StrEnum):
    """How a file is written."""

    CSV = "csv"
    NDJSON = "ndjson"
    XLSX = "xlsx"


def wanted(request: Request, chosen: FileFormat | None) -> FileFormat:
    """What the caller asks for, by `format` or else by Accept; CSV where neither says."""
    if chosen is not None:
        return chosen
    accepted = request.headers.get("accept", "")
    if _NDJSON in accepted:
        return FileFormat.NDJSON
    return FileFormat.XLSX if _XLSX in accepted else FileFormat.CSV


async def response(
    name: str, form: FileFormat, header: Sequence[str], batches: Batches, *, marked: bool = False
) -> Response:
    """A file `name` with these rows; what a spreadsheet would run is escaped.

    A `marked` CSV begins with what tells spreadsheets that it is UTF-8, and irritates programs.
    """
    batches = apart(batches)
    disposition = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    if form is FileFormat.NDJSON:
        return StreamingResponse(_ndjson(header, batches), media_type=_NDJSON, headers=disposition)
    if form is FileFormat.XLSX:
        return StreamingResponse(_workbook(header, batches), media_type=_XLSX, headers=disposition)
    return StreamingResponse(
        _csv(header, batches, marked), media_type=spreadsheets.MEDIA_TYPE, headers=disposition
    )


async def _csv(header: Sequence[str], batches: Batches, marked: bool) -> AsyncIterator[str]:
    yield ("\ufeff" if marked else "") + _csv_lines([header])
    async for batch in batches:
        yield _csv_lines([[escaped(cell) for cell in row] for row in batch])


def _csv_lines(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


async def _ndjson(header: Sequence[str], batches: Batches) -> AsyncIterator[str]:
    async for batch in batches:
        lines = (
            json.dumps(
                {name: cell for name, cell in zip(header, row, strict=True) if cell},
                ensure_ascii=False,
            )
            for row in batch
        )
        yield "".join(f"{line}\n" for line in lines)


async def _workbook(header: Sequence[str], batches: Batches) -> AsyncIterator[bytes]:
    """Every cell as text, so that no digit of a long number is lost."""
    with tempfile.TemporaryFile() as file:
        book = xlsxwriter.Workbook(
            file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        sheet = book.add_worksheet()
        as_text = book.add_format({"num_format": "@"})
        sheet.set_column(0, len(header) - 1, 22, as_text)
        for place, title in enumerate(header):
            sheet.write_string(0, place, title)
        number = 0
        async for batch in batches:
            for row in batch[: _MOST_SHEET_ROWS - number]:
                number += 1
                for place, cell in enumerate(row):
                    if cell:
                        sheet.write_string(number, place, escaped(cell), as_text)
        await asyncio.to_thread(book.close)
        file.seek(0)
        while block := file.read(_BLOCK):
            yield block
