"""What the browser loads beside pages."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.console.assets import Assets
from api.errors import NoSuchAddress

router = APIRouter()

_FOR_EVER = "public, max-age=31536000, immutable"


@router.get("/assets/{digest}/{path:path}")
async def asset(request: Request, digest: str, path: str) -> Response:
    """One asset; its address holds a digest of them all, so a browser may keep it for ever."""
    assets: Assets = request.app.state.renderer.assets
    found = assets.files.get(path)
    if found is None:
        raise NoSuchAddress
    # While processes of two versions run side by side, an old page may ask a new one.
    kept = _FOR_EVER if digest == assets.digest else "no-cache"
    return Response(found.body, media_type=found.media_type, headers={"Cache-Control": kept})


@router.get("/favicon.ico")
async def icon(request: Request) -> Response:
    """Where browsers look by themselves."""
    return RedirectResponse(request.app.state.renderer.assets.address("icon.svg"), 308)
