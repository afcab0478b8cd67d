"""Device profiles as the API shows them; the way in is `registry.profile_document`."""

from typing import Annotated

from pydantic import Field

from api.schemas.shapes import Answer, Body
from registry.model import MetricType, Sector

Days = Annotated[int, Field(ge=1, le=36_500)]


class ConditionAnswer(Answer):
    """While this bit is set, or (null) while the value is true, the condition `code` holds."""

    code: str = Field(examples=["emergency"])
    severity: str = Field(examples=["critical"])
    bit: int | None = Field(examples=[0])


class MetricAnswer(Answer):
    """One thing that a profile measures; `low` and `high` are inclusive, in `unit` (UCUM)."""

    name: str = Field(examples=["voltage_a"])
    type: MetricType
    unit: str | None = Field(examples=["V"])
    low: float | None = Field(examples=[180])
    high: float | None = Field(examples=[260])
    decimals: int | None
    title_zh: str = Field(examples=["A 相电压"])
    title_en: str = Field(examples=["Voltage, phase A"])
    hidden: bool
    conditions: list[ConditionAnswer]


class PauseAnswer(Answer):
    """From the event `after` until `until` data comes so often, or (null) why it does not."""

    reason: str = Field(examples=["parked"])
    after: str = Field(examples=["ignition_on_restored"])
    until: str = Field(examples=["ignition_on"])
    expected_interval_seconds: int | None = Field(examples=[14400])


class ProfileAnswer(Answer):
    """What a kind of terminal measures, how it says it, and how often."""

    code: str = Field(examples=["smart_meter"])
    sector: Sector
    title_zh: str = Field(examples=["三相智能电表"])
    title_en: str = Field(examples=["Three-phase smart meter"])
    codec: str = Field(examples=["json"])
    codec_options: dict[str, str | bool] = Field(examples=[{}])
    expected_interval_seconds: int = Field(examples=[60])
    clock_back_seconds: int
    clock_ahead_seconds: int
    chunk_days: int
    raw_days: int | None = Field(
        description="How long readings are kept raw; null: for ever. An owner's tier may reach"
        " further back.",
    )
    rollup_days: int | None = Field(description="The same of their roll-ups.")
    metrics: list[MetricAnswer]
    pauses: list[PauseAnswer]
    version: int = Field(examples=[1])


class ProfileChange(Body):
    """What can be changed of a live profile; what is not named stays, null is for ever."""

    raw_days: Days | None = Field(None, examples=[400])
    rollup_days: Days | None = Field(None, examples=[3650])


class ProfilesAnswer(Answer):
    """Every profile, by code."""

    items: list[ProfileAnswer]


EXAMPLE_METRIC = {
    "name": "temperature_c",
    "type": "double",
    "unit": "Cel",
    "low": -40,
    "high": 85,
    "title_zh": "温度",
    "title_en": "Temperature",
}
EXAMPLE = {
    "code": "cold_store",
    "sector": "security",
    "title_zh": "冷库",
    "title_en": "Cold store",
    "codec": "json",
    "expected_interval_seconds": 300,
    "metrics": [EXAMPLE_METRIC],
}
