"""The first page: how the fleet is, in one sentence, and every number a door."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from api.console.pages.profiles import sample
from api.console.pages.screen import Screen, Shows
from registry import profiles, regions, terminals
from registry.model import Region, Sector, TerminalState
from registry.scope import Right
from telemetry import presence, reader
from telemetry.model import QuarantineItem, Reason, Silence

OnScreen = Annotated[Screen, Shows(Right.TERMINALS_READ)]

router = APIRouter()

_NEWEST_REFUSALS = 6
_STOPPED = timedelta(minutes=1)
# A region's tile changes its tone where fewer than these shares of its terminals report.
_WARN_BELOW, _BAD_BELOW = 0.96, 0.90


@dataclass(frozen=True, slots=True)
class Fleet:
    """The fleet in numbers; a terminal that was never heard counts as silent, too."""

    terminals: int
    isolated: int
    in_service: int
    silent: int
    never_heard: int

    @property
    def reporting(self) -> int:
        return self.in_service - self.silent


@dataclass(frozen=True, slots=True)
class Part:
    """How many terminals of a part of the fleet are in service, and how many of them are silent."""

    in_service: int
    silent: int

    @property
    def share(self) -> float:
        """Of the terminals in service, those that report."""
        return (self.in_service - self.silent) / self.in_service if self.in_service else 0.0

    @property
    def tone(self) -> str:
        if not self.in_service:
            return "none"
        return "bad" if self.share < _BAD_BELOW else "warn" if self.share < _WARN_BELOW else "ok"


@dataclass(frozen=True, slots=True)
class Refused:
    """The quarantine at a glance."""

    total: int
    most: Reason | None
    newest: Sequence[QuarantineItem]


@router.get("/")
async def overview(screen: OnScreen) -> Response:
    """The overview of what the caller sees."""
    conn, scope = screen.conn, screen.scope
    counts = await terminals.count_by_state(conn, scope)
    silence = await presence.silence(conn, scope)
    known_until = (await presence.clock(conn, scope)).as_of
    defined = await profiles.list_all(conn, scope)
    example = next((p for p in defined if p.sector is Sector.POWER), next(iter(defined), None))
    return screen.show(
        "overview.html",
        fleet=fleet(counts, silence),
        stopped_at=known_until if is_old(known_until, datetime.now(UTC)) else None,
        tiles=tiles(await regions.list_all(conn, scope), silence),
        sectors=sectors(silence),
        quarantine=await _refused(screen),
        profiles=defined,
        example=example,
        sample=sample(example) if example else '{"voltage_a": 231.2}',
        may_register=screen.may(Right.TERMINALS_REGISTER),
    )


def is_old(known_until: datetime | None, now: datetime) -> bool:
    """Whether presence has not been followed for so long that people should be told."""
    return known_until is not None and now - known_until > _STOPPED


def fleet(counts: dict[TerminalState, int], silence: Iterable[Silence]) -> Fleet:
    """The numbers that the first sentence needs."""
    parts = list(silence)
    never = sum(part.never_heard for part in parts)
    return Fleet(
        terminals=sum(counts.values()) - counts.get(TerminalState.RETIRED, 0),
        isolated=counts.get(TerminalState.ISOLATED, 0),
        in_service=sum(part.in_service for part in parts),
        silent=sum(part.silent for part in parts) + never,
        never_heard=never,
    )


def tiles(tree: Iterable[Region], silence: Iterable[Silence]) -> list[tuple[Region, Part]]:
    """Every region that has a place on the grid, one with no terminal too."""
    by_province: dict[int, list[Silence]] = defaultdict(list)
    for part in silence:
        by_province[part.province_code].append(part)
    return [
        (region, _sum(by_province[region.code])) for region in tree if region.tile_row is not None
    ]


def sectors(silence: Iterable[Silence]) -> list[tuple[Sector, Part, float]]:
    """Each sector with its part of the fleet, and its share of the largest one's bar."""
    parts = list(silence)
    summed = [(s, _sum(part for part in parts if part.sector == s)) for s in Sector]
    largest = max((part.in_service for _, part in summed), default=0) or 1
    return [(sector, part, part.in_service / largest) for sector, part in summed]


def _sum(silence: Iterable[Silence]) -> Part:
    parts = list(silence)
    return Part(
        sum(part.in_service for part in parts), sum(p.silent + p.never_heard for p in parts)
    )


async def _refused(screen: Screen) -> Refused | None:
    if not screen.may(Right.QUARANTINE_READ):
        return None
    counts = await reader.count_quarantine(screen.conn, screen.scope)
    newest = await reader.list_quarantine(screen.conn, screen.scope, limit=_NEWEST_REFUSALS)
    most = max(counts, key=lambda reason: counts[reason], default=None)
    return Refused(sum(counts.values()), most, newest.items)
