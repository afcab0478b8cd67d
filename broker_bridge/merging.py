"""Rows of one key become one row before the database sees them; pure.

Of each metric the value that arrived first stays. A later one that is equal is a duplicate; one
that differs clashes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from broker_bridge.session import Delivery
from registry.model import DeviceProfile
from telemetry.rows import Column, Flags, Int64s, Rows


@dataclass(frozen=True, slots=True)
class Arrived:
    """Readings of one profile as they arrived; `numbers` count them in order of arrival."""

    numbers: Int64s
    terminal_ids: Int64s
    times_us: Int64s
    received_us: Int64s
    deliveries: Sequence[Delivery]
    columns: Mapping[str, Column]

    def take(self, chosen: Int64s) -> "Arrived":
        """The chosen readings."""
        return Arrived(
            self.numbers[chosen],
            self.terminal_ids[chosen],
            self.times_us[chosen],
            self.received_us[chosen],
            [self.deliveries[k] for k in chosen.tolist()],
            {name: column.take(chosen) for name, column in self.columns.items()},
        )


@dataclass(frozen=True, slots=True)
class Merged:
    """What some readings became: source `k` is `deliveries[order[k]]`, sources are sorted by row.

    Row `r` was made of the sources from `starts[r]` to before `starts[r + 1]`. A source is `fresh`
    if it was the first to give some metric. A clash is a source and the metric that differs, and
    the value that it has there.
    """

    rows: Rows
    deliveries: Sequence[Delivery]
    order: Int64s
    starts: Int64s
    fresh: Flags
    given: Mapping[str, Flags]
    clashes: Mapping[tuple[int, str], object]

    def row_of(self) -> Int64s:
        """Of each source, its row."""
        counts = np.diff(self.starts, append=len(self.order))
        rows: Int64s = np.repeat(np.arange(len(self.starts)), counts)
        return rows

    def delivery(self, source: int) -> Delivery:
        """Whose reading a source is."""
        return self.deliveries[int(self.order[source])]

    def sources(self, row: int) -> range:
        """What a row was made of, in order of arrival."""
        end = len(self.order) if row + 1 == len(self.starts) else int(self.starts[row + 1])
        return range(int(self.starts[row]), end)

    def givers(self, row: int, metric: str) -> list[int]:
        """The sources of a row that have this metric; the value of the first is the row's."""
        return [source for source in self.sources(row) if self.given[metric][source]]


def merge(profile: DeviceProfile, arrived: Arrived) -> Merged:
    """Sort readings by key, and join those that have the same."""
    order = np.lexsort((arrived.times_us, arrived.terminal_ids))
    begins = _begins(arrived, order)
    if begins.all():
        columns = {name: column.take(order) for name, column in arrived.columns.items()}
        given = {name: column.present for name, column in columns.items()}
        rows = _rows(profile, arrived, order, columns)
        return Merged(rows, arrived.deliveries, order, np.arange(len(order)), begins, given, {})
    order = np.lexsort((arrived.numbers, arrived.times_us, arrived.terminal_ids))
    starts = np.flatnonzero(begins)
    row_of = np.cumsum(begins) - 1
    fresh = np.zeros(len(order), np.bool_)
    columns, given = {}, {}
    clashes: dict[tuple[int, str], object] = {}
    for name, column in arrived.columns.items():
        came = column.take(order)
        sources = np.flatnonzero(came.present)
        first = np.ones(len(sources), np.bool_)
        first[1:] = row_of[sources[1:]] != row_of[sources[:-1]]
        givers = sources[first]
        joined = Column.absent(came.values.dtype, len(starts))
        joined.values[row_of[givers]] = came.values[givers]
        joined.present[row_of[givers]] = True
        fresh[givers] = True
        later = sources[~first]
        differing = later[came.values[later] != joined.values[row_of[later]]]
        differ = zip(differing.tolist(), came.values[differing].tolist(), strict=True)
        clashes |= {(source, name): value for source, value in differ}
        columns[name] = joined
        given[name] = came.present
    rows = _rows(profile, arrived, order[starts], columns)
    return Merged(rows, arrived.deliveries, order, starts, fresh, given, clashes)


def _begins(arrived: Arrived, order: Int64s) -> Flags:
    """Which of the sorted readings are the first of their key."""
    ids, times = arrived.terminal_ids[order], arrived.times_us[order]
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (ids[1:] != ids[:-1]) | (times[1:] != times[:-1])
    return begins


def _rows(
    profile: DeviceProfile, arrived: Arrived, chosen: Int64s, columns: Mapping[str, Column]
) -> Rows:
    return Rows(
        profile,
        arrived.terminal_ids[chosen].astype(np.int32),
        arrived.times_us[chosen],
        arrived.received_us[chosen],
        columns,
    )
