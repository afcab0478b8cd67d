"""Tables as `text/csv` (RFC 4180), safe to open in a spreadsheet."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from fastapi import Query, Request
from starlette.responses import Response

from foundation import tables

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
        tables.csv_lines([header, *rows]),
        media_type=MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
