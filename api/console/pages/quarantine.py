"""The quarantine: what could not be stored, why, and what to do about it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.console.pages.screen import PAGE_ROWS, Screen, Shows
from registry.scope import Right
from telemetry import reader
from telemetry.model import Reason

OnScreen = Annotated[Screen, Shows(Right.QUARANTINE_READ)]

router = APIRouter(prefix="/quarantine")

_BYTES_A_LINE = 16


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for."""

    reason: Annotated[Reason | None, Query()] = None
    terminal: Annotated[str | None, Query(max_length=64)] = None
    after: Annotated[str | None, Query(max_length=256)] = None


@router.get("")
async def list_quarantine(screen: OnScreen, filters: Annotated[Filters, Depends()]) -> Response:
    """One page of refused messages, newest first, with the counts of each reason."""
    conn, scope = screen.conn, screen.scope
    page = await reader.list_quarantine(
        conn,
        scope,
        terminal_code=filters.terminal,
        reason=filters.reason,
        after=filters.after,
        limit=PAGE_ROWS,
    )
    counts = await reader.count_quarantine(conn, scope)
    return screen.show(
        "quarantine.html",
        filters=filters,
        items=page.items,
        next_key=page.next_key,
        counts=sorted(counts.items(), key=lambda pair: -pair[1]),
        total=sum(counts.values()),
    )


@router.get("/{item}")
async def quarantined(screen: OnScreen, item: int) -> Response:
    """One refused message as it came."""
    found = await reader.find_quarantined(screen.conn, screen.scope, item)
    return screen.show(
        "quarantined.html", item=found, text=as_text(found.payload), hex_dump=dump(found.payload)
    )


def as_text(payload: bytes) -> str | None:
    """The payload as people read it, or None where it is no text; never anything to run."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if all(c.isprintable() or c in "\r\n\t" for c in text) else None


def dump(payload: bytes) -> str:
    """Offset, bytes and ASCII, sixteen to a line."""
    lines = []
    for at in range(0, len(payload), _BYTES_A_LINE):
        part = payload[at : at + _BYTES_A_LINE]
        ascii_part = "".join(chr(b) if 32 <= b < 127 else "." for b in part)
        lines.append(f"{at:06x}  {part.hex(' '):<{_BYTES_A_LINE * 3}} {ascii_part}")
    return "\n".join(lines)
