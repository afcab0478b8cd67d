"""Readings, events and refused messages as the API shows them."""

import base64
from typing import Annotated

from pydantic import BeforeValidator, Field

from api.schemas.shapes import Answer, Utc
from telemetry.model import Reason

Value = bool | int | float | str


class LatestAnswer(Answer):
    """The newest value of one metric, by the device's clock."""

    metric: str = Field(examples=["voltage_a"])
    time: Utc
    value: Value = Field(examples=[231.2])


class LatestValuesAnswer(Answer):
    """The newest value of each metric of a terminal."""

    terminal: str = Field(examples=["METER-1"])
    items: list[LatestAnswer]


class SeriesAnswer(Answer):
    """Values by time: `columns[metric][i]` was measured at `times[i]`, null where it was not.

    With a step, `times` are the beginnings of its buckets, and empty buckets are left out.
    """

    terminal: str = Field(examples=["METER-1"])
    step_seconds: int | None = Field(examples=[None])
    times: list[Utc]
    columns: dict[str, list[Value | None]] = Field(examples=[{"voltage_a": [231.2]}])


class EventAnswer(Answer):
    """Something that happened at a terminal; `delay_seconds` is our clock less the device's."""

    time: Utc
    terminal: str = Field(examples=["METER-1"])
    delay_seconds: int
    code: str = Field(examples=["last_gasp"])
    severity: str = Field(examples=["major"])
    text: str | None
    data: object | None


class QuarantinedAnswer(Answer):
    """A message that could not be stored, without its bytes."""

    id: int = Field(examples=[7])
    received_at: Utc
    last_received_at: Utc
    count: int = Field(description="How often the same bytes came for the same reason.")
    bridge: str = Field(examples=["bridge-1"])
    topic: str = Field(examples=["m2m/v1/METER-1/telemetry"])
    terminal: str | None = Field(examples=["METER-1"])
    reason: Reason
    detail: str = Field(examples=["voltage_a is 23120, above 260"])
    payload_bytes: int = Field(examples=[44])


def _base64(payload: object) -> object:
    return base64.b64encode(payload).decode() if isinstance(payload, bytes) else payload


class QuarantinedMessageAnswer(QuarantinedAnswer):
    """A message that could not be stored, as it came; long ones are kept in part."""

    payload: Annotated[str, BeforeValidator(_base64)] = Field(
        description="The raw bytes, base64.", examples=["eyJ2b2x0YWdlX2EiOiAyMzEyMH0="]
    )
