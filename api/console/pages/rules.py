"""Rules: what is held against readings, tried on what was before it is, and how it came to be."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from api import limits, problems
from api.console import rule_words
from api.console.pages import whose
from api.console.pages.rule_forms import EVERY, Given, field_of, filled, with_the_rest
from api.console.pages.schedule_forms import Times
from api.console.pages.screen import Screen, Shows
from api.console.pages.sheets import page_or_file
from api.console.pages.users import own_client
from api.errors import VersionChanged
from api.problems import Problem
from api.routes.rules import Number
from api.schemas.alarms import RuleAnswer
from foundation.errors import Invalid, MusterError, NotFound, NotPermitted, Refused
from registry import audit, profiles, regions
from registry.model import Metric, Region
from registry.scope import Right
from telemetry.alarms import desk, rule_model, rules, schedules, trial
from telemetry.alarms.rule_model import Rule, RuleInvalid
from telemetry.alarms.schedules import ScheduleInvalid
from telemetry.alarms.trial import Trial

router = APIRouter(prefix="/rules")

OnScreen = Annotated[Screen, Shows(Right.RULES_READ)]
Changing = Annotated[Screen, Shows(Right.RULES_CHANGE)]
Filled = Annotated[Given, Depends()]
When = Annotated[Times, Depends()]

_REFUSALS = (Invalid, Refused, NotFound, NotPermitted)
_CHANGES = 10
_AROUND = timedelta(minutes=15)  # of a would-be alarm, that a chart shows
# What every change of a rule counts or dates.
_OF_ITSELF = {"version", "changed_at", "held_since", "created_at", "id"}


@dataclass(frozen=True, slots=True)
class Changed:
    """When somebody let a rule be otherwise, and of what: name, before, after."""

    at: datetime
    actor: str
    fields: list[tuple[str, Any, Any]]


@router.get("")
async def list_rules(
    screen: OnScreen,
    profile: Annotated[str, Query(max_length=64)] = "",
    enabled: Annotated[str, Query(pattern="^(true|false)?$")] = "",
    after: Annotated[str, Query(max_length=32)] = "",
) -> Response:
    """One page of the rules in scope, each with how many alarms of it are open."""
    conn, scope = screen.conn, screen.scope
    chosen = enabled == "true" if enabled else None
    read = partial(rules.list_page, profile=profile or None, enabled=chosen)
    page = await page_or_file(screen, "rules", RuleAnswer, read, after)
    if isinstance(page, Response):
        return page
    opened: Mapping[int, int] = {}
    if screen.may(Right.ALARMS_READ):
        opened = await desk.count_of_rules(conn, scope, [rule.id for rule in page.items])
    defined = await profiles.list_all(conn, scope)
    return screen.show(
        "rules.html",
        items=page.items,
        next_key=page.next_key,
        profile=profile,
        enabled=enabled,
        after=after,
        opened=opened,
        profiles={each.code: each for each in defined},
        metrics={each.code: {m.name: m for m in each.metrics} for each in defined},
        regions=await _regions(screen),
        may_change=screen.may(Right.RULES_CHANGE),
    )


@router.get("/new")
async def show_form(
    screen: Changing,
    profile: Annotated[str, Query(max_length=64)] = "",
    terminal: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """The form of a new rule, of the metrics of a profile that is chosen first."""
    given = Given(profile=profile, terminal=terminal, client=await own_client(screen))
    return await _form(screen, given, Times(), None)


@router.post("/new")
async def define(screen: Changing, given: Filled, times: When) -> Response:
    """A new rule, not yet enabled, or the form again with what is wrong."""
    try:
        async with screen.attempt():
            said = _said(screen, given, times)
            made = await rules.define(screen.conn, screen.scope, **given.of(), **said)
    except _REFUSALS as error:
        return await _form(screen, given, times, None, error)
    return RedirectResponse(f"/rules/{made.id}", 303)


@router.get("/{number}")
async def show_rule(screen: OnScreen, number: Number) -> Response:
    """One rule: what it says, whose terminals it is of, what is open of it, how it was changed."""
    return await _page(screen, number)


@router.get("/{number}/trial")
@limits.expensive
async def try_rule(
    screen: OnScreen,
    number: Number,
    days: Annotated[int, Query(ge=1, le=trial.LONGEST.days)] = 7,
) -> Response:
    """The same, with the alarms that it would have raised in the last days."""
    try:
        async with screen.attempt():
            found = await trial.hold(screen.conn, screen.scope, number, days)
    except (Invalid, Refused) as error:
        return await _page(screen, number, untried=problems.of_error(error), days=days)
    return await _page(screen, number, found=found, days=days)


@router.get("/{number}/change")
async def show_change(screen: Changing, number: Number) -> Response:
    """The form of a rule that there is."""
    rule = await rules.find(screen.conn, screen.scope, number)
    return await _form(screen, filled(rule), Times.of(rule.schedule), rule)


@router.post("/{number}/change")
async def change(screen: Changing, number: Number, given: Filled, times: When) -> Response:
    """Let it be otherwise, or show the form again with what is wrong."""
    try:
        async with screen.attempt():
            said = _said(screen, given, times)
            rule = await rules.find(screen.conn, screen.scope, number)
            said["criterion"] = with_the_rest(rule, said["criterion"])
            await _change(screen, number, given.version, **said)
    except _REFUSALS as error:
        rule = await rules.find(screen.conn, screen.scope, number)
        return await _form(screen, given, times, rule, error)
    return RedirectResponse(f"/rules/{number}", 303)


@router.post("/{number}/enabled")
async def enable(
    screen: Changing,
    number: Number,
    enabled: Annotated[bool, Form()],
    version: Annotated[int | None, Form(ge=1)] = None,
) -> Response:
    """Have readings held against it from now on, or not any more."""
    try:
        async with screen.attempt():
            await _change(screen, number, version, enabled=enabled)
    except _REFUSALS as error:
        return await _page(screen, number, problems.of_error(error))
    return RedirectResponse(f"/rules/{number}", 303)


async def _change(screen: Screen, number: int, version: int | None, **given: Any) -> None:
    """Let it be otherwise, as it was when the reader saw it."""
    changed = await rules.change(screen.conn, screen.scope, number, **given)
    if version is not None and changed.version != version + 1:
        raise VersionChanged


def _said(screen: Screen, given: Given, times: Times) -> dict[str, Any]:
    """What the form says of a rule that can be changed later, too."""
    said = given.says()
    if not said["name"]:
        raise RuleInvalid("A rule has a name.", field="name", remedy="Say what is wrong.")
    return said | {"schedule": times.schedule(_zone(screen))}


def _zone(screen: Screen) -> str:
    """The zone in which people here tell the time, unless they say another."""
    zone: str = screen.request.app.state.settings.time_zone
    return zone


async def _page(
    screen: Screen,
    number: int,
    problem: Problem | None = None,
    *,
    found: Trial | None = None,
    untried: Problem | None = None,
    days: int = 7,
) -> Response:
    conn, scope = screen.conn, screen.scope
    rule = await rules.find(conn, scope, number)
    profile = await profiles.find(conn, scope, rule.profile) if rule.profile else None
    opened: Mapping[int, int] = {}
    if screen.may(Right.ALARMS_READ):
        opened = await desk.count_of_rules(conn, scope, [number])
    return screen.show(
        "rule.html",
        status=next((each.status for each in (problem, untried) if each), 200),
        problem=problem,
        untried=untried,
        rule=rule,
        profile=profile,
        metrics={metric.name: metric for metric in profile.metrics} if profile else {},
        regions=await _regions(screen),
        opened=opened.get(number, 0),
        trial=found,
        around=_AROUND,
        days=days,
        history=await _history(screen, rule),
        may_change=screen.may(Right.RULES_CHANGE),
    )


async def _history(screen: Screen, rule: Rule) -> list[Changed] | None:
    """How it was changed lately, as far as the reader may read the audit."""
    if not screen.may(Right.AUDIT_READ):
        return None
    page = await audit.list_page(
        screen.conn, screen.scope, key=str(rule.id), action="rule.update", limit=_CHANGES
    )
    return [Changed(entry.at, entry.actor, _fields(entry, rule.id)) for entry in page.items]


def _fields(entry: audit.Entry, number: int) -> list[tuple[str, Any, Any]]:
    of_it = [change for change in entry.changes if change.key == str(number)]
    return [
        (name, _told(name, (change.before or {}).get(name)), _told(name, after))
        for change in of_it
        for name, after in (change.after or {}).items()
        if name not in _OF_ITSELF
    ]


def _told(name: str, value: Any) -> Any:
    """A column's value; of a criterion what it watches for, of a schedule its spans."""
    if name not in ("criterion", "schedule") or not isinstance(value, dict):
        return value
    try:
        return rule_model.read(value) if name == "criterion" else schedules.read(value)
    except (RuleInvalid, ScheduleInvalid):
        return None


async def _form(
    screen: Screen,
    given: Given,
    times: Times,
    rule: Rule | None,
    error: MusterError | None = None,
) -> Response:
    conn, scope = screen.conn, screen.scope
    problem = problems.of_error(error) if error else None
    defined = {profile.code: profile for profile in await profiles.list_all(conn, scope)}
    profile = defined.get(given.profile)
    shown: list[Metric] = [m for m in profile.metrics if not m.hidden] if profile else []
    numbers = [m for m in shown if m.type in rule_model.NUMBERS]
    truths = [m for m in shown if m.type == "boolean"]
    kinds = _kinds({m.name for m in numbers}, bool(truths)) if profile else ["silence"]
    return screen.show(
        "rule_form.html",
        status=problem.status if problem else 200,
        problem=problem,
        wrong=field_of(error, given, kinds, is_new=rule is None) if error else "",
        given=given,
        times=times,
        zone=_zone(screen),
        rule=rule,
        every=EVERY,
        profiles=defined,
        profile=profile,
        kinds=kinds,
        metrics=shown,
        numbers=numbers,
        truths=truths,
        **await whose.choices(screen),
    )


def _kinds(numbers: set[str], has_truths: bool) -> list[str]:
    """What rules of a profile may watch for that measures these numbers, and perhaps truths."""
    has_place = {"latitude", "longitude"} <= numbers
    needs = {"truth": has_truths, "place": has_place}
    needs |= dict.fromkeys(("threshold", "band", "change", "stuck"), bool(numbers))
    return [kind for kind in rule_words.KINDS if needs.get(kind, True)]


async def _regions(screen: Screen) -> dict[int, Region]:
    return {region.code: region for region in await regions.list_all(screen.conn, screen.scope)}
