"""The file of an export as an answer, whole or a range of it, read part by part as it is sent."""

import base64
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from api import ranges
from api.apart import apart
from foundation.database import Connection, Pool, transaction
from registry.scope import Scope
from telemetry import parquet
from telemetry.exports import asking
from telemetry.exports.model import ExportFormat

_GZIP = "application/gzip"
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {_GZIP: _BYTES, parquet.MEDIA_TYPE: _BYTES}},
    206: {"description": "A part", "content": {_GZIP: _BYTES, parquet.MEDIA_TYPE: _BYTES}},
    409: {"description": "There is no file", "content": _PROBLEM},
    416: {"description": "The file has no such bytes", "content": _PROBLEM},
}


async def response(request: Request, conn: Connection, scope: Scope, number: int) -> Response:
    """The file of an export that the asker may have."""
    found = await asking.open_file(conn, scope, number)
    assert found.sha256 is not None
    etag = f'"{found.sha256.hex()}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Repr-Digest": f"sha-256=:{base64.b64encode(found.sha256).decode()}:",
        "Content-Disposition": f'attachment; filename="{found.file_name}"',
    }
    asked = ranges.wanted(request, found.size_bytes, etag)
    first, last = asked or (0, found.size_bytes - 1)
    if asked is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{found.size_bytes}"
    if first == 0:
        await asking.tell(conn, scope, number, "fetch")
    headers["Content-Length"] = str(last - first + 1)
    media_type = parquet.MEDIA_TYPE if found.format is ExportFormat.PARQUET else _GZIP
    pieces = apart(_pieces(request.app.state.pool, scope, number, first, last))
    return StreamingResponse(pieces, 206 if asked else 200, headers, media_type)


async def _pieces(
    pool: Pool, scope: Scope, number: int, first: int, last: int
) -> AsyncIterator[bytes]:
    """Bytes of the file, each part in a transaction of its own."""
    for n, start, end in asking.parts(first, last):
        async with transaction(pool, scope.settings()) as conn:
            part = await asking.read_part(conn, scope, number, n)
        yield part[start:end]
