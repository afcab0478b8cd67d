"""Readings and events as the API shows them."""

from pydantic import Field

from api.schemas.shapes import Answer, Utc

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
