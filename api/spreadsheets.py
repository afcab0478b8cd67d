"""Tables as `text/csv` (RFC 4180), safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Query, Request
from starlette.responses import Response

from foundation.formulas import escaped

MEDIA_TYPE = "text/csv; charset=utf-8"

Format = Annotated[
    Literal["json", "csv"] | None, Query(description="Instead of the Accept header.")
]


def is_wanted(request: Request, chosen: str | None) -> bool:
    """Whether the caller asks for CSV, by `format` or else by Accept."""
    if chosen is not None:
        return chosen == "csv"
    return "text/csv" in request.headers.get("accept", "")


def response(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A file `name`.csv with one line a row."""
    return Response(
        lines([header, *rows]),
        media_type=MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def lines(rows: Iterable[Sequence[object]]) -> str:
    """Rows as the text of a file."""
    text = io.StringIO()
    csv.writer(text).writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return escaped(value) if isinstance(value, str) else value
