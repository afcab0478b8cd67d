"""The glossary: every term that pages explain where it stands, in one place."""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from api.console.pages.screen import Screen, Shows
from registry.scope import Right

router = APIRouter()


@router.get("/glossary")
async def show_terms(screen: Annotated[Screen, Shows(Right.ACCOUNT_OVERSEE)]) -> Response:
    """All terms."""
    return screen.show("glossary.html")
