"""What a Prometheus asks for: which group clients there are to scrape, and each one's series."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from starlette.responses import StreamingResponse

from api import exposition, openapi
from api.dependencies import Needs, Transaction
from api.paging import After, Limit, link_next
from api.schemas.prometheus import SeriesUseAnswer, TargetAnswer
from api.schemas.shapes import PageOf
from api.scrapes import in_turn
from api.strict import StrictRoute
from registry.scope import Right, Scope
from telemetry import exposition as exposed

router = APIRouter(prefix="/api/v1", tags=["prometheus"], route_class=StrictRoute)

Scraper = Annotated[Scope, Needs(Right.METRICS_SCRAPE)]
_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
_QUICKLY = 1  # of zlib's levels: series are much alike, and a scraper waits
_GZIP = 31  # zlib's window bits for a gzip header


@router.get("/prometheus/targets", operation_id="list_scrape_targets")
async def list_scrape_targets(
    scope: Scraper, conn: Transaction, request: Request
) -> list[TargetAnswer]:
    """The group clients in scope that have terminals, for Prometheus' `http_sd_configs`."""
    found, after = [], ""
    while True:
        page = await exposed.list_targets(conn, scope, after=after)
        found += [
            TargetAnswer.of(target, request.url.netloc, request.url.scheme) for target in page.items
        ]
        if page.next_key is None:
            return found
        after = page.next_key


@router.get("/prometheus/series", operation_id="list_series_use")
async def list_series_use(
    scope: Annotated[Scope, Needs(Right.GROUP_CLIENTS_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[SeriesUseAnswer]:
    """One page of the group clients in scope that have terminals: series at most, and the cap."""
    page = await exposed.list_use(conn, scope, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[SeriesUseAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.get(
    "/group-clients/{code}/metrics",
    operation_id="scrape_group_client",
    dependencies=[Depends(in_turn, scope="function")],
    response_class=Response,
    responses={
        200: {"content": {"text/plain": _TEXT, "application/openmetrics-text": _TEXT}},
        **openapi.PROBLEMS,
    },
)
async def scrape_group_client(
    scope: Scraper,
    conn: Transaction,
    code: str,
    accept: Annotated[str, Header()] = "",
    accept_encoding: Annotated[str, Header()] = "",
) -> StreamingResponse:
    """The newest values of a client's own terminals, or aggregates where they are too many.

    Series of terminals that fell silent are withdrawn, but for when they were last heard of.
    """
    told = await exposed.read(conn, scope, code)
    kind = exposition.wanted(accept)
    headers = {"Content-Type": kind, "Vary": "Accept, Accept-Encoding"}
    blocks = exposition.blocks(told, kind)
    if not exposition.takes_gzip(accept_encoding):
        return StreamingResponse(_in_pieces(blocks), headers=headers)
    return StreamingResponse(_zipped(blocks), headers=headers | {"Content-Encoding": "gzip"})


async def _in_pieces(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block
        await asyncio.sleep(0)  # others are served between


async def _zipped(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    file = zlib.compressobj(_QUICKLY, wbits=_GZIP)
    for block in blocks:
        yield await asyncio.to_thread(file.compress, block)
    yield file.flush()
