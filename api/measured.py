"""Tables of what was measured: JSON, CSV, NDJSON or Parquet, with the types that values have."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Annotated, Any, Literal

import orjson
from fastapi import Query, Request
from starlette.responses import Response, StreamingResponse

from api import spreadsheets
from api.apart import apart
from foundation import tables
from telemetry import parquet
from telemetry.parquet import Kinds

NDJSON = "application/x-ndjson"
JSON = "application/json"
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_DATACLASS

Form = Literal["json", "csv", "ndjson", "parquet"]
_INSTEAD = "Instead of the Accept header."
Chosen = Annotated[
    Literal["json", "csv", "ndjson"] | None, Query(alias="format", description=_INSTEAD)
]
ChosenOfSeries = Annotated[Form | None, Query(alias="format", description=_INSTEAD)]
_TEXTS = {
    "text/csv": {"schema": {"type": "string"}},
    NDJSON: {"schema": {"type": "string"}},
}
_PARQUET = {parquet.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
AS_TABLE: dict[int | str, dict[str, Any]] = {200: {"content": _TEXTS}}
AS_SERIES: dict[int | str, dict[str, Any]] = {200: {"content": {**_TEXTS, **_PARQUET}}}

Rows = Sequence[Sequence[object]]


def wanted(request: Request, chosen: Form | None, *, of_series: bool = False) -> Form:
    """How the caller asks for it, by `format` or else by Accept; series also come as Parquet.

    Raises `ParquetMissing` where this installation cannot write it.
    """
    form = chosen or _accepted(request.headers.get("accept", ""), of_series=of_series)
    if form == "parquet":
        parquet.require()
    return form


def _accepted(accepted: str, *, of_series: bool) -> Form:
    if of_series and parquet.MEDIA_TYPE in accepted:
        return "parquet"
    if NDJSON in accepted:
        return "ndjson"
    return "csv" if "text/csv" in accepted else "json"


def as_json(thing: object) -> bytes:
    """A thing as JSON, its fields and times as the API has them."""
    return orjson.dumps(thing, option=_OPTIONS)


def table(name: str, form: Form, columns: Kinds, rows: Iterable[Sequence[object]]) -> Response:
    """A file of rows that are all there."""
    listed = list(rows)
    if form == "parquet":
        file = parquet.Writer(columns, {})
        text = file.add(listed) + file.end()
    else:
        text = _head(form, list(columns)) + _lines(form, list(columns), listed)
    return Response(text, media_type=_media_type(form), headers=_named(name, form))


def streamed(
    name: str, form: Form, columns: Kinds, batches: AsyncIterator[Rows]
) -> StreamingResponse:
    """A file of rows that are read as they are sent."""
    header = list(columns)

    async def lines() -> AsyncIterator[bytes]:
        yield _head(form, header)
        async for batch in apart(batches):
            yield _lines(form, header, batch)

    async def groups() -> AsyncIterator[bytes]:
        file = parquet.Writer(columns, {})
        async for batch in apart(batches):
            yield await asyncio.to_thread(file.add, batch)
        yield await asyncio.to_thread(file.end)

    pieces = groups() if form == "parquet" else lines()
    return StreamingResponse(pieces, media_type=_media_type(form), headers=_named(name, form))


def json_streamed(head: object, batches: AsyncIterator[Sequence[object]]) -> StreamingResponse:
    """An object of `head` and a list `items` that is read as it is sent."""

    async def pieces() -> AsyncIterator[bytes]:
        yield as_json(head)[:-1] + b',"items":['
        comma = b""
        async for batch in apart(batches):
            if batch:
                yield comma + as_json(batch)[1:-1]
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
    types = {"csv": spreadsheets.MEDIA_TYPE, "parquet": parquet.MEDIA_TYPE}
    return types.get(form, NDJSON)


def _named(name: str, form: Form) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
