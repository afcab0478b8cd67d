"""Charts of several metrics and terminals, over a window that people zoom in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from api import problems
from api.console import words
from api.console.pages.screen import Screen, Shows
from api.problems import Problem
from api.schemas.shapes import Instant
from foundation.errors import Invalid, NotFound
from registry import profiles, terminals
from registry.model import Metric, MetricType, Terminal
from registry.scope import Right
from telemetry.sight import check_window

router = APIRouter()

RANGES = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "31d": timedelta(days=31),
    "1y": timedelta(days=366),
}
MOST_TERMINALS = 8  # as many as there are colours
MOST_METRICS = 6

_APART = re.compile(r"[\s,;]+")


class TooManyLines(Invalid):
    """A chart shows at most so many lines."""

    code = "too_many_lines"
    remedy = f"Name up to {MOST_TERMINALS} terminals and {MOST_METRICS} metrics."


@dataclass(frozen=True, slots=True)
class Look:
    """What the charts are to show; a window of its own, or a range up to now."""

    terminals: Sequence[str]
    metrics: Sequence[str]
    range: str
    window: tuple[datetime, datetime] | None

    def without(self, terminal: str) -> str:
        """The address of the same without one of the terminals."""
        return self._address([code for code in self.terminals if code != terminal], self.range)

    def up_to_now(self, range_name: str) -> str:
        """The address of the same in a range up to now."""
        return self._address(self.terminals, range_name)

    def _address(self, terminals: Sequence[str], range_name: str) -> str:
        query = {"terminal": ",".join(terminals), "metric": ",".join(self.metrics)}
        query["range"] = range_name
        return "/charts?" + urlencode({name: text for name, text in query.items() if text})


@router.get("/charts")
async def charts(
    screen: Annotated[Screen, Shows(Right.TELEMETRY_READ)],
    terminal: Annotated[list[str] | None, Query(max_length=10)] = None,
    metric: Annotated[list[str] | None, Query(max_length=100)] = None,
    range_name: Annotated[str, Query(alias="range", max_length=8)] = "24h",
    start: Annotated[Instant | None, Query(alias="from")] = None,
    end: Annotated[Instant | None, Query(alias="to")] = None,
) -> Response:
    """A chart for each metric, with a line for each terminal and the events of them all."""
    look = Look(
        _named(terminal),
        _named(metric),
        range_name if range_name in RANGES else "24h",
        (start, end) if start and end else None,
    )
    found: Sequence[Terminal] = ()
    problem: Problem | None = None
    try:
        if len(look.terminals) > MOST_TERMINALS or len(look.metrics) > MOST_METRICS:
            raise TooManyLines(field="terminal")
        if look.window:
            check_window(*look.window)
        found = [await terminals.find(screen.conn, screen.scope, code) for code in look.terminals]
    except (Invalid, NotFound) as error:
        problem = problems.of_error(error)
    offered = await _offered(screen, found)
    now = datetime.now(UTC)
    return screen.show(
        "charts.html",
        status=problem.status if problem else 200,
        problem=problem,
        look=look,
        terminals=found,
        offered=offered,
        metrics=_drawn(look, offered),
        span=look.window or (now - RANGES[look.range], now),
        ranges={name: words.RANGES[name] for name in RANGES},
    )


def _named(given: Sequence[str] | None) -> list[str]:
    """What fields and addresses name, each once; parted as people part things."""
    parts = (part for text in given or () for part in _APART.split(text))
    return list(dict.fromkeys(part for part in parts if part))


async def _offered(screen: Screen, found: Sequence[Terminal]) -> list[Metric]:
    """The metrics that can be drawn of these terminals."""
    metrics: dict[str, Metric] = {}
    for code in dict.fromkeys(terminal.profile_code for terminal in found):
        for metric in (await profiles.find(screen.conn, screen.scope, code)).metrics:
            if not metric.hidden and metric.type is not MetricType.TEXT:
                metrics.setdefault(metric.name, metric)
    return list(metrics.values())


def _drawn(look: Look, offered: Sequence[Metric]) -> list[Metric]:
    """The metrics that were asked for, or else the first number."""
    asked = [metric for metric in offered if metric.name in look.metrics]
    numbers = [metric for metric in offered if metric.type is not MetricType.BOOLEAN]
    return asked or (numbers or list(offered))[:1]
