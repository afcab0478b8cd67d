"""The component sheet: what pages are made of, side by side; only where the settings say so."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from api.console.pages.screen import Screen, Shows
from api.console.words import Data
from registry.scope import Right

router = APIRouter(include_in_schema=False)

TOKENS = (
    "bg", "surface", "sunken", "line", "ink", "ink-2", "ink-3", "accent", "accent-soft",
    "on-accent", "ok", "ok-soft", "warn", "warn-soft", "bad", "bad-soft", "mute-soft",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """A row to look at."""

    data: Data
    at: datetime | None
    expected: int | None
    stored: int
    late: int = 0
    duplicate: int = 0
    quarantined: int = 0


@router.get("/components")
async def show_components(screen: Annotated[Screen, Shows(Right.TERMINALS_READ)]) -> Response:
    """Each component as the pages use it, of made-up rows."""
    now = datetime.now(UTC)
    rows = [
        Sample(Data.REPORTING, now - timedelta(seconds=4), 1440, 1440),
        Sample(Data.SILENT, now - timedelta(hours=3), 1440, 1260, late=12, quarantined=3),
        Sample(Data.NEVER, None, None, 0),
        Sample(Data.IDLE, now - timedelta(days=40), 1440, 1400, duplicate=2),
    ]
    screen.request.state.house["has_files"] = True
    return screen.show("components.html", tokens=TOKENS, rows=rows)
