"""Thresholds of storms on their way in and out."""

from typing import Annotated

from pydantic import Field

from api.schemas.alarms import Name
from api.schemas.shapes import Answer, Body
from registry.conditions import Severity
from telemetry.alarms.falls import Shared
from telemetry.alarms.storm_thresholds import LEAST, WINDOW_SECONDS

Least = Annotated[int, Field(ge=LEAST[0], le=LEAST[1])]
Share = Annotated[float, Field(gt=0, le=1)]
Window = Annotated[int, Field(ge=WINDOW_SECONDS[0], le=WINDOW_SECONDS[1])]

_LEAST = "How many it takes at least."
_SHARE = "Which part of those that spoke before, and share the same, it takes."
_WINDOW = "Within how many seconds they fall silent."


class ThresholdChange(Body):
    """What is to be changed; what is not named stays."""

    name: Name | None = Field(None, description="What its alarms are called.")
    severity: Severity | None = None
    least: Least | None = Field(None, description=_LEAST)
    share: Share | None = Field(None, description=_SHARE)
    window_seconds: Window | None = Field(None, description=_WINDOW)


class ThresholdAnswer(Answer):
    """When terminals that share something and fall silent are one alarm."""

    shared: Shared
    name: str
    severity: Severity
    least: int = Field(description=_LEAST)
    share: float = Field(description=_SHARE)
    window_seconds: int = Field(description=_WINDOW)
    version: int


class ThresholdsAnswer(Answer):
    """All of them."""

    items: list[ThresholdAnswer]
