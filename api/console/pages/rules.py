"""Rules: what is held against readings, tried on what was before it is, and how it came to be."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from api import limits, problems
from api.console.pages.rule_forms import Given, filled, with_the_rest
from api.console.pages.screen import Screen, Shows
from api.console.pages.sheets import page_or_file
from api.console.pages.users import own_client
from api.errors import VersionChanged
from api.problems import Problem
from api.routes.rules import Number
from api.schemas.alarms import RuleAnswer
from foundation.errors import Invalid, NotFound, NotPermitted, Refused
from registry import audit, collections, profiles, regions
from registry.model import Metric, Region
from registry.scope import Right
from telemetry.alarms import desk, rule_model, rules, trial
from telemetry.alarms.rule_model import Rule, RuleInvalid
from telemetry.alarms.trial import Trial

router = APIRouter(prefix="/rules")

OnScreen = Annotated[Screen, Shows(Right.RULES_READ)]
Changing = Annotated[Screen, Shows(Right.RULES_CHANGE)]
Filled = Annotated[Given, Depends()]

_REFUSALS = (Invalid, Refused, NotFound, NotPermitted)
_COLLECTIONS = 200  # as many as a list to choose from bears
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
    return await _form(screen, given, None, None)


@router.post("/new")
async def define(screen: Changing, given: Filled) -> Response:
    """A new rule, not yet enabled, or the form again with what is wrong."""
    try:
        async with screen.attempt():
            said = _named(given.says())
            made = await rules.define(screen.conn, screen.scope, **given.of(), **said)
    except _REFUSALS as error:
        return await _form(screen, given, None, problems.of_error(error))
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
        found = await trial.hold(screen.conn, screen.scope, number, days)
    except Invalid as error:
        return await _page(screen, number, problems.of_error(error))
    return await _page(screen, number, found=found, days=days)


@router.get("/{number}/change")
async def show_change(screen: Changing, number: Number) -> Response:
    """The form of a rule that there is."""
    rule = await rules.find(screen.conn, screen.scope, number)
    return await _form(screen, filled(rule), rule, None)


@router.post("/{number}/change")
async def change(screen: Changing, number: Number, given: Filled) -> Response:
    """Let it be otherwise, or show the form again with what is wrong."""
    try:
        async with screen.attempt():
            said = _named(given.says())
            rule = await rules.find(screen.conn, screen.scope, number)
            said["criterion"] = with_the_rest(rule, said["criterion"])
            await _change(screen, number, given.version, **said)
    except _REFUSALS as error:
        rule = await rules.find(screen.conn, screen.scope, number)
        return await _form(screen, given, rule, problems.of_error(error))
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


def _named(said: dict[str, Any]) -> dict[str, Any]:
    if not said["name"]:
        raise RuleInvalid("A rule has a name.", field="name", remedy="Say what is wrong.")
    return said


async def _page(
    screen: Screen,
    number: int,
    problem: Problem | None = None,
    *,
    found: Trial | None = None,
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
        status=problem.status if problem else 200,
        problem=problem,
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
    """A column's value; of a criterion what it watches for."""
    if name != "criterion" or not isinstance(value, dict):
        return value
    try:
        return rule_model.read(value)
    except RuleInvalid:
        return None


async def _form(
    screen: Screen, given: Given, rule: Rule | None, problem: Problem | None
) -> Response:
    conn, scope = screen.conn, screen.scope
    defined = {profile.code: profile for profile in await profiles.list_all(conn, scope)}
    profile = defined.get(given.profile)
    shown: list[Metric] = [m for m in profile.metrics if not m.hidden] if profile else []
    page = await collections.list_page(conn, scope, limit=_COLLECTIONS)
    tree = await _regions(screen)
    return screen.show(
        "rule_form.html",
        status=problem.status if problem else 200,
        problem=problem,
        given=given,
        rule=rule,
        profiles=defined,
        profile=profile,
        numbers=[m for m in shown if m.type in rule_model.NUMBERS],
        truths=[m for m in shown if m.type == "boolean"],
        has_place={"latitude", "longitude"} <= {m.name for m in shown},
        collections=[one for one in page.items if one.query is None],
        regions=[r for r in tree.values() if _is_own(screen, r)],
    )


def _is_own(screen: Screen, region: Region) -> bool:
    """Whether a rule of the reader's may be of that region."""
    within = screen.scope.region
    return screen.scope.everything or (
        within is not None and within.low <= region.code <= within.high
    )


async def _regions(screen: Screen) -> dict[int, Region]:
    return {region.code: region for region in await regions.list_all(screen.conn, screen.scope)}
