"""A profile's readings of a batch, held against profile, clock and owner, all at once; pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import compress, islice
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from broker_bridge.clocks import fault_of_time
from broker_bridge.decoders import shown
from broker_bridge.merging import Arrived, Merged, merge
from broker_bridge.session import Delivery
from broker_bridge.values import check
from registry.model import DeviceProfile
from telemetry.model import Reason
from telemetry.rows import Column, Flags, storage

_SECOND_US = 1_000_000
# Arrival number, terminal id, time, received (Unix us), owned since, delivery, values.
Row: TypeAlias = tuple[Any, ...]
_HEAD = 6


@dataclass(frozen=True, slots=True)
class SealedTable:
    """Rows of one profile, ready to be stored, and what they were made of.

    `doubtful` rows have a part that the broker delivered before: they may be stored already.
    """

    merged: Merged
    doubtful: Flags | None


@dataclass(slots=True)
class Gathered:
    """Readings of one profile, by which metrics they have."""

    profile: DeviceProfile
    groups: dict[tuple[str, ...], list[Row]] = field(default_factory=dict)


Refuse = Callable[[Delivery, int | None, Reason, str], None]


def seal(gathered: Gathered, refuse: Refuse) -> SealedTable | None:
    """The rows of a profile's readings, without what is refused; None if nothing is left."""
    profile = gathered.profile
    arrived = _turn(
        profile,
        {
            pattern: timely
            for pattern, rows in gathered.groups.items()
            if (timely := _timely(profile, rows, refuse))
        },
        refuse,
    )
    left = np.zeros(len(arrived.deliveries), np.bool_)
    for column in arrived.columns.values():
        left |= column.present
    if not left.all():
        arrived = arrived.take(np.flatnonzero(left))
    if not arrived.deliveries:
        return None
    merged = merge(profile, arrived)
    return SealedTable(merged, _doubtful(merged))


def _timely(profile: DeviceProfile, rows: list[Row], refuse: Refuse) -> list[Row]:
    """The rows within the accepted clock and the present ownership; refuses the others."""
    turned = zip(*rows, strict=True)
    times, received, owned = (np.array(c, np.int64) for c in islice(turned, 2, 5))
    delays = received - times
    good = (
        (delays <= profile.clock_back_seconds * _SECOND_US)
        & (delays >= -profile.clock_ahead_seconds * _SECOND_US)
        & (times >= owned)
    )
    if good.all():
        return rows
    for row in compress(rows, ~good):
        _, terminal_id, time_us, received_us, owned_since, delivery = row[:_HEAD]
        fault = fault_of_time(profile, owned_since, time_us, received_us)
        if fault is not None:
            refuse(delivery, terminal_id, *fault)
    return list(compress(rows, good))


def _turn(
    profile: DeviceProfile, groups: Mapping[tuple[str, ...], list[Row]], refuse: Refuse
) -> Arrived:
    """Rows to columns, each value held against its metric."""
    known = {metric.name: metric for metric in profile.metrics}
    total = sum(map(len, groups.values()))
    numbers, ids, times, received = heads = [np.zeros(total, np.int64) for _ in range(4)]
    deliveries: list[Delivery] = []
    columns: dict[str, Column] = {}
    begin = 0
    for pattern, rows in groups.items():
        end = begin + len(rows)
        turned = list(zip(*rows, strict=True))
        for head, column in zip(heads, turned, strict=False):
            head[begin:end] = column
        deliveries += turned[5]
        for name, given in zip(pattern, turned[_HEAD:], strict=True):
            metric = known.get(name)
            if metric is None:
                for row in rows:
                    refuse(row[5], row[1], Reason.UNKNOWN_METRIC, shown(name))
                continue
            if name not in columns:
                columns[name] = Column.absent(storage(metric), total)
            columns[name].values[begin:end], faults = check(metric, given)
            columns[name].present[begin:end] = True
            for k, (reason, detail) in faults.items():
                columns[name].present[begin + k] = False
                refuse(rows[k][5], rows[k][1], reason, detail)
        begin = end
    return Arrived(numbers, ids, times, received, deliveries, columns)


def _doubtful(merged: Merged) -> Flags | None:
    """Which rows have a part that the broker delivered before."""
    again = attrgetter("duplicate")
    if True not in map(again, merged.deliveries):
        return None
    flags = np.array([again(merged.deliveries[k]) for k in merged.order.tolist()], np.bool_)
    doubtful: Flags = np.logical_or.reduceat(flags, merged.starts)
    return doubtful
