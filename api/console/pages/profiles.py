"""Device profiles: what terminals measure, how they say it, and how to read it."""

import json
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from api.console.pages.screen import Screen, Shows
from registry import profiles
from registry.model import DeviceProfile, Metric, MetricType
from registry.scope import Right

OnScreen = Annotated[Screen, Shows(Right.PROFILES_READ)]

router = APIRouter(prefix="/profiles")

_SAMPLE_METRICS = 4


@router.get("")
async def list_profiles(screen: OnScreen) -> Response:
    """Every profile."""
    listed = await profiles.list_all(screen.conn, screen.scope)
    return screen.show("profiles.html", profiles=listed)


@router.get("/{code}")
async def profile(screen: OnScreen, code: str) -> Response:
    """One profile, with a message to try."""
    return screen.show(
        "profile.html",
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
