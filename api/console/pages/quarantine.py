"""The quarantine: what could not be stored, why, and what to do about it: take it again."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from api.console.pages import decoding
from api.console.pages.screen import SPANS, Screen, Shows
from api.console.pages.sheets import page_or_file
from api.schemas.quarantine import OutcomeAnswer, QuarantinedAnswer
from registry.scope import Right
from telemetry import reader, replays
from telemetry.model import QuarantineItem, Reason, Search

OnScreen = Annotated[Screen, Shows(Right.QUARANTINE_READ)]
Replaying = Annotated[Screen, Shows(Right.QUARANTINE_REPLAY)]

router = APIRouter(prefix="/quarantine")

_BYTES_A_LINE = 16
_STORMS = 5


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; an empty field of the form asks for nothing."""

    reason: Annotated[str, Query(max_length=32)] = ""
    terminal: Annotated[str, Query(max_length=64)] = ""
    topic: Annotated[str, Query(max_length=200)] = ""
    since: Annotated[str, Query(alias="since", pattern="^(1h|24h|7d)?$")] = ""
    resolved: Annotated[bool, Query()] = False
    after: Annotated[str | None, Query(max_length=256)] = None

    @property
    def any(self) -> bool:
        """Whether anything is asked for that a replay can be narrowed to."""
        return bool(self.reason or self.terminal or self.topic or self.since)

    def search(self) -> Search:
        """The same as the room understands it."""
        span = SPANS.get(self.since)
        return Search(
            terminal=self.terminal or None,
            reason=Reason(self.reason) if self.reason in set(Reason) else None,
            topic=self.topic or None,
            start=datetime.now(UTC) - span if span else None,
            resolved=self.resolved,
        )


@router.get("")
async def list_quarantine(screen: OnScreen, filters: Annotated[Filters, Depends()]) -> Response:
    """One page of refused messages, newest first, with the counts of each reason, and storms."""
    conn, scope = screen.conn, screen.scope
    search = filters.search()
    read = partial(reader.list_quarantine, search=search)
    page = await page_or_file(screen, "quarantine", QuarantinedAnswer, read, filters.after)
    if isinstance(page, Response):
        return page
    storms = await reader.list_storms(
        conn, scope, terminal_code=search.terminal, reason=search.reason, limit=_STORMS
    )
    counts = await reader.count_quarantine(conn, scope)
    return screen.show(
        "quarantine.html",
        filters=filters,
        items=page.items,
        storms=storms.items,
        next_key=page.next_key,
        counts=sorted(counts.items(), key=lambda pair: -pair[1]),
        total=sum(counts.values()),
        may_replay=screen.may(Right.QUARANTINE_REPLAY),
    )


@router.post("/replay")
async def replay_found(
    screen: Replaying,
    reason: Annotated[str, Form(max_length=32)] = "",
    terminal: Annotated[str, Form(max_length=64)] = "",
    topic: Annotated[str, Form(max_length=200)] = "",
    since: Annotated[str, Form(pattern="^(1h|24h|7d)?$")] = "",
) -> Response:
    """Have everything that a search finds taken again."""
    search = Filters(reason, terminal, topic, since).search()
    replay = await replays.request(screen.conn, screen.scope, search)
    return RedirectResponse(f"/quarantine/replays/{replay.id}", 303)


@router.post("/{item}/replay")
async def replay_one(screen: Replaying, item: int) -> Response:
    """Have one refused message taken again."""
    replay = await replays.request(screen.conn, screen.scope, [item])
    return RedirectResponse(f"/quarantine/replays/{replay.id}", 303)


@router.get("/replays/{replay}")
async def show_replay(
    screen: Replaying, replay: int, after: Annotated[str | None, Query(max_length=32)] = None
) -> Response:
    """How far a replay has come, and what became of each message."""
    found = await replays.find(screen.conn, screen.scope, replay)
    read = partial(replays.list_outcomes, replay_id=replay)
    page = await page_or_file(screen, f"replay-{replay}", OutcomeAnswer, read, after)
    if isinstance(page, Response):
        return page
    return screen.show(
        "replay.html", replay=found, outcomes=page.items, next_key=page.next_key, after=after
    )


@router.get("/{item}")
async def quarantined(screen: OnScreen, item: int) -> Response:
    """One refused message as it came."""
    found = await reader.find_quarantined(screen.conn, screen.scope, item)
    return screen.show(
        "quarantined.html",
        item=found,
        text=as_text(found.payload),
        hex_dump=dump(found.payload),
        inspectable=_is_inspectable(found),
        may_replay=screen.may(Right.QUARANTINE_REPLAY),
    )


def _is_inspectable(item: QuarantineItem) -> bool:
    """Whether the inspector can be given what is kept, by an address, and knows how to read it."""
    is_whole = item.payload_bytes == len(item.payload) <= decoding.MOST_CHARACTERS // 2
    return bool(item.terminal and item.payload and is_whole) and item.topic.endswith("/telemetry")


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
