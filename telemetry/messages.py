"""What became of messages, for the feed: one row for each that met its fate; no I/O.

Of every batch there is such an entry, whatever was stored of it. Completeness follows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from telemetry import batches
from telemetry.batches import Batch
from telemetry.model import Fate
from telemetry.rows import Column, Flags, Int32s, Int64s

FATES = (Fate.STORED, Fate.DUPLICATE, Fate.QUARANTINED)
"""What the numbers in `Messages.fates` mean."""

_COLUMNS = ("bytes", "fate", "owned_since_us", "readings")

EVER_US = -(2**63)
"""Owned since ever."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages, in the order in which they were taken up.

    Message k is of terminal `terminal_ids[k]` (0 is unknown), its newest part of `times_us[k]` (as
    the terminal says, however wrong; where it says nothing, when it came), held against an
    ownership that began at `owned_since_us[k]`; `readings` says which brought readings.
    """

    terminal_ids: Int32s
    times_us: Int64s
    received_us: Int64s
    sizes: Int64s
    fates: NDArray[np.int64]
    owned_since_us: Int64s
    readings: Flags

    def entry(self) -> dict[str, object]:
        """Their entry in the feed; the usual (stored, owned since ever) takes no room in it."""
        columns = {
            "bytes": Column(self.sizes, np.ones(len(self.sizes), np.bool_)),
            "fate": Column(self.fates, self.fates != 0),
            "owned_since_us": Column(self.owned_since_us, self.owned_since_us != EVER_US),
            "readings": Column(self.readings, self.readings),
        }
        said = {name: column for name, column in columns.items() if column.present.any()}
        return batches.entry(
            batches.MESSAGES,
            self.terminal_ids,
            self.times_us,
            self.received_us,
            batches.encode_columns(said),
        )

    @classmethod
    def of(cls, batch: Batch) -> Self:
        """The messages of an entry of that kind."""
        rows = len(batch.terminal_ids)
        empty = Column.absent(np.dtype(np.int64), rows)
        said = [batch.columns.get(name, empty) for name in _COLUMNS]
        size, fate, owned, readings = said
        return cls(
            batch.terminal_ids,
            batch.times_us,
            batch.received_us,
            size.values,
            fate.values,
            np.where(owned.present, owned.values, EVER_US),
            readings.present,
        )

    def take(self, chosen: Flags) -> "Messages":
        """The chosen ones."""
        return Messages(*(getattr(self, name)[chosen] for name in self.__slots__))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """One after the other."""
        return cls(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__)
        )
