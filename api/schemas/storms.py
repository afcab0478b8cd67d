"""Thresholds of storms on their way in and out."""

from typing import Annotated

from pydantic import Field

from api.schemas.alarms import Name
from api.schemas.shapes import Answer, Body
from registry.conditions import Severity
from telemetry.alarms.falls import Shared

Least = Annotated[int, Field(ge=2, le=1_000_000)]
Share = Annotated[float, Field(gt=0, le=1)]
Window = Annotated[int, Field(ge=10, le=3600)]

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
