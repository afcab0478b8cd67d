"""Bytes to a JSON document that says what was written, and the header that readings share.

RFC 8259 in UTF-8, each key once (RFC 7493). orjson reads fast, but of a key that stands twice it
keeps the last, and an integer beyond 64 bits it makes a float, both in silence; `exactly` reads
again with the standard library where it matters.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from broker_bridge.decoders import places
from broker_bridge.decoders.decoded import RefusedPart, Undecodable, shown
from telemetry.model import Reason

MAX_BYTES = 65_536
MAX_ITEMS = 10_000  # of a list
MAX_DEPTH = 16
MAX_BOOT = 64  # characters

INT64 = 2**63
# A number below is seconds (until the year 5138), one from here on milliseconds (since 1973).
MILLISECONDS_FROM = 10**11
MILLISECONDS_TO = 10**14
HEADER = frozenset(("ts", "seq", "boot", "from"))

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:)(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:[0-5]\d)", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Header = tuple[int | None, int | None, str | None, int | None]


class Wrong(Exception):
    """Why a whole reading or event is refused, while its neighbours are not."""

    def __init__(self, detail: str, reason: Reason = Reason.MALFORMED) -> None:
        super().__init__(detail)
        self.reason = reason


class Refusals:
    """What is refused of one reading or event."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.seq: int | None = None
        self.boot: str | None = None
        self.parts: list[RefusedPart] = []

    def add(self, name: str | None, reason: Reason, detail: str) -> None:
        """Refuse the value of this name, or all of it (None)."""
        metric = None if name is None else shown(name)
        self.parts.append(RefusedPart(self.position, self.seq, metric, reason, detail, self.boot))


def load(payload: bytes) -> Any:
    """The document as orjson reads it, or `Undecodable`."""
    if len(payload) > MAX_BYTES:
        said = f"{len(payload)} bytes; at most {MAX_BYTES} are taken"
        raise Undecodable(Reason.TOO_LARGE, said, MAX_BYTES)
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise Undecodable(Reason.MALFORMED, str(error), error.pos) from None


def items(document: Any) -> list[Any]:
    """The readings or events of a document: a list's, or the one that it is."""
    if type(document) is not list:
        return [document]
    if not document:
        raise Undecodable(Reason.MALFORMED, "the list is empty", 0)
    if len(document) > MAX_ITEMS:
        raise Undecodable(Reason.TOO_LARGE, f"a list of {len(document)}; at most {MAX_ITEMS}", 0)
    return document


def exactly(payload: bytes, document: Any) -> Any:
    """What the payload says, given what `load` made of it: no key twice, integers whole.

    Reads again only where that is in doubt. Refuses what is nested deeper than MAX_DEPTH.
    """
    colons = 0
    doubt = b"\\" in payload  # an escape can hide a colon
    for depth, level in enumerate(levels(document), start=1):
        if depth > MAX_DEPTH:
            place = places.of_depth(payload, MAX_DEPTH)
            raise Undecodable(Reason.MALFORMED, f"nested deeper than {MAX_DEPTH}", place)
        for value in level:
            if type(value) is dict:
                colons += len(value)
            elif type(value) is str:
                colons += value.count(":")
            elif type(value) is float and not -INT64 < value < INT64:
                doubt = True  # perhaps an integer that lost its last digits
    # Each key as written has a colon: none left over, and no key stands twice.
    if not doubt and payload.count(b":") == colons:
        return document
    try:
        return json.loads(payload.decode(), object_pairs_hook=_unique)
    except _Twice as twice:
        said = f"the key {shown(twice.args[0])} stands twice"
        raise Undecodable(Reason.MALFORMED, said, places.of_second_key(payload)) from None


def levels(document: Any) -> Iterator[list[Any]]:
    """The values and keys of a document, one list a level of nesting, without recursion."""
    level = [document]
    while level:
        yield level
        inner: list[Any] = []
        for value in level:
            if type(value) is dict:
                inner += value
                inner += value.values()
            elif type(value) is list:
                inner += value
        level = inner


def header(item: dict[str, Any], refusals: Refusals) -> Header:
    """`ts` in Unix us, `seq`, `boot` and `from`, each None if absent or null.

    A wrong `ts` is `Wrong`: nothing can be stored at the wrong time. The others are refused alone.
    """
    seq, boot, first_kept = item.get("seq"), item.get("boot"), item.get("from")
    if seq is not None and not _counts(seq):
        refusals.add("seq", Reason.MALFORMED, f"not a number of a message: {kind(seq)}")
        seq = None
    refusals.seq = seq
    if type(boot) is int:
        boot = str(boot)
    if boot is not None and not names_boot(boot):
        refusals.add("boot", Reason.MALFORMED, f"not a name of a boot: {kind(boot)}")
        boot = None
    refusals.boot = boot
    if first_kept is not None and not _counts(first_kept):
        refusals.add("from", Reason.MALFORMED, f"not a number of a message: {kind(first_kept)}")
        first_kept = None
    ts = item.get("ts")
    return None if ts is None else time_us(ts), seq, boot, first_kept


def time_us(ts: object) -> int:
    """A `ts` in Unix us: Unix seconds or milliseconds, or RFC 3339 with its offset; else `Wrong`.

    What lies between two microseconds is cut off in text and rounded in numbers.
    """
    if type(ts) is int or type(ts) is float:
        if abs(ts) < MILLISECONDS_FROM:
            return round(ts * 1_000_000)
        if abs(ts) < MILLISECONDS_TO:
            return round(ts * 1000)
        raise Wrong("ts is neither seconds nor milliseconds since 1970")
    if type(ts) is not str:
        raise Wrong(f"ts is {kind(ts)}")
    match = _RFC3339.fullmatch(ts)
    if match is None:
        raise Wrong(f"ts is no RFC 3339 time with an offset: {shown(ts)}")
    day, minute, second, fraction, offset = match.groups()
    leap = second == "60"
    try:
        whole = datetime.fromisoformat(f"{day}T{minute}{'59' if leap else second}{offset.upper()}")
    except ValueError as error:
        raise Wrong(f"ts {shown(ts)}: {error}") from None
    us = (whole - _EPOCH) // _MICROSECOND + int(f"{fraction or ''}000000"[:6])
    return us + 1_000_000 if leap else us


def kind(value: object) -> str:
    """What a JSON value is, in words for a detail."""
    return _KINDS.get(type(value), "an object")


_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a fraction",
    str: "text",
    list: "a list",
}


def names_boot(value: object) -> bool:
    """Whether that can be the name of a boot."""
    return type(value) is str and 0 < len(value) <= MAX_BOOT and value.isprintable()


def _counts(value: object) -> bool:
    return type(value) is int and 0 <= value < INT64


class _Twice(Exception):
    """A key that its object has already."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Twice(name)
        found[name] = value
    return found
