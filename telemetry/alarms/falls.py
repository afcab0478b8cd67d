"""Who fell silent lately, and the crowds among them: many that share something; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from telemetry.rows import Flags, Int32s, Int64s


class Shared(StrEnum):
    """What the terminals of a storm share; what comes first explains it best, all else equal."""

    GATEWAY = "gateway"
    CITY = "city"
    APN = "apn"
    PROFILE = "profile"
    BROKER = "broker"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A storm are so many in a window, and such a share of all that spoke before it."""

    shared: Shared
    least: int
    share: float
    window_us: int


@dataclass(frozen=True, slots=True)
class Crowd:
    """Some that fell silent within a window and share something; when the first did (Unix us)."""

    shared: Shared
    key: int
    ids: Int32s
    first_us: int


@dataclass(slots=True)
class Falls:
    """Terminals, when each fell silent (Unix us), and its key of what it shares; 0 is none."""

    ids: Int32s = field(default_factory=lambda: np.zeros(0, np.int32))
    at_us: Int64s = field(default_factory=lambda: np.zeros(0, np.int64))
    keys: dict[Shared, Int64s] = field(
        default_factory=lambda: {shared: np.zeros(0, np.int64) for shared in Shared}
    )

    def add(self, ids: Int32s, at_us: Int64s, keys: Mapping[Shared, Int64s]) -> None:
        """These fell, too."""
        self.ids = np.append(self.ids, ids).astype(np.int32, copy=False)
        self.at_us = np.append(self.at_us, at_us)
        self.keys = {shared: np.append(self.keys[shared], keys[shared]) for shared in Shared}

    def keep(self, chosen: Flags) -> None:
        """Forget all but the chosen."""
        self.ids, self.at_us = self.ids[chosen], self.at_us[chosen]
        self.keys = {shared: column[chosen] for shared, column in self.keys.items()}

    def crowd(self, threshold: Threshold, key: int, now_us: int) -> Crowd:
        """Those who fell within the window and have this key."""
        chosen = self._within(threshold, now_us) & (self.keys[threshold.shared] == key)
        return self._crowd(threshold, key, chosen)

    def crowds(self, thresholds: Iterable[Threshold], now_us: int) -> list[Crowd]:
        """All that are large enough, by any of these; whatever their share may be."""
        found: list[Crowd] = []
        for threshold in thresholds:
            within = self._within(threshold, now_us)
            column = self.keys[threshold.shared]
            keys, counts = np.unique(column[within & (column != 0)], return_counts=True)
            found += [
                self._crowd(threshold, key, within & (column == key))
                for key in keys[counts >= threshold.least].tolist()
            ]
        return found

    def _within(self, threshold: Threshold, now_us: int) -> Flags:
        within: Flags = self.at_us >= now_us - threshold.window_us
        return within

    def _crowd(self, threshold: Threshold, key: int, chosen: Flags) -> Crowd:
        return Crowd(
            threshold.shared, key, self.ids[chosen], int(self.at_us[chosen].min(initial=2**62))
        )
