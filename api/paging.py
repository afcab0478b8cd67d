"""Pages by key: how many rows a request may ask for, and where the next page is."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request, Response

MOST_ROWS = 1000

Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of a page at most.")]
After = Annotated[
    str | None, Query(max_length=256, description="`next` of the page before, same filters.")
]


def link_next(request: Request, response: Response, next_key: str | None) -> None:
    """Say where the next page is (RFC 8288), when there is one."""
    if next_key is not None:
        query = urlencode({**request.query_params, "after": next_key})
        response.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
