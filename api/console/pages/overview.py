"""The first page: how the fleet is, in one sentence, and every number a door."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from api.console.pages.alarms import MOST_COUNTED
from api.console.pages.profiles import sample
from api.console.pages.screen import Screen, Shows
from registry import profiles, regions
from registry.model import Region, Sector, TerminalState
from registry.scope import Right
from telemetry import presence, reader, tally
from telemetry.alarms import desk
from telemetry.model import DataState, QuarantineItem, Reason

OnScreen = Annotated[Screen, Shows(Right.TERMINALS_READ)]

router = APIRouter()

_NEWEST_REFUSALS = 6
_LISTED = 10
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
    counted = await tally.fleet(conn, scope)
    known_until = (await presence.clock(conn, scope)).as_of
    defined = await profiles.list_all(conn, scope)
    example = next((p for p in defined if p.sector is Sector.POWER), next(iter(defined), None))
    return screen.show(
        "overview.html",
        fleet=fleet(counted.parts),
        counted_at=counted.as_of,
        stopped_at=known_until if is_old(known_until, datetime.now(UTC)) else None,
        tiles=tiles(await regions.list_all(conn, scope), counted.parts),
        sectors=sectors(counted.parts),
        quarantine=await _refused(screen),
        profiles=defined,
        example=example,
        sample=sample(example) if example else '{"voltage_a": 231.2}',
        may_register=screen.may(Right.TERMINALS_REGISTER),
    )


@router.get("/overview/silent")
async def silent(screen: OnScreen) -> Response:
    """Of the overview, who has been silent longest."""
    conn, scope = screen.conn, screen.scope
    return screen.show(
        "overview_silent.html",
        silent=await presence.list_longest_silent(conn, scope, _LISTED),
        regions={region.code: region for region in await regions.list_all(conn, scope)},
    )


@router.get("/overview/alarms")
async def open_alarms(screen: Annotated[Screen, Shows(Right.ALARMS_READ)]) -> Response:
    """Of the overview, how many alarms are open, and the newest of them."""
    conn, scope = screen.conn, screen.scope
    newest = await desk.list_page(conn, scope, open=True, shelved=False, quiet=False, limit=_LISTED)
    return screen.show(
        "overview_alarms.html",
        items=newest.items,
        counts=await desk.count_open(
            conn, scope, most=MOST_COUNTED + 1, shelved=False, quiet=False
        ),
        most=MOST_COUNTED,
        regions={region.code: region for region in await regions.list_all(conn, scope)},
    )


def is_old(known_until: datetime | None, now: datetime) -> bool:
    """Whether presence has not been followed for so long that people should be told."""
    return known_until is not None and now - known_until > _STOPPED


def fleet(parts: Iterable[tally.Part]) -> Fleet:
    """The numbers that the first sentence needs."""
    counts: Counter[TerminalState] = Counter()
    absent: Counter[DataState] = Counter()
    for part in parts:
        counts[part.state] += part.terminals
        if part.state.counts_in_rates:
            absent[part.data] += part.terminals
    return Fleet(
        terminals=counts.total() - counts[TerminalState.RETIRED],
        isolated=counts[TerminalState.ISOLATED],
        in_service=absent.total(),
        silent=absent[DataState.SILENT] + absent[DataState.NEVER],
        never_heard=absent[DataState.NEVER],
    )


def tiles(tree: Iterable[Region], parts: Iterable[tally.Part]) -> list[tuple[Region, Part]]:
    """Every region that has a place on the grid, one with no terminal too."""
    by_province: dict[int, list[tally.Part]] = defaultdict(list)
    for part in parts:
        by_province[part.province_code].append(part)
    return [
        (region, _sum(by_province[region.code])) for region in tree if region.tile_row is not None
    ]


def sectors(counted: Sequence[tally.Part]) -> list[tuple[Sector, Part, float]]:
    """Each sector with its part of the fleet, and its share of the largest one's bar."""
    summed = [(s, _sum(part for part in counted if part.sector == s)) for s in Sector]
    largest = max((part.in_service for _, part in summed), default=0) or 1
    return [(sector, part, part.in_service / largest) for sector, part in summed]


def _sum(parts: Iterable[tally.Part]) -> Part:
    whole = fleet(parts)
    return Part(whole.in_service, whole.silent)


async def _refused(screen: Screen) -> Refused | None:
    if not screen.may(Right.QUARANTINE_READ):
        return None
    counts = await reader.count_quarantine(screen.conn, screen.scope)
    newest = await reader.list_quarantine(screen.conn, screen.scope, limit=_NEWEST_REFUSALS)
    most = max(counts, key=lambda reason: counts[reason], default=None)
    return Refused(sum(counts.values()), most, newest.items)
