"""`/health/live`, `/health/ready`, `/metrics`: for whoever watches the process."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from api import auth, openapi
from api.strict import StrictRoute
from foundation.addresses import is_loopback
from foundation.database import transaction
from foundation.errors import MusterError
from registry.scope import Right

router = APIRouter(tags=["health"], route_class=StrictRoute)


class Live(BaseModel):
    """The process answers."""

    live: bool = True


class Ready(BaseModel):
    """Whether the process can serve, and what it lacks, by name, with a sentence each."""

    ready: bool
    missing: dict[str, str] = Field(examples=[{}])


@router.get("/health/live", operation_id="is_live")
async def is_live() -> Live:
    """The process answers; it says nothing of what it needs."""
    return Live()


@router.get(
    "/health/ready",
    operation_id="is_ready",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "Something is missing"}},
)
async def is_ready(request: Request) -> Response:
    """Whether the process can serve requests, and if not, what is missing."""
    missing: dict[str, str] = {}
    try:
        async with transaction(request.app.state.pool) as conn:
            await conn.execute("select from registry.profile limit 1")
    except MusterError as error:
        missing["database"] = str(error)
    lacking = request.app.state.renderer.assets.missing
    if lacking:
        missing["console"] = f"{len(lacking)} browser libraries are not fetched; run ./muster once."
    body = Ready(ready=not missing, missing=missing)
    return JSONResponse(body.model_dump(), 503 if missing else 200)


async def _may_scrape(request: Request) -> None:
    """Let in who asks on the machine itself, and elsewhere whoever shows a scraper's key."""
    host = request.client.host if request.client else None
    if is_loopback(host) and is_loopback(request.url.hostname):
        return
    async with transaction(request.app.state.pool) as conn:
        caller = await auth.authenticate(conn, request)
    caller.scope.require(Right.METRICS_SCRAPE)


@router.get(
    "/metrics",
    operation_id="scrape",
    dependencies=[Depends(_may_scrape)],
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **{status: openapi.PROBLEMS[status] for status in (401, 403, 422, 503)},
    },
)
async def scrape(request: Request, accept: Annotated[str, Header()] = "") -> Response:
    """This process in Prometheus' words; needs a scraper's key except on loopback."""
    encode, kind = choose_encoder(accept)
    return Response(encode(request.app.state.metrics.registry), media_type=kind)
