"""Slows guessing down: waits that grow with failures, and never lock an account for good."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from api.errors import TooManyAttempts

_MOST_KEYS = 20_000
_FORGOTTEN_AFTER_SECONDS = 15 * 60


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many failures are free, and how long the wait after later ones may grow."""

    free_failures: int
    longest_wait_seconds: int


# A stranger who guesses at an account from elsewhere costs its owner 4 seconds at most.
PAIR = Allowance(5, 60)
ADDRESS = Allowance(25, 60)
NAME = Allowance(20, 4)


@dataclass(slots=True)
class _Record:
    failures: int
    last_at: float


class Throttle:
    """Counts failed sign-ins by name, by address and by both, in this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: OrderedDict[tuple[str, str], _Record] = OrderedDict()

    def check(self, name: str, address: str) -> None:
        """Return if an attempt may be made now, else TooManyAttempts."""
        wait = max(self._wait(key, allowance) for key, allowance in _keys(name, address))
        if wait > 0:
            raise TooManyAttempts(int(wait) + 1)

    def failed(self, name: str, address: str) -> None:
        """Note a failed attempt."""
        for key, _ in _keys(name, address):
            record = self._records.pop(key, None)
            failures = record.failures if record and not self._is_old(record) else 0
            self._records[key] = _Record(failures + 1, self._clock())
        while len(self._records) > _MOST_KEYS:
            self._records.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of this name from this address."""
        self._records.pop((name, address), None)

    def _wait(self, key: tuple[str, str], allowance: Allowance) -> float:
        record = self._records.get(key)
        if record is None or self._is_old(record):
            return 0
        over = record.failures - allowance.free_failures
        if over < 0:
            return 0
        pause = min(2.0 ** min(over, 10), allowance.longest_wait_seconds)
        return record.last_at + pause - self._clock()

    def _is_old(self, record: _Record) -> bool:
        return self._clock() - record.last_at > _FORGOTTEN_AFTER_SECONDS


def _keys(name: str, address: str) -> list[tuple[tuple[str, str], Allowance]]:
    return [((name, address), PAIR), (("", address), ADDRESS), ((name, ""), NAME)]
