"""Device profiles: what terminals measure, how they say it, and how to read it."""

import json
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.screen import Screen, Shows
from api.problems import Problem
from foundation.errors import Invalid
from registry import profiles
from registry.model import DeviceProfile, Metric, MetricType
from registry.scope import Right
from telemetry import retention
from telemetry.retention import Storage

OnScreen = Annotated[Screen, Shows(Right.PROFILES_READ)]
Defining = Annotated[Screen, Shows(Right.PROFILES_DEFINE)]
Days = Annotated[str, Form(pattern="^[0-9]{0,5}$")]

router = APIRouter(prefix="/profiles")

_SAMPLE_METRICS = 4


@router.get("")
async def list_profiles(screen: OnScreen) -> Response:
    """Every profile."""
    listed = await profiles.list_all(screen.conn, screen.scope)
    storage: Sequence[Storage] = ()
    if screen.may(Right.STORAGE_READ):
        storage = await retention.list_storage(screen.conn, screen.scope)
    return screen.show("profiles.html", profiles=listed, storage=storage)


@router.get("/{code}")
async def profile(screen: OnScreen, code: str) -> Response:
    """One profile, with a message to try."""
    return await _page(screen, code, None)


@router.post("/{code}/retention")
async def keep(
    screen: Defining, code: str, raw_days: Days = "", rollup_days: Days = ""
) -> Response:
    """Keep what it measures for so many days, or for ever; or the page with what is wrong."""
    wanted: profiles.Change = {
        "raw_days": int(raw_days) if raw_days else None,
        "rollup_days": int(rollup_days) if rollup_days else None,
    }
    try:
        async with screen.attempt():
            await profiles.change(screen.conn, screen.scope, code, **wanted)
    except Invalid as error:
        return await _page(screen, code, problems.of_error(error))
    return RedirectResponse(f"/profiles/{code}", 303)


async def _page(screen: Screen, code: str, problem: Problem | None) -> Response:
    return screen.show(
        "profile.html",
        status=problem.status if problem else 200,
        problem=problem,
        may_define=screen.may(Right.PROFILES_DEFINE),
        profile=(found := await profiles.find(screen.conn, screen.scope, code)),
        sample=sample(found),
        topic_prefix=screen.request.app.state.settings.topic_prefix,
    )


def sample(profile: DeviceProfile) -> str:
    """A flat JSON message that a terminal of this profile could send."""
    shown = [metric for metric in profile.metrics if not metric.hidden][:_SAMPLE_METRICS]
    return json.dumps({metric.name: _plausible(metric) for metric in shown})


def _plausible(metric: Metric) -> float | int | bool | str:
    low, high = metric.low, metric.high
    middle = ((low or 0.0) + (high if high is not None else (low or 0.0) + 2)) / 2
    match metric.type:
        case MetricType.BOOLEAN:
            return True
        case MetricType.TEXT:
            return "text"
        case MetricType.BIGINT:
            return int(middle)
        case MetricType.DOUBLE:
            return round(middle, 2)
