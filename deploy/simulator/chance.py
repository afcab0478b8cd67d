"""Repeatable chance: numbers that look random and depend on nothing but their arguments."""

import math
from hashlib import blake2b

_MASK = (1 << 64) - 1


def seed_of(*parts: object) -> int:
    """A 64-bit seed that stands for `parts`, the same in every process."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def chance(seed: int, channel: int, index: int) -> float:
    """A number in [0, 1) for the `index`-th throw of a `channel` (splitmix64)."""
    x = (seed + channel * 0xD1342543DE82EF95 + index * 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((x ^ (x >> 31)) >> 11) / (1 << 53)


def between(low: float, high: float, seed: int, channel: int) -> float:
    """A number in [low, high) that is fixed for a seed and a channel."""
    return low + (high - low) * chance(seed, channel, 0)


def drift(seed: int, channel: int, at_seconds: float, period_seconds: float) -> float:
    """A smooth wandering line in [-1, 1] that turns about once in `period_seconds`."""
    position = at_seconds / period_seconds
    index = math.floor(position)
    share = position - index
    eased = share * share * (3.0 - 2.0 * share)
    before, after = chance(seed, channel, index), chance(seed, channel, index + 1)
    return 2.0 * (before + (after - before) * eased) - 1.0
