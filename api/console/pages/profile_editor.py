"""The editor of device profiles: defined, or given more metrics, after a payload was tried on them.

What is tried is what would be defined; nothing of it is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.profile_forms import Given
from api.console.pages.screen import Screen, Shows
from api.inspecting import inspected_by
from api.problems import Problem
from foundation.errors import Invalid, MusterError, Refused
from registry import profile_document, profiles
from registry.codecs import CODECS
from registry.model import DeviceProfile
from registry.profile_document import Fault, ProfileInvalid
from registry.scope import Right

router = APIRouter(prefix="/profiles")

Defining = Annotated[Screen, Shows(Right.PROFILES_DEFINE)]
Filled = Annotated[Given, Depends()]


@dataclass(frozen=True, slots=True)
class _Trial:
    """What a payload says by a profile that is not defined yet, or why it says nothing."""

    told: dict[str, Any] | None = None
    problem: Problem | None = None
    waits: bool = False
    """Whether the profile has to be mended before."""


@router.get("/new")
async def show_form(screen: Defining) -> Response:
    """The form of a new profile."""
    return _form(screen, Given(), None)


@router.post("/new")
async def define(screen: Defining, given: Filled) -> Response:
    """A new profile, or the form again: with one row more, a trial, or what is wrong where."""
    if given.act == "row":
        return _form(screen, given, None)
    if given.act == "try":
        return _form(screen, given, None, trial=await _tried(given, None))
    try:
        async with screen.attempt():
            document = profile_document.parse(given.document())
            made = await profiles.define(screen.conn, screen.scope, document)
    except (Invalid, Refused) as error:
        return _form(screen, given, None, error=error)
    return RedirectResponse(f"/profiles/{made.code}", 303)


@router.post("/new/trial")
async def try_new(screen: Defining, given: Filled) -> Response:
    """What a payload says by the profile as the form has it now."""
    return screen.show("profile_trial.html", trial=await _tried(given, None))


@router.get("/{code}/metrics")
async def show_metrics_form(screen: Defining, code: str) -> Response:
    """The form of further metrics of a profile."""
    return _form(screen, Given(), await profiles.find(screen.conn, screen.scope, code))


@router.post("/{code}/metrics")
async def add_metrics(screen: Defining, code: str, given: Filled) -> Response:
    """Give a profile these metrics, all of them or none; or the form again."""
    profile = await profiles.find(screen.conn, screen.scope, code)
    if given.act == "row":
        return _form(screen, given, profile)
    if given.act == "try":
        return _form(screen, given, profile, trial=await _tried(given, profile))
    try:
        async with screen.attempt():
            for metric in _with_metrics(given, profile).metrics[len(profile.metrics) :]:
                await profiles.add_metric(screen.conn, screen.scope, code, metric)
    except (Invalid, Refused) as error:
        return _form(screen, given, profile, error=error)
    return RedirectResponse(f"/profiles/{code}", 303)


@router.post("/{code}/metrics/trial")
async def try_metrics(screen: Defining, code: str, given: Filled) -> Response:
    """What a payload says by the profile with the metrics that the form has now."""
    profile = await profiles.find(screen.conn, screen.scope, code)
    return screen.show("profile_trial.html", trial=await _tried(given, profile))


def _with_metrics(given: Given, profile: DeviceProfile) -> DeviceProfile:
    """The profile with the form's metrics as well; ProfileInvalid with every fault at once."""
    faults: list[Fault] = []
    metrics = list(profile.metrics)
    for at, (_row, document) in enumerate(given.metrics()):
        try:
            metric = profile_document.parse_metric(document)
        except ProfileInvalid as error:
            faults += [Fault(f"metrics.{at}.{one.path}", one.why) for one in error.faults]
            continue
        if metric.name in {one.name for one in metrics}:
            taken = next(n for n, one in enumerate(metrics) if one.name == metric.name)
            faults.append(Fault(f"metrics.{at}.name", f"metrics.{taken} has this name already"))
        metrics.append(metric)
    if not given.metrics():
        faults.append(Fault("metrics", "a list of 1 to 200 metrics is needed"))
    if faults:
        raise ProfileInvalid(faults)
    return replace(profile, metrics=tuple(metrics))


async def _tried(given: Given, existing: DeviceProfile | None) -> _Trial:
    if not given.payload.strip():
        return _Trial()
    try:
        profile = (
            profile_document.parse(given.document())
            if existing is None
            else _with_metrics(given, existing)
        )
    except ProfileInvalid:
        return _Trial(waits=True)
    try:
        return _Trial(told=await inspected_by(profile, given.payload, given.form))
    except MusterError as error:
        return _Trial(problem=problems.of_error(error))


def _form(
    screen: Screen,
    given: Given,
    profile: DeviceProfile | None,
    *,
    error: MusterError | None = None,
    trial: _Trial | None = None,
) -> Response:
    told: Mapping[str, str] = {}
    problem = None
    if isinstance(error, ProfileInvalid):
        told = given.placed(error.faults)
    if error is not None:
        problem = problems.of_error(error)
    return screen.show(
        "profile_form.html",
        status=problem.status if problem else 200,
        problem=problem,
        faults=told,
        given=given,
        rows=given.rows(least=1 if profile else 3),
        profile=profile,
        codecs=sorted(CODECS),
        trial=trial or _Trial(),
    )
