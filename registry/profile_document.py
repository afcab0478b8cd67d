"""A device profile as a document: what people write in a file or send to the API; pure.

A document has the fields of DeviceProfile but `id` and `version`, and its metrics those of Metric.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from foundation.errors import Invalid
from registry import codecs
from registry.conditions import HIGHEST_BIT, RESTORED, Condition, Severity
from registry.model import UNDEFINED_PROFILE, DeviceProfile, Metric, MetricType, Pause, Sector
from registry.reserved_names import (
    RESERVED_CODES,
    RESERVED_METRICS,
    RESERVED_SUFFIXES,
    SQL_WORDS,
)

MOST_METRICS = 200
NAME = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong (`why`) at one place (`path`, such as `metrics.3.unit`) of a document."""

    path: str
    why: str

    def __str__(self) -> str:
        return f"{self.path}: {self.why}"


class ProfileInvalid(Invalid):
    """A profile's document is refused; `faults` are all of them, in the order of the document."""

    code = "profile_invalid"
    remedy = "Correct every place that is named, then define the profile again."

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        listed = "; ".join(map(str, self.faults))
        super().__init__(f"The profile is refused: {listed}.", field=self.faults[0].path)


def parse(document: object) -> DeviceProfile:
    """The profile that a document (as JSON gives it) describes, not yet defined.

    Raises ProfileInvalid with every fault at once.
    """
    if not isinstance(document, dict):
        raise ProfileInvalid([Fault("document", "it must be an object with fields")])
    head, faults = _checked(_Head, {k: v for k, v in document.items() if k != "metrics"})
    metrics, metric_faults = _metrics(document.get("metrics"))
    if faults or metric_faults:
        raise ProfileInvalid(faults + metric_faults)
    assert head is not None
    return DeviceProfile(
        id=UNDEFINED_PROFILE,
        metrics=tuple(map(_metric_of, metrics)),
        pauses=tuple(Pause(**pause.model_dump()) for pause in head.pauses),
        **head.model_dump(exclude={"pauses"}),
    )


def parse_metric(document: object) -> Metric:
    """The metric that a document of its own describes; ProfileInvalid with every fault at once."""
    if not isinstance(document, dict):
        raise ProfileInvalid([Fault("document", "it must be an object with fields")])
    metric, faults = _checked(_Metric, document)
    if metric is None:
        raise ProfileInvalid(faults)
    return _metric_of(metric)


def _metric_of(read: "_Metric") -> Metric:
    conditions = tuple(Condition(**one.model_dump()) for one in read.conditions)
    return Metric(**read.model_dump(exclude={"conditions"}), conditions=conditions)


def _metrics(listed: object) -> tuple[list["_Metric"], list[Fault]]:
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_METRICS:
        return [], [Fault("metrics", f"a list of 1 to {MOST_METRICS} metrics is needed")]
    metrics: list[_Metric] = []
    faults: list[Fault] = []
    first_at: dict[str, int] = {}
    for position, item in enumerate(listed):
        if not isinstance(item, dict):
            faults.append(Fault(f"metrics.{position}", "it must be an object with fields"))
            continue
        metric, item_faults = _checked(_Metric, item, "metrics", position)
        faults += item_faults
        if metric is not None:
            metrics.append(metric)
        name = item.get("name")
        if isinstance(name, str) and first_at.setdefault(name, position) != position:
            why = f"metrics.{first_at[name]} has this name already"
            faults.append(Fault(f"metrics.{position}.name", why))
    return metrics, faults


Checked = TypeVar("Checked", bound=BaseModel)


def _checked(
    shape: type[Checked], item: object, *path: str | int
) -> tuple[Checked | None, list[Fault]]:
    try:
        return shape.model_validate(item), []
    except ValidationError as refusal:
        return None, [
            Fault(".".join(map(str, (*path, *error["loc"]))), error["msg"])
            for error in refusal.errors(include_url=False, include_context=False)
        ]


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        why = "a name is 1 to 41 small letters, digits and _, beginning with a letter"
        raise PydanticCustomError("name", why)
    if name in SQL_WORDS:
        raise PydanticCustomError("name", "this is a word of SQL, which people would have to quote")
    return name


def _codec(codec: str) -> str:
    if codec not in codecs.CODECS:
        raise PydanticCustomError("codec", f"it is none of {', '.join(codecs.CODECS)}")
    return codec


def _table_name(code: str) -> str:
    if code in RESERVED_CODES or code.endswith(RESERVED_SUFFIXES):
        raise PydanticCustomError("name", "this name is kept for a table of Muster itself")
    return code


def _column_name(name: str) -> str:
    if name in RESERVED_METRICS:
        raise PydanticCustomError("name", "this name is kept for a column or key of Muster itself")
    return name


def _one_line(title: str) -> str:
    if not title.isprintable():
        raise PydanticCustomError("title", "a title is one line of printable characters")
    return title


Name = Annotated[str, AfterValidator(_name)]
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=80),
    AfterValidator(_one_line),
]
Unit = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,32}$")]
Bound = Annotated[float, Field(allow_inf_nan=False)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


EventCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,60}$")]
Seconds = Annotated[int, Field(ge=1, le=2_678_400)]
Days = Annotated[int, Field(ge=1, le=36_500)]


class _Pause(_Document):
    reason: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
    after: EventCode
    until: EventCode
    expected_interval_seconds: Seconds | None = None

    @field_validator("until")
    @classmethod
    def _is_another(cls, until: str, earlier: ValidationInfo) -> str:
        if until == earlier.data.get("after"):
            raise PydanticCustomError("pause", "what ends it is another event than what begins it")
        return until


class _Head(_Document):
    code: Annotated[Name, AfterValidator(_table_name)]
    sector: Annotated[Sector, Field(strict=False)]
    title_zh: Title
    title_en: Title
    codec: Annotated[str, AfterValidator(_codec)]
    codec_options: dict[str, str | bool] = {}
    expected_interval_seconds: Seconds
    clock_back_seconds: Annotated[int, Field(ge=0, le=315_360_000)] = 2_592_000
    clock_ahead_seconds: Annotated[int, Field(ge=0, le=86_400)] = 600
    chunk_days: Literal[1, 7, 30] = 7
    raw_days: Days | None = None
    rollup_days: Days | None = None
    pauses: Annotated[tuple[_Pause, ...], Field(max_length=8)] = ()

    @field_validator("rollup_days")
    @classmethod
    def _outlive_raw_readings(cls, days: int | None, earlier: ValidationInfo) -> int | None:
        raw = earlier.data.get("raw_days")
        if days is not None and "raw_days" in earlier.data and (raw is None or days < raw):
            why = "roll-ups are kept as long as raw readings, or longer"
            raise PydanticCustomError("retention", why)
        return days

    @field_validator("pauses", mode="before")
    @classmethod
    def _are_listed(cls, pauses: object) -> object:
        return tuple(pauses) if isinstance(pauses, list) else pauses

    @field_validator("codec_options")
    @classmethod
    def _belong_to_the_codec(
        cls, options: dict[str, str | bool], earlier: ValidationInfo
    ) -> dict[str, str | bool]:
        codec = earlier.data.get("codec")
        why = None if codec is None else codecs.fault(codec, options)
        if why is not None:
            raise PydanticCustomError("codec", "{why}", {"why": why})
        return options


class _Condition(_Document):
    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
    severity: Severity
    bit: Annotated[int, Field(ge=0, le=HIGHEST_BIT)] | None = None


class _Metric(_Document):
    """A rule across fields stands at the later one, so that it is checked whatever else fails."""

    name: Annotated[Name, AfterValidator(_column_name)]
    type: Annotated[MetricType, Field(strict=False)]
    unit: Unit | None = None
    low: Bound | None = None
    high: Bound | None = None
    decimals: Annotated[int, Field(ge=0, le=9)] | None = None
    title_zh: Title
    title_en: Title
    hidden: bool = False
    conditions: tuple[_Condition, ...] = ()

    @field_validator("unit", "low", "high")
    @classmethod
    def _belongs_to_numbers(cls, value: object, earlier: ValidationInfo) -> object:
        if value is not None and earlier.data.get("type") in (MetricType.BOOLEAN, MetricType.TEXT):
            raise PydanticCustomError("metric", "only a double or a bigint can have one")
        return value

    @field_validator("low", "high")
    @classmethod
    def _is_whole_for_a_bigint(cls, value: float | None, earlier: ValidationInfo) -> float | None:
        whole = value is None or value.is_integer()
        if not whole and earlier.data.get("type") is MetricType.BIGINT:
            raise PydanticCustomError("metric", "a bigint is bounded by whole numbers")
        return value

    @field_validator("high")
    @classmethod
    def _is_not_below_low(cls, high: float | None, earlier: ValidationInfo) -> float | None:
        low = earlier.data.get("low")
        if high is not None and low is not None and high < low:
            raise PydanticCustomError("metric", "it is below low")
        return high

    @field_validator("decimals")
    @classmethod
    def _fits_a_bigint(cls, decimals: int | None, earlier: ValidationInfo) -> int | None:
        if decimals is None:
            return None
        if earlier.data.get("type") not in (MetricType.DOUBLE, None):
            raise PydanticCustomError("metric", "only a double can have decimals")
        bounds = [abs(earlier.data.get(end) or 0.0) for end in ("low", "high")]
        if max(bounds) >= 2**63 / 10**decimals:
            raise PydanticCustomError("metric", "low or high with so many decimals has no place")
        return decimals

    @field_validator("conditions", mode="before")
    @classmethod
    def _are_listed(cls, conditions: object) -> object:
        return tuple(conditions) if isinstance(conditions, list) else conditions

    @field_validator("conditions")
    @classmethod
    def _fit_the_type(
        cls, conditions: tuple[_Condition, ...], earlier: ValidationInfo
    ) -> tuple[_Condition, ...]:
        kind = earlier.data.get("type")
        bits = [condition.bit for condition in conditions]
        if conditions and kind is MetricType.BOOLEAN and bits != [None]:
            raise PydanticCustomError("metric", "a boolean has one condition, without a bit")
        if conditions and kind is MetricType.BIGINT and None in bits:
            raise PydanticCustomError("metric", "each condition of a bigint names its bit")
        if conditions and kind in (MetricType.DOUBLE, MetricType.TEXT):
            raise PydanticCustomError("metric", "only a bigint or a boolean can have them")
        codes = [condition.code for condition in conditions]
        if len({*codes, *(code + RESTORED for code in codes)}) < 2 * len(codes):
            raise PydanticCustomError("metric", "each condition has a code of its own")
        return conditions
