"""What the browser loads beside pages."""

from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import RedirectResponse, Response

from api import exposition
from api.console.assets import Assets
from api.errors import NoSuchAddress

router = APIRouter()

_FOR_EVER = "public, max-age=31536000, immutable"


@router.get("/assets/{digest}/{path:path}")
async def asset(
    request: Request, digest: str, path: str, accept_encoding: Annotated[str, Header()] = ""
) -> Response:
    """One asset; its address holds a digest of them all, so a browser may keep it for ever."""
    assets: Assets = request.app.state.renderer.assets
    found = assets.files.get(path)
    if found is None:
        raise NoSuchAddress
    # While processes of two versions run side by side, an old page may ask a new one.
    kept = _FOR_EVER if digest == assets.digest else "no-cache"
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding"}
    if not exposition.takes_gzip(accept_encoding):
        return Response(found.body, media_type=found.media_type, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(found.gzipped, media_type=found.media_type, headers=headers)


@router.get("/favicon.ico")
async def icon(request: Request) -> Response:
    """Where browsers look by themselves."""
    return RedirectResponse(request.app.state.renderer.assets.address("icon.svg"), 308)
