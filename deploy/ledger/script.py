"""What every terminal of a ledger says, message by message, computed from a seed: pure.

The load and the checker work from the same script, so a count of messages per terminal is the whole
record of what was sent.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

PROFILE = "ledger_meter"
METRICS = ("voltage", "current", "power", "temperature")
LOW, HIGH = 0.0, 1000.0
OUT_OF_RANGE = 5000.0
_FOREIGN_CLOCK_MS = 1_000_000_000  # 12 January 1970
# Beside the times of all others, which are of whole seconds.
_LATE_MS = 5 * 86_400_000 - 250
_AHEAD_MS = 40_500
_STREAMS = 1 + len(METRICS)
Words = NDArray[np.uint64]


class Kind(IntEnum):
    """What is the matter with a message; all but a few are ORDINARY."""

    ORDINARY = 0
    TWICE = 1
    """Sent two times: one row."""
    CLOCK = 2
    """Of 1970: quarantined."""
    RANGE = 3
    """The first value is out of range: the others are stored, it is quarantined."""
    CONFLICT = 4
    """Of the time of the message before, with other values: quarantined."""
    LATE = 5
    """Of days before all others: stored, and the latest values stay."""
    AHEAD = 6
    """Of a time after the messages that follow: stored, and theirs move no latest value back."""
    GIVEN_UP = 7
    """Never sent: a gap in the numbers, which the next message tells of."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Some messages of a terminal, `first` being the number of the first one."""

    first: int
    kinds: NDArray[np.int64]
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.kinds)


@dataclass(frozen=True, slots=True)
class Script:
    """The messages of a run: number `seq` of a terminal is of `base_ms` + seq * `step_ms`.

    One in `odd_one_in` is no ordinary message.
    """

    seed: int
    base_ms: int
    step_ms: int = 1000
    odd_one_in: int = 500

    def messages(self, terminal: int, first: int, count: int) -> Messages:
        """Messages first .. first + count - 1 of a terminal (counted from 1)."""
        numbers = np.arange(first, first + count, dtype=np.int64)
        kinds = self._kinds(terminal, numbers)
        times = self.base_ms + numbers * self.step_ms
        times[kinds == Kind.CLOCK] = _FOREIGN_CLOCK_MS + numbers[kinds == Kind.CLOCK]
        times[kinds == Kind.CONFLICT] -= self.step_ms
        times[kinds == Kind.LATE] -= _LATE_MS
        times[kinds == Kind.AHEAD] += _AHEAD_MS
        words = np.stack([self._words(terminal, numbers, 1 + k) for k in range(len(METRICS))], 1)
        values = (words % np.uint64(100_000)).astype(np.float64) / 100.0
        values[kinds == Kind.RANGE, 0] = OUT_OF_RANGE
        return Messages(first, kinds, times, values)

    def payloads(self, terminal: int, boot: str, first: int, count: int) -> list[bytes]:
        """The same as a terminal publishes them."""
        said = self.messages(terminal, first, count)
        names = ",".join(f'"{name}":%s' for name in METRICS)
        template = f'{{"boot":"{boot}","seq":%d,"ts":%d,"values":{{{names}}}}}'
        rows = zip(said.times_ms.tolist(), said.values.tolist(), strict=True)
        return [
            (template % (number, at, *values)).encode()
            for number, (at, values) in enumerate(rows, first)
        ]

    def _kinds(self, terminal: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        odd = self._odd(terminal, numbers)
        # A conflict needs an ordinary message before it, and nothing conflicts with a conflict.
        before = self._odd(terminal, numbers - 1)
        odd[(odd == Kind.CONFLICT) & ((before != Kind.ORDINARY) | (numbers == 1))] = Kind.ORDINARY
        # Who tells of a number that is given up is an ordinary message.
        after = self._odd(terminal, numbers + 1)
        odd[(odd == Kind.GIVEN_UP) & (after != Kind.ORDINARY)] = Kind.ORDINARY
        return odd

    def _odd(self, terminal: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        words = self._words(terminal, numbers, 0)
        chosen = words % np.uint64(self.odd_one_in) == 0
        odd = (words // np.uint64(self.odd_one_in) % np.uint64(len(Kind) - 1)).astype(np.int64) + 1
        return np.where(chosen, odd, int(Kind.ORDINARY))

    def _words(self, terminal: int, numbers: NDArray[np.int64], stream: int) -> Words:
        """A random word for each number: splitmix64 of seed, terminal, number and stream."""
        mixed = numbers.astype(np.uint64) * np.uint64(_STREAMS) + np.uint64(stream)
        mixed += np.uint64((self.seed * 1_000_003 + terminal) % 2**31) << np.uint64(33)
        with np.errstate(over="ignore"):
            mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))
