"""Where a client stands: the forms on its page that let another region or parent have it."""

from collections.abc import Awaitable
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages import clients
from api.console.pages.screen import Screen, Shows
from api.errors import VersionChanged
from foundation.errors import Invalid, NotFound, NotPermitted, Refused
from registry import supervision
from registry.model import GroupClient, RegionCode
from registry.scope import Right

Moving = Annotated[Screen, Shows(Right.GROUP_CLIENTS_MOVE)]
Version = Annotated[int | None, Form(ge=1)]

router = APIRouter(prefix="/group-clients/{code}")


@router.post("/supervision")
async def move(
    screen: Moving,
    code: str,
    region: Annotated[int, Form(ge=0, lt=2**31)],
    version: Version = None,
) -> Response:
    """Another region supervises it from now on, or its page again with what is wrong."""
    moved = supervision.move(screen.conn, screen.scope, code, RegionCode(region))
    return await _done(screen, code, version, moved)


@router.post("/parent")
async def put_below(
    screen: Moving,
    code: str,
    version: Version = None,
    parent: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """It is below another client (empty: below none) from now on, or its page again."""
    moved = supervision.put_below(screen.conn, screen.scope, code, parent.strip() or None)
    return await _done(screen, code, version, moved, parent)


async def _done(
    screen: Screen, code: str, version: int | None, move: Awaitable[GroupClient], parent: str = ""
) -> Response:
    """Move the client as it was when the reader saw it; not one that somebody moved since."""
    try:
        async with screen.attempt():
            moved = await move
            if version is not None and moved.version != version + 1:
                raise VersionChanged
    except (Invalid, Refused, NotFound, NotPermitted) as error:
        return await clients.show(screen, code, problems.of_error(error), parent)
    return RedirectResponse(f"/group-clients/{code}#standpoint", 303)
