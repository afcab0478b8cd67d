"""Parts of files by their bytes (RFC 9110, 14), with which a broken download goes on."""

import re

from fastapi import Request
from starlette.exceptions import HTTPException

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


def wanted(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """The first and the last byte that are asked for; None is the whole file.

    Several ranges at once, and what is no range, are answered with the whole file; so is who holds
    the beginning of another file (If-Range). Raises 416 where the file has no such bytes.
    """
    found = _ONE_RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if found is None or found[1] == found[2] == "":
        return None
    if request.headers.get("if-range", etag) != etag:
        return None
    if found[1] == "":
        first, last = max(size - int(found[2]), 0), size - 1
    else:
        first = int(found[1])
        last = min(int(found[2]), size - 1) if found[2] else size - 1
        if found[2] and int(found[2]) < first:
            return None
    if first > last:
        raise HTTPException(416, headers={"Content-Range": f"bytes */{size}"})
    return first, last
