"""One terminal with its live chart; `terminal_list` has the list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.console import fleet
from api.console.pages.lives import past_of
from api.console.pages.profiles import sample
from api.console.pages.screen import Screen, Shows
from registry import client_files, lives, parts, profiles, regions, terminals
from registry.errors import MetricNotFound
from registry.model import (
    DeviceProfile,
    Metric,
    MetricType,
    TerminalState,
)
from registry.scope import Right
from telemetry import completeness, diagnosis, presence, reader
from telemetry.alarms import desk
from telemetry.alarms.desk import Alarm
from telemetry.model import LatestValue, QuarantineItem, Search, Value

router = APIRouter(prefix="/terminals")

OnScreen = Annotated[Screen, Shows(Right.TERMINALS_READ)]

_REFUSALS = 5


@dataclass(frozen=True, slots=True)
class Range:
    """A time that the chart shows up to now, and the width of its buckets (None is every value)."""

    name: str
    span: timedelta
    step_seconds: int | None

    @property
    def seconds(self) -> int:
        return int(self.span.total_seconds())


RANGES = (
    Range("1h", timedelta(hours=1), None),
    Range("24h", timedelta(hours=24), 120),
    Range("7d", timedelta(days=7), 900),
)
_EVENTS = 5
_ALARMS = 5
_LATEST = "div#latest"  # the part of the page that shows newest values


@dataclass(frozen=True, slots=True)
class LatestRow:
    """A metric of the profile and its newest value, if it has one."""

    metric: Metric
    value: Value | None
    time: datetime | None


@router.get("/{code}")
async def terminal(
    screen: OnScreen,
    code: str,
    metric: Annotated[str | None, Query(max_length=64)] = None,
    range_name: Annotated[str, Query(alias="range", max_length=8)] = "1h",
) -> Response:
    """One terminal: what is wrong with it, who owns it, what it measures, what was refused."""
    conn, scope = screen.conn, screen.scope
    if screen.request.headers.get("hx-target") == _LATEST:
        return await _newest(screen, code, metric)
    known = await diagnosis.look(conn, scope, code)
    found = known.terminal
    profile = await profiles.find(conn, scope, found.profile_code)
    latest = {value.metric: value for value in await reader.latest(conn, scope, code)}
    return screen.show(
        "terminal.html",
        terminal=found,
        profile=profile,
        region=await regions.find(conn, scope, found.region_code),
        sim=known.sim,
        binding=known.binding,
        hardware=await parts.find_hardware(conn, scope, code),
        may_see_sim=screen.may(Right.SIMS_READ),
        data=fleet.data_of(found, known.presence),
        diagnosis=diagnosis.judged(known),
        presence=known.presence,
        pauses=known.pauses,
        latest=latest_rows(profile, latest),
        metric=charted(profile, metric),
        ranges=RANGES,
        chosen=next((r for r in RANGES if r.name == range_name), RANGES[0]),
        days=await completeness.days_of(conn, scope, code, *_week()),
        gaps=await completeness.gaps_of(conn, scope, code, *_week()),
        alarms=await _alarms(screen, code),
        metrics={each.name: each for each in profile.metrics},
        events=(await reader.list_events(conn, scope, code, limit=_EVENTS)).items,
        quarantine=await _refused(screen, code),
        past=None if "hx-request" in screen.request.headers else await past_of(screen, code),
        may_change=screen.may(Right.TERMINALS_CHANGE),
        sample=sample(profile),
        moves=_moves(screen, found.state, await terminals.state_before(conn, scope, found)),
        warnings=await client_files.warnings_of(conn, scope, found.group_client_id),
        may_issue=screen.may(Right.CREDENTIALS_ISSUE) and found.state is not TerminalState.RETIRED,
    )


async def _newest(screen: Screen, code: str, metric: str | None) -> Response:
    """What the page asks for again when a reading comes: its values, and when it came."""
    conn, scope = screen.conn, screen.scope
    found = await terminals.find(conn, scope, code)
    profile = await profiles.find(conn, scope, found.profile_code)
    latest = {value.metric: value for value in await reader.latest(conn, scope, code)}
    return screen.show(
        "terminal_newest.html",
        terminal=found,
        profile=profile,
        presence=(await presence.of(conn, scope, [found.id]))[found.id],
        pauses=await presence.list_pauses(conn, scope, found.id),
        latest=latest_rows(profile, latest),
        metric=charted(profile, metric),
    )


def _moves(
    screen: Screen, state: TerminalState, before: TerminalState | None
) -> list[TerminalState]:
    """The states that this person may put the terminal into, in the order of its life."""
    ways = lives.moves_from(state, before)
    return [to for to in TerminalState if to in ways and screen.may(lives.right_to(to))]


def _week() -> tuple[date, date]:
    """The days whose completeness is shown."""
    last = completeness.today()
    return last - timedelta(days=6), last


async def _alarms(screen: Screen, code: str) -> Sequence[Alarm] | None:
    """Its alarms: those that are open, then the last that are over."""
    if not screen.may(Right.ALARMS_READ):
        return None
    conn, scope = screen.conn, screen.scope
    opened = await desk.list_worst(conn, scope, terminal=code, limit=_ALARMS)
    over = await desk.list_page(
        conn, scope, terminal=code, open=False, limit=max(1, _ALARMS - len(opened.items))
    )
    return [*opened.items, *over.items][:_ALARMS]


async def _refused(screen: Screen, code: str) -> list[QuarantineItem] | None:
    if not screen.may(Right.QUARANTINE_READ):
        return None
    page = await reader.list_quarantine(
        screen.conn, screen.scope, Search(terminal=code), limit=_REFUSALS
    )
    return list(page.items)


def latest_rows(profile: DeviceProfile, latest: dict[str, LatestValue]) -> list[LatestRow]:
    """Every metric that is shown, in the profile's order, with its newest value."""
    rows = []
    for metric in profile.metrics:
        if metric.hidden:
            continue
        newest = latest.get(metric.name)
        rows.append(
            LatestRow(metric, newest.value, newest.time)
            if newest
            else LatestRow(metric, None, None)
        )
    return rows


def charted(profile: DeviceProfile, name: str | None) -> Metric:
    """The metric to draw: the one asked for, else the profile's first that can be drawn."""
    drawn = [m for m in profile.metrics if m.type is not MetricType.TEXT and not m.hidden]
    # A number says more at first sight than a yes or no.
    drawn.sort(key=lambda metric: metric.type is MetricType.BOOLEAN)
    for metric in drawn:
        if name in (None, metric.name):
            return metric
    raise MetricNotFound(f"The profile {profile.code} draws no metric {name}.")
