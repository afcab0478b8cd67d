"""What every series is asked for by: metrics, a window, and how values become a series."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query
from pydantic import WithJsonSchema

from api.schemas.shapes import Instant
from telemetry import sampling
from telemetry.model import Aggregate, Fill
from telemetry.sampling import FEWEST_POINTS, LONGEST_STEP_SECONDS, MOST_POINTS, Sampling

From = Annotated[Instant | None, Query(alias="from", description="Inclusive.")]
To = Annotated[Instant | None, Query(alias="to", description="Exclusive.")]
Metrics = Annotated[
    str | None,
    Query(
        alias="metric",
        max_length=2000,
        description="One or more, parted by commas; all if left out.",
    ),
]
Terminals = Annotated[
    str, Query(max_length=6600, description="Codes of up to 100 terminals, parted by commas.")
]

_DEFAULT_SPAN = timedelta(hours=1)
_STEP_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": LONGEST_STEP_SECONDS},
        {"type": "string", "pattern": "^[0-9]{1,9}[smhd]?$"},
    ]
}
_Step = Annotated[
    Annotated[str, WithJsonSchema(_STEP_SCHEMA)] | None,
    Query(description="Seconds, or a number with s, m, h or d: 15m, 1d."),
]
_Zone = Annotated[
    str | None,
    Query(
        max_length=64,
        description="IANA name, such as Asia/Shanghai, at whose midnights days and their steps"
        " begin; without it steps are counted from the Unix epoch.",
    ),
]
_Fill = Annotated[Fill, Query(description="What becomes of steps without a value.")]


def window(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    """The window that is meant: by default the last hour."""
    until = end or datetime.now(UTC)
    return start or until - _DEFAULT_SPAN, until


def listed(text: str | None) -> list[str]:
    """What stands between commas, each once."""
    return list(dict.fromkeys(part for part in (text or "").split(",") if part))


def _sampled(
    step: _Step = None,
    timezone: _Zone = None,
    aggregate: Aggregate = Aggregate.AVERAGE,
    fill: _Fill = Fill.NONE,
    points: Annotated[
        int | None,
        Query(
            ge=FEWEST_POINTS,
            le=MOST_POINTS,
            description="For a chart: of each metric at most so many raw values.",
        ),
    ] = None,
) -> Sampling:
    return Sampling(
        step_seconds=None if step is None else sampling.step_seconds(step),
        zone=None if timezone is None else sampling.zone(timezone),
        aggregate=aggregate,
        fill=fill,
        points=points,
    )


Sampled = Annotated[Sampling, Depends(_sampled)]
