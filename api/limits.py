"""How much anybody may ask of this process: token buckets by address, caller and group client.

A bucket holds `quota` requests and is filled again evenly within `seconds`: so many at once, and so
many a window in the long run. Each API process counts for itself.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address, ip_network
from math import ceil
from typing import Any, TypeVar

from fastapi import Request

from api.errors import RateExceeded
from api.metrics import ApiMetrics
from foundation.settings import Settings
from registry.scope import Scope

_MOST_KEYS = 50_000
_ROUNDING = 1e-3  # of a request: what adding up thousands of fractions may lose
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])
_expensive: set[Callable[..., Any]] = set()


class Limit(StrEnum):
    """What is counted apart, each against a bucket of its own."""

    ADDRESS = "address"
    SIGN_IN = "sign_in"
    READ = "read"
    CHANGE = "change"
    EXPENSIVE = "expensive"
    CLIENT = "client"
    BROKER = "broker"
    BROKER_TERMINAL = "broker_terminal"


def expensive(endpoint: _Endpoint) -> _Endpoint:
    """Have requests of this route counted as EXPENSIVE, whatever their method."""
    _expensive.add(endpoint)
    return endpoint


@dataclass(frozen=True, slots=True)
class Standing:
    """How one bucket stands after a request: what is left, and when all of it is there again."""

    limit: Limit
    quota: int
    seconds: int
    left: int
    full_in_seconds: int

    @property
    def policy(self) -> str:
        """An item of RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers)."""
        return f'"{self.limit}";q={self.quota};w={self.seconds}'

    @property
    def state(self) -> str:
        """An item of RateLimit."""
        return f'"{self.limit}";r={self.left};t={self.full_in_seconds}'


class Buckets:
    """The buckets of one limit, by key; the one used least lately is forgotten first."""

    def __init__(
        self, limit: Limit, quota: int, seconds: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit, self._quota, self._seconds = limit, quota, seconds
        self._clock = clock
        # When each bucket is full again: all there is to know of it.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str) -> Standing:
        """Take one request out of a bucket; RateExceeded when there is none in it."""
        now = self._clock()
        each = self._seconds / self._quota
        full_at = max(self._full_at.get(key, now), now) + each
        over = full_at - now - self._seconds
        if over > each * _ROUNDING:
            raise RateExceeded(self._limit, ceil(over))
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > _MOST_KEYS:
            self._full_at.popitem(last=False)
        left = int((self._seconds - (full_at - now)) / each + _ROUNDING)
        return Standing(self._limit, self._quota, self._seconds, left, ceil(full_at - now))


class Limits:
    """Every limit of this process, as its settings have them."""

    def __init__(
        self,
        settings: Settings,
        metrics: ApiMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._buckets: dict[Limit, Buckets] = {}
        for limit in Limit:
            allowance = getattr(settings, f"limit_{limit}")
            if allowance != "off":
                quota, seconds = map(int, allowance.split("/"))
                self._buckets[limit] = Buckets(limit, quota, seconds, clock)

    def knock(self, request: Request) -> None:
        """Count a request by its address, before anybody looks at it; RateExceeded if too many."""
        self._take(request, {Limit.ADDRESS: origin(request)})

    def sign_in(self, request: Request) -> None:
        """Count a sign-in by its address, whether it succeeds or not; RateExceeded if too many."""
        self._take(request, {Limit.SIGN_IN: origin(request)})

    def admit(self, request: Request, scope: Scope) -> None:
        """Count a request by who asks, and by the group client that is all they see."""
        keys = {_class_of(request): scope.actor}
        if (client := only_client(scope)) is not None:
            keys[Limit.CLIENT] = str(client)
        self._take(request, keys)

    def broker(self, limit: Limit, key: str) -> None:
        """Count what a broker asks for a terminal; RateExceeded if it is too much."""
        if limit in self._buckets:
            try:
                self._buckets[limit].take(key)
            except RateExceeded:
                self._metrics.limited(limit)
                raise

    def _take(self, request: Request, keys: dict[Limit, str]) -> None:
        standings = []
        for limit, key in keys.items():
            buckets = self._buckets.get(limit)
            if buckets is None:
                continue
            try:
                standings.append(buckets.take(key))
            except RateExceeded:
                self._metrics.limited(limit)
                raise
        request.state.standings = standings


def told(standings: list[Standing]) -> dict[str, str]:
    """The headers that say how a caller stands; none where nothing is limited."""
    if not standings:
        return {}
    return {
        "RateLimit-Policy": ", ".join(standing.policy for standing in standings),
        "RateLimit": ", ".join(standing.state for standing in standings),
    }


def only_client(scope: Scope) -> int | None:
    """The group client that, with those below it, is all that a scope sees; None if it is none."""
    if scope.everything or scope.region is not None or len(scope.group_clients) != 1:
        return None
    return min(scope.group_clients)


def origin(request: Request) -> str:
    """Where a request comes from, as far as one asker can be told from the next."""
    return _network(request.client.host) if request.client else ""


@lru_cache(4096)
def _network(host: str) -> str:
    """An IPv4 address; of IPv6 the /64, all of which one asker has to choose from."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return host
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((address, 64), strict=False))


def _class_of(request: Request) -> Limit:
    if request.scope.get("endpoint") in _expensive:
        return Limit.EXPENSIVE
    return Limit.READ if request.method in _READING else Limit.CHANGE
