"""What arrived, gathered in columns until it is sealed; pure, clocks passed in.

The deliveries whose fate a batch decides are kept beside: they are released together, after the
commit.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from broker_bridge.decoders import Decoded, DecodedEvent, RefusedPart, shown
from broker_bridge.merging import Arrived, Merged, merge
from broker_bridge.session import Delivery
from broker_bridge.topics import Channel
from broker_bridge.values import check
from registry.model import DeviceProfile, ProfileId, TerminalRef
from telemetry.model import Event, Reason, at
from telemetry.rows import Column, Flags, storage

_EVER = -(2**63)  # owned since
_READINGS = f"/{Channel.TELEMETRY}"
_SECOND_US = 1_000_000

# Delivery, terminal id (0 is unknown), time (Unix us), owned since, whether it brought readings.
_Note: TypeAlias = tuple[Delivery, int, int, int, bool]
# Delivery, terminal id, boot, seq, and the oldest number that the terminal still keeps.
Numbered: TypeAlias = tuple[Delivery, int, str, int, int | None]
# Arrival number, terminal id, time, received (Unix us), owned since, delivery, values.
_Row: TypeAlias = tuple[Any, ...]
_HEAD = 6


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a part of a delivery cannot be stored."""

    delivery: Delivery
    terminal_id: int | None
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class SealedTable:
    """Rows of one profile, ready to be stored, and what they were made of.

    `doubtful` rows have a part that the broker delivered before: they may be stored already.
    """

    merged: Merged
    doubtful: Flags | None


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch that is complete: storing it again, after an unknown outcome, stores the same."""

    deliveries: Sequence[Delivery]
    tables: Sequence[SealedTable]
    events: Sequence[tuple[Event, Delivery]]
    refused: Sequence[Refused]
    parts: dict[Delivery, int]
    """Of a delivery with more or fewer parts than one, how many of its parts were to be stored."""
    untimed: int
    notes: Sequence[_Note]
    """Every delivery of the batch, once."""
    numbered: Sequence[Numbered]


class UntimedClock:
    """Times for readings that tell none: when they came, no two the same."""

    def __init__(self) -> None:
        self._last_us = 0

    def stamp(self, received_us: int) -> int:
        """`received_us`, or as little after it as keeps it apart from the stamp before."""
        self._last_us = max(self._last_us + 1, received_us)
        return self._last_us


@dataclass(slots=True)
class _Gathered:
    """Readings of one profile, by which metrics they have."""

    profile: DeviceProfile
    groups: dict[tuple[str, ...], list[_Row]] = field(default_factory=dict)


class Batch:
    """Takes what was decoded; `seal` holds it against profile, clock and owner, all at once."""

    def __init__(self, clock: UntimedClock) -> None:
        """`strangers` are deliveries of which nothing has been taken or refused yet."""
        self.deliveries: list[Delivery] = []
        self.strangers: deque[Delivery] = deque()
        self._refused: list[Refused] = []
        self._readings = 0
        self._clock = clock
        self._untimed = 0
        self._gathered: dict[ProfileId, _Gathered] = {}
        self._events: list[tuple[Event, Delivery]] = []
        self._parts: dict[Delivery, int] = {}
        self._notes: list[_Note] = []
        self._numbered: list[Numbered] = []

    def size(self) -> int:
        """How much there is: messages, or parts where they have many."""
        return max(len(self.deliveries), self._readings + len(self._events) + len(self._refused))

    def add(self, delivery: Delivery, ref: TerminalRef, readings: Sequence[Decoded]) -> None:
        """Take a delivery from this terminal with its readings, of which there may be none left."""
        profile = ref.profile
        gathered = self._gathered.get(profile.id)
        if gathered is None:
            gathered = self._gathered[profile.id] = _Gathered(profile)
        elif gathered.profile is not profile and gathered.profile.version < profile.version:
            gathered.profile = profile
        groups = gathered.groups
        received_us = delivery.received_us
        owned_since = ref.owner_since_us
        if owned_since is None:
            owned_since = _EVER
        if len(readings) != 1:
            self._parts[delivery] = len(readings)
        newest_us = _EVER
        for time_us, seq, boot, first_kept, values in readings:
            self._readings += 1
            if time_us is None:
                time_us = self._clock.stamp(received_us)  # noqa: PLW2901
                self._untimed += 1
            if time_us > newest_us:
                newest_us = time_us
            if boot is not None and seq:
                self._numbered.append((delivery, ref.id, boot, seq, first_kept))
            row = (
                self._readings, ref.id, time_us, received_us, owned_since, delivery,
                *values.values(),
            )  # fmt: skip
            pattern = tuple(values)
            group = groups.get(pattern)
            if group is None:
                groups[pattern] = [row]
            else:
                group.append(row)
        self._notes.append(
            (delivery, ref.id, newest_us if readings else received_us, owned_since, True)
        )

    def add_events(
        self, delivery: Delivery, ref: TerminalRef, events: Sequence[DecodedEvent]
    ) -> None:
        """Take a delivery from this terminal with its events; those at a wrong time are refused."""
        self._parts[delivery] = len(events)
        owned_since = _EVER if ref.owner_since_us is None else ref.owner_since_us
        newest_us = _EVER
        for event in events:
            time_us = event.time_us
            if time_us is None:
                time_us = self._clock.stamp(delivery.received_us)
                self._untimed += 1
            newest_us = max(newest_us, time_us)
            if event.boot is not None and event.seq:
                self._numbered.append((delivery, ref.id, event.boot, event.seq, event.first_kept))
            fault = fault_of_time(ref.profile, owned_since, time_us, delivery.received_us)
            if fault is not None:
                self._refuse_part(delivery, ref.id, *fault)
                continue
            kept = Event(
                ref.id, time_us, delivery.received_us,
                event.code, event.severity, event.text, event.data, event.session,
            )  # fmt: skip
            self._events.append((kept, delivery))
        newest_us = newest_us if events else delivery.received_us
        self._notes.append((delivery, ref.id, newest_us, owned_since, False))

    def refuse(
        self, delivery: Delivery, ref: TerminalRef | None, reason: Reason, detail: str
    ) -> None:
        """Send all of a delivery to quarantine, from this terminal if it is known."""
        terminal_id = None if ref is None else ref.id
        owned_since = _EVER if ref is None or ref.owner_since_us is None else ref.owner_since_us
        readings = delivery.topic.endswith(_READINGS)
        self._notes.append(
            (delivery, terminal_id or 0, delivery.received_us, owned_since, readings)
        )
        self._refuse_part(delivery, terminal_id, reason, detail)

    def refuse_parts(
        self, delivery: Delivery, terminal_id: int, parts: Iterable[RefusedPart]
    ) -> None:
        """Send what a decoder refused of a delivery to quarantine."""
        for part in parts:
            subject = part.metric or f"reading {part.position + 1}"
            self._refuse_part(delivery, terminal_id, part.reason, f"{subject}: {part.detail}")
            if part.boot is not None and part.seq:
                self._numbered.append((delivery, terminal_id, part.boot, part.seq, None))

    def _refuse_part(
        self, delivery: Delivery, terminal_id: int | None, reason: Reason, detail: str
    ) -> None:
        self._refused.append(Refused(delivery, terminal_id, reason, detail))

    def unknown_metrics(self) -> list[tuple[ProfileId, str]]:
        """Metrics that came and that their profile, as it was known then, lacks."""
        unknown: dict[tuple[ProfileId, str], None] = {}
        for profile_id, gathered in self._gathered.items():
            known = {metric.name for metric in gathered.profile.metrics}
            for pattern in gathered.groups:
                unknown.update(((profile_id, name), None) for name in pattern if name not in known)
        return list(unknown)

    def know(self, profile: DeviceProfile) -> None:
        """Hold the readings of this profile against this version of it, if it is newer."""
        gathered = self._gathered[profile.id]
        if gathered.profile.version < profile.version:
            gathered.profile = profile

    def seal(self) -> Sealed:
        """Check, sort and merge everything; the batch is not used any more."""
        tables = [
            table
            for gathered in self._gathered.values()
            if (table := _seal(gathered, self._refuse_part)) is not None
        ]
        return Sealed(
            self.deliveries,
            tables,
            self._events,
            self._refused,
            self._parts,
            self._untimed,
            self._notes,
            self._numbered,
        )


Refuse = Callable[[Delivery, int | None, Reason, str], None]


def _seal(gathered: _Gathered, refuse: Refuse) -> SealedTable | None:
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


def _timely(profile: DeviceProfile, rows: list[_Row], refuse: Refuse) -> list[_Row]:
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
    profile: DeviceProfile, groups: Mapping[tuple[str, ...], list[_Row]], refuse: Refuse
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


def fault_of_time(
    profile: DeviceProfile, owned_since_us: int, time_us: int, received_us: int
) -> tuple[Reason, str] | None:
    """Why something of that time is not accepted now, with both clocks; None if it is."""
    delay_us = received_us - time_us
    if delay_us > profile.clock_back_seconds * _SECOND_US:
        return Reason.CLOCK, _clocks("too long ago", time_us, received_us)
    if delay_us < -profile.clock_ahead_seconds * _SECOND_US:
        return Reason.CLOCK, _clocks("ahead", time_us, received_us)
    if time_us < owned_since_us:
        return Reason.OTHER_OWNER, _clocks("of an earlier owner's time", time_us, received_us)
    return None


def _clocks(what: str, time_us: int, received_us: int) -> str:
    return f"{what}: {_told(time_us)}, received {_told(received_us)}"


def _told(unix_us: int) -> str:
    try:
        return at(unix_us).isoformat()
    except OverflowError:
        return f"{unix_us / 1e6:.0f} s after 1970"
