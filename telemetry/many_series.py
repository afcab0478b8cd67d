"""Series of many terminals: each by itself, found and checked all at once, read one by one."""

from collections.abc import Sequence
from datetime import datetime

from foundation import queries
from foundation.database import Connection
from registry.errors import TerminalNotFound
from registry.model import MetricType
from registry.scope import Right, Scope
from telemetry import cost, series
from telemetry.errors import MetricUnknown, TerminalsInvalid, TooManyReadings
from telemetry.sampling import MOST_POINTS, Sampling
from telemetry.series import Asked
from telemetry.sight import check_window, profiles_in_window
from telemetry.sources import Source, wider

sql = queries.load("telemetry", "many_series.sql")

MOST_TERMINALS = 100


async def find_all(
    conn: Connection, scope: Scope, codes: Sequence[str], *, most: int = MOST_TERMINALS
) -> dict[str, int]:
    """The ids of terminals by code, each of which the scope sees some moment of.

    TerminalNotFound names all of which it sees none: who asks for many is not answered less.
    """
    scope.require(Right.TELEMETRY_READ)
    if not 1 <= len(codes) <= most:
        raise TerminalsInvalid(f"Name 1 to {most} terminals.", field="terminals")
    cursor = await conn.execute(
        sql.find_seen_terminals, scope.parameters() | {"codes": list(codes)}
    )
    found = {row["code"]: int(row["terminal_id"]) async for row in cursor}
    if missing := [code for code in codes if code not in found]:
        raise TerminalNotFound(f"There is no terminal {', '.join(missing[:MOST_TERMINALS])}.")
    return {code: found[code] for code in codes}


async def prepare(
    conn: Connection,
    scope: Scope,
    codes: Sequence[str],
    metrics: Sequence[str],
    start: datetime,
    end: datetime,
    sampling: Sampling,
) -> list[Asked]:
    """What `series.read` is then to read, one after the other; all refusals come now.

    Of each terminal those of the metrics that it has, or all. Raises what `series.series` does,
    `TerminalNotFound`, `TerminalsInvalid`, and MetricUnknown for one that no terminal has.
    """
    scope.require(Right.TELEMETRY_READ)
    found = await find_all(conn, scope, codes)
    check_window(start, end)
    sources = {
        code: Source(await profiles_in_window(conn, terminal_id, start, end))
        for code, terminal_id in found.items()
    }
    for name in metrics:
        if not any(name in source.kinds for source in sources.values()):
            raise MetricUnknown(f"None of the terminals has a metric {name[:80]}.", field="metric")
    prepared, values = [], 0
    for code, source in sources.items():
        wanted = {n: k for n, k in source.kinds.items() if not metrics or n in metrics}
        series.check(wanted, start, end, sampling)
        window = {"terminal_id": found[code], "start": start, "end": end}
        asked = Asked(code, source, wanted, window, sampling)
        prepared.append(asked)
        if sampling.step_seconds is None and wanted:
            values += await _values_of(conn, scope, asked, series.MOST_READ - values)
    await cost.check(conn, scope, [part for asked in prepared for part in asked.stretches])
    return prepared


def kinds_of(prepared: Sequence[Asked]) -> dict[str, MetricType]:
    """The columns of all of them; one that two terminals take differently is as the wider."""
    kinds: dict[str, MetricType] = {}
    for asked in prepared:
        for name, kind in asked.kinds.items():
            kinds[name] = wider(kinds.get(name, kind), kind)
    return kinds


async def _values_of(conn: Connection, scope: Scope, asked: Asked, left: int) -> int:
    """How many values a series of raw readings takes; refused if too many, for it or for all."""
    most = left // len(asked.wanted)
    raw = asked.sampling.points is None
    readings = await series.count(conn, scope, asked, min(most, MOST_POINTS if raw else most) + 1)
    if raw and readings > MOST_POINTS:
        raise series.too_many_readings(asked.terminal)
    if readings > most:
        raise TooManyReadings(
            f"These terminals have more than {series.MOST_READ} values in this window.",
            field="terminals",
        )
    return readings * len(asked.wanted)
