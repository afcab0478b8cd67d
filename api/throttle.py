"""Slows guessing down: waits that grow with failures, and never lock an account for good.

Wrong passwords are counted by account, by address, by both and in all. What strangers cause must
not keep an account's owner out, however many they are: a browser in which its owner has signed in
shows a mark of it, and is counted by that mark alone.
"""

import hashlib
import hmac
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from api.errors import TooManyAttempts

_MOST_KEYS = 20_000
_FORGOTTEN_AFTER_SECONDS = 15 * 60


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many failures are free, how long the wait after more may grow, and what time forgives.

    All failures are forgotten after a quarter of an hour without one.
    """

    free_failures: int
    longest_wait_seconds: int
    forgiven_a_second: float = 0


PAIR = Allowance(5, 60)
ADDRESS = Allowance(25, 60)
# A stranger who guesses at an account from elsewhere costs its owner 4 seconds at most.
NAME = Allowance(20, 4)
# A thousand people who mistype in the same minute are no attack, and are not held up.
EVERYBODY = Allowance(1000, 2, forgiven_a_second=10)


@dataclass(slots=True)
class _Record:
    failures: float
    last_at: float


class Throttle:
    """Counts failed sign-ins in this process; `device` is what `Devices.known` says, or None."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: OrderedDict[tuple[str, str], _Record] = OrderedDict()

    def check(self, name: str, address: str, device: str | None = None) -> None:
        """Return if an attempt may be made now, else TooManyAttempts."""
        counted = _keys(name, address, device)
        wait = max(self._wait(key, allowance) for key, allowance in counted)
        if wait > 0:
            raise TooManyAttempts(int(wait) + 1)

    def failed(self, name: str, address: str, device: str | None = None) -> None:
        """Note a failed attempt."""
        for key, allowance in _keys(name, address, device):
            failures = self._failures(key, allowance)
            self._records.pop(key, None)
            self._records[key] = _Record(failures + 1, self._clock())
        while len(self._records) > _MOST_KEYS:
            self._records.popitem(last=False)

    def succeeded(self, name: str, address: str, device: str | None = None) -> None:
        """Forget the failures of this name from this address or device."""
        key, _ = _keys(name, address, device)[0]
        self._records.pop(key, None)

    def _wait(self, key: tuple[str, str], allowance: Allowance) -> float:
        over = self._failures(key, allowance) - allowance.free_failures
        if over < 0:
            return 0
        pause = min(math.pow(2, min(over, 10)), allowance.longest_wait_seconds)
        return self._records[key].last_at + pause - self._clock()

    def _failures(self, key: tuple[str, str], allowance: Allowance) -> float:
        record = self._records.get(key)
        if record is None:
            return 0
        age = self._clock() - record.last_at
        if age > _FORGOTTEN_AFTER_SECONDS:
            return 0
        return max(0.0, record.failures - age * allowance.forgiven_a_second)


def _keys(name: str, address: str, device: str | None) -> list[tuple[tuple[str, str], Allowance]]:
    if device is not None:
        return [((name, f"device {device}"), PAIR)]
    return [
        ((name, address), PAIR),
        (("", address), ADDRESS),
        ((name, ""), NAME),
        (("", ""), EVERYBODY),
    ]


class Devices:
    """Marks of browsers in which somebody has signed in, signed so that nobody makes one up."""

    def __init__(self, secret: bytes | None) -> None:
        """Without a secret marks are those of this process, and end with it."""
        self._key = hashlib.sha256(b"devices\0" + (secret or secrets.token_bytes(32))).digest()

    def mark(self, name: str) -> str:
        """What the browser of a person who has just signed in is to show from now on."""
        device = secrets.token_urlsafe(12)
        return f"{device}.{self._signature(name, device)}"

    def known(self, name: str, mark: str | None) -> str | None:
        """The device that a mark is of, if this person has signed in there; None otherwise."""
        device, _, signature = (mark or "").partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(name, device).encode()):
            return None
        return device

    def _signature(self, name: str, device: str) -> str:
        return hmac.new(self._key, f"{name}\0{device}".encode(), hashlib.sha256).hexdigest()
