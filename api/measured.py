"""Tables of what was measured: JSON, CSV or NDJSON, written row by row with their own types."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Annotated, Any, Literal

import orjson
from fastapi import Query, Request
from starlette.responses import Response, StreamingResponse

from api import spreadsheets
from api.apart import apart
from foundation import tables

NDJSON = "application/x-ndjson"
JSON = "application/json"
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_DATACLASS

Form = Literal["json", "csv", "ndjson"]
Chosen = Annotated[Form | None, Query(alias="format", description="Instead of the Accept header.")]
AS_TABLE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            NDJSON: {"schema": {"type": "string"}},
        }
    }
}

Rows = Sequence[Sequence[object]]


def wanted(request: Request, chosen: Form | None) -> Form:
    """How the caller asks for it, by `format` or else by Accept."""
    if chosen is not None:
        return chosen
    accepted = request.headers.get("accept", "")
    if NDJSON in accepted:
        return "ndjson"
    return "csv" if "text/csv" in accepted else "json"


def as_json(thing: object) -> bytes:
    """A thing as JSON, its fields and times as the API has them."""
    return orjson.dumps(thing, option=_OPTIONS)


def table(
    name: str, form: Form, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> Response:
    """A file of rows that are all there."""
    listed = list(rows)
    text = _head(form, header) + _lines(form, header, listed)
    return Response(text, media_type=_media_type(form), headers=_named(name, form))


def streamed(
    name: str, form: Form, header: Sequence[str], batches: AsyncIterator[Rows]
) -> StreamingResponse:
    """A file of rows that are read as they are sent."""

    async def lines() -> AsyncIterator[bytes]:
        yield _head(form, header)
        async for batch in apart(batches):
            yield _lines(form, header, batch)

    return StreamingResponse(lines(), media_type=_media_type(form), headers=_named(name, form))


def json_streamed(head: object, items: AsyncIterator[object]) -> StreamingResponse:
    """An object of `head` and a list `items` that is read as it is sent."""

    async def pieces() -> AsyncIterator[bytes]:
        yield as_json(head)[:-1] + b',"items":['
        comma = b""
        async for item in apart(items):
            yield comma + as_json(item)
            comma = b","
        yield b"]}"

    return StreamingResponse(pieces(), media_type=JSON)


def _head(form: Form, header: Sequence[str]) -> bytes:
    return tables.csv_lines([header]).encode() if form == "csv" else b""


def _lines(form: Form, header: Sequence[str], rows: Rows) -> bytes:
    if form == "csv":
        return tables.csv_lines(rows).encode()
    return tables.ndjson_lines(header, rows)


def _media_type(form: Form) -> str:
    return spreadsheets.MEDIA_TYPE if form == "csv" else NDJSON


def _named(name: str, form: Form) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
