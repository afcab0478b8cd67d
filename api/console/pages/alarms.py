"""The alarms desk: what is wrong now, who looks after it, and one alarm with its history."""

from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.account import ReturnTo, local
from api.console.pages.screen import Screen, Shows
from api.console.pages.sheets import page_or_file
from api.errors import VersionChanged
from api.problems import Problem
from api.routes.alarms import Number
from api.schemas.alarms import AlarmAnswer, AlarmNumber
from foundation.errors import Invalid, NotFound, NotPermitted, Refused
from registry import group_clients, profiles, regions, terminals
from registry.model import (
    DeviceProfile,
    Metric,
    MetricType,
    RegionCode,
    RegionLevel,
    Terminal,
)
from registry.scope import Right
from telemetry.alarms import desk, rules
from telemetry.alarms.criteria import Band, Threshold
from telemetry.alarms.desk import Alarm, Open, Wanted
from telemetry.alarms.rule_model import Rule

router = APIRouter(prefix="/alarms")

OnScreen = Annotated[Screen, Shows(Right.ALARMS_READ)]
Tending = Annotated[Screen, Shows(Right.ALARMS_TEND)]
Version = Annotated[int | None, Form(ge=1)]
Note = Annotated[str, Form(max_length=1000)]

MOST_COUNTED = 10_000  # of each severity
RULES_OFFERED = 200  # as many as a list to choose from bears

_REFUSALS = (Invalid, Refused, NotFound, NotPermitted)
_SHOWN: dict[str, Wanted] = {
    "": {"open": True, "shelved": False, "quiet": False},
    "new": {"open": True, "shelved": False, "quiet": False, "acknowledged": False},
    "late": {"open": True, "shelved": False, "quiet": False, "breached": True},
    "acknowledged": {"open": True, "shelved": False, "quiet": False, "acknowledged": True},
    "quiet": {"open": True, "quiet": True},
    "shelved": {"open": True, "shelved": True},
    "cleared": {"open": False},
    "all": {},
}
_BEFORE, _AFTER, _LONGEST = timedelta(hours=1), timedelta(minutes=15), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; an empty field of the form asks for nothing."""

    state: Annotated[str, Query(pattern="^(new|late|acknowledged|quiet|shelved|cleared|all)?$")] = (
        ""
    )
    severity: Annotated[str, Query(pattern="^(critical|major|minor|warning|indeterminate)?$")] = ""
    rule: Annotated[str, Query(pattern="^[0-9]{0,9}$")] = ""
    client: Annotated[str, Query(max_length=64)] = ""
    region: Annotated[str, Query(pattern="^[0-9]{0,6}$")] = ""
    terminal: Annotated[str, Query(max_length=64)] = ""
    under: Annotated[str, Query(pattern="^[0-9]{0,18}$")] = ""
    profile: Annotated[str, Query(max_length=64)] = ""
    mine: bool = False
    after: Annotated[str, Query(max_length=64)] = ""

    @property
    def is_open(self) -> bool:
        """Whether only open alarms are asked for, which are in the order of their severity."""
        return _SHOWN[self.state].get("open", False) is True

    @property
    def any(self) -> bool:
        """Whether something narrows the list."""
        return any(getattr(self, name) for name in self.__slots__ if name != "after")


@router.get("")
async def list_alarms(screen: OnScreen, asked: Annotated[Asked, Depends()]) -> Response:
    """One page of alarms, and how many are open of each severity."""
    conn, scope = screen.conn, screen.scope
    wanted = await _wanted(screen, asked)
    read = desk.list_worst if asked.is_open else desk.list_page
    narrowed = wanted | {"severity": asked.severity or None}
    page = await page_or_file(screen, "alarms", AlarmAnswer, partial(read, **narrowed), asked.after)
    if isinstance(page, Response):
        return page
    counts: Sequence[Open] = ()
    if asked.is_open:
        counts = await desk.count_open(conn, scope, most=MOST_COUNTED + 1, **wanted)
    defined = await profiles.list_all(conn, scope)
    tree = await regions.list_all(conn, scope)
    return screen.show(
        "alarms.html",
        filters=asked,
        items=page.items,
        next_key=page.next_key,
        counts=counts,
        total=sum(min(each.alarms, MOST_COUNTED) for each in counts),
        is_cut=any(each.alarms > MOST_COUNTED for each in counts),
        most=MOST_COUNTED,
        metrics=metrics_of(defined),
        profiles=defined,
        rules=await _rules(screen, asked.rule),
        regions={region.code: region for region in tree},
        choices=[region for region in tree if region.level is not RegionLevel.CITY],
        may_tend=screen.may(Right.ALARMS_TEND),
        most_at_once=desk.MOST_AT_ONCE,
    )


async def _wanted(screen: Screen, asked: Asked) -> Wanted:
    """What is asked for, but the severity."""
    conn, scope = screen.conn, screen.scope
    wanted = Wanted(**_SHOWN[asked.state])
    if asked.rule:
        wanted["rule"] = int(asked.rule)
    if asked.terminal.strip():
        wanted["terminal"] = asked.terminal.strip()
    if asked.under:
        wanted["parent"] = int(asked.under)
    if asked.client:
        wanted["group_client"] = (await group_clients.find(conn, scope, asked.client)).id
    if asked.region:
        wanted["region"] = (await regions.find(conn, scope, int(asked.region))).range
    if asked.profile:
        wanted["profile"] = (await profiles.find(conn, scope, asked.profile)).id
    if asked.mine:
        wanted["assignee"] = screen.caller.name
    return wanted


async def _rules(screen: Screen, chosen: str) -> Sequence[tuple[int, str]]:
    """Numbers and names of rules to choose from, the chosen one among them."""
    if not screen.may(Right.RULES_READ):
        return []
    page = await rules.list_page(screen.conn, screen.scope, limit=RULES_OFFERED)
    offered = [(rule.id, rule.name) for rule in page.items]
    if chosen and int(chosen) not in dict(offered):
        offered.append((int(chosen), chosen))
    return offered


def metrics_of(defined: Iterable[DeviceProfile]) -> dict[str, Metric]:
    """Metrics by name; where profiles do not agree on the unit, it is not told."""
    known: dict[str, Metric] = {}
    disputed = set()
    for metric in (metric for profile in defined for metric in profile.metrics):
        if metric.unit != known.setdefault(metric.name, metric).unit:
            disputed.add(metric.name)
    return {name: metric for name, metric in known.items() if name not in disputed}


@router.post("/acknowledgement")
async def acknowledge_these(
    screen: Tending,
    asked: Annotated[Asked, Depends()],
    alarm: Annotated[list[AlarmNumber] | None, Form(max_length=desk.MOST_AT_ONCE)] = None,
    all_: Annotated[bool, Form(alias="all")] = False,
    return_to: ReturnTo = "/alarms",
) -> Response:
    """Take note of those that are chosen, or of all that fit, and go on with the list."""
    if all_:
        wanted = await _wanted(screen, asked) | {"severity": asked.severity or None}
        await desk.acknowledge_wanted(screen.conn, screen.scope, **wanted)
    else:
        await desk.acknowledge_all(screen.conn, screen.scope, alarm or [])
    return RedirectResponse(local(return_to), 303)


@router.get("/{number}")
async def show_alarm(screen: OnScreen, number: Number) -> Response:
    """One alarm with all that is known of it."""
    return await _page(screen, number, None)


@router.post("/{number}/acknowledgement")
async def acknowledge(screen: Tending, number: Number, note: Note = "") -> Response:
    """Take note of it."""
    deed = desk.acknowledge(screen.conn, screen.scope, number, note.strip() or None)
    return await _done(screen, number, deed)


@router.post("/{number}/assignment")
async def assign(
    screen: Tending,
    number: Number,
    assignee: Annotated[str, Form(max_length=64)] = "",
    version: Version = None,
) -> Response:
    """Say who looks after it; empty is nobody in particular."""
    deed = desk.assign(screen.conn, screen.scope, number, assignee.strip() or None)
    return await _done(screen, number, deed, version)


@router.post("/{number}/shelving")
async def shelve(
    screen: Tending,
    number: Number,
    hours: Annotated[str, Form(pattern="^(0|1|8|24|168|720)$")],
    note: Note = "",
    version: Version = None,
) -> Response:
    """Put it out of sight for some hours; none brings it back."""
    until = datetime.now(UTC) + timedelta(hours=int(hours)) if int(hours) else None
    deed = desk.shelve(screen.conn, screen.scope, number, until, note.strip() or None)
    return await _done(screen, number, deed, version)


@router.post("/{number}/clearing")
async def clear(
    screen: Tending, number: Number, note: Note = "", version: Version = None
) -> Response:
    """Say that it is over."""
    deed = desk.clear(screen.conn, screen.scope, number, note.strip() or None)
    return await _done(screen, number, deed, version)


@router.post("/{number}/notes")
async def comment(screen: Tending, number: Number, text: Note = "") -> Response:
    """Say something about it; nothing is no comment."""
    if not text.strip():
        return RedirectResponse(f"/alarms/{number}", 303)
    deed = desk.comment(screen.conn, screen.scope, number, text.strip())
    return await _done(screen, number, deed)


async def _done(
    screen: Screen, number: int, deed: Awaitable[Alarm], version: int | None = None
) -> Response:
    """Do it to the alarm as the reader saw it, or show the page again with what is wrong."""
    try:
        async with screen.attempt():
            tended = await deed
            if version is not None and tended.version != version + 1:
                raise VersionChanged
    except _REFUSALS as error:
        return await _page(screen, number, problems.of_error(error))
    return RedirectResponse(f"/alarms/{number}", 303)


async def _page(screen: Screen, number: int, problem: Problem | None) -> Response:
    conn, scope = screen.conn, screen.scope
    alarm = await desk.find(conn, scope, number)
    rule, terminal = await _rule(screen, alarm), await _terminal(screen, alarm)
    profile = await _profile(screen, rule, terminal)
    metrics = {metric.name: metric for metric in profile.metrics} if profile else {}
    tree = {region.code: region for region in await regions.list_all(conn, scope)}
    return screen.show(
        "alarm.html",
        status=problem.status if problem else 200,
        problem=problem,
        alarm=alarm,
        notes=await desk.list_notes(conn, scope, alarm),
        rule=rule,
        terminal=terminal,
        regions=tree,
        region=tree.get(RegionCode(alarm.region)),
        metrics=metrics,
        drawn=_drawn(alarm, metrics) if terminal else [],
        limits=_limits(rule),
        span=_around(alarm),
        may_tend=screen.may(Right.ALARMS_TEND),
    )


async def _rule(screen: Screen, alarm: Alarm) -> Rule | None:
    """The rule that raised it, as it is now; None where it is the operator's own."""
    if alarm.rule is None or not screen.may(Right.RULES_READ):
        return None
    try:
        return await rules.find(screen.conn, screen.scope, alarm.rule)
    except NotFound:
        return None


async def _terminal(screen: Screen, alarm: Alarm) -> Terminal | None:
    """Its terminal; None where somebody else has it now, or it is of many."""
    if alarm.terminal is None:
        return None
    try:
        return await terminals.find(screen.conn, screen.scope, alarm.terminal)
    except NotFound:
        return None


async def _profile(
    screen: Screen, rule: Rule | None, terminal: Terminal | None
) -> DeviceProfile | None:
    code = rule.profile if rule else terminal.profile_code if terminal else None
    return None if code is None else await profiles.find(screen.conn, screen.scope, code)


def _drawn(alarm: Alarm, metrics: dict[str, Metric]) -> list[Metric]:
    """The metric to draw, if it can be drawn."""
    metric = metrics.get(alarm.metric or "")
    return [metric] if metric and metric.type is not MetricType.TEXT and not metric.hidden else []


def _limits(rule: Rule | None) -> tuple[float | None, float | None]:
    """The limits that the rule sets, to be drawn."""
    match rule and rule.watched:
        case Threshold() as threshold:
            return threshold.below, threshold.above
        case Band() as band:
            return band.low, band.high
    return None, None


def _around(alarm: Alarm) -> tuple[datetime, datetime]:
    """The time that the chart shows: from before it began to after its end, a day at most."""
    now = datetime.now(UTC)
    start = alarm.raised_at - _BEFORE
    end = (alarm.cleared_at or now) + _AFTER
    return start, max(min(end, now, start + _LONGEST), alarm.raised_at + _AFTER)
