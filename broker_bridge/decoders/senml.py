"""Readings in SenML (RFC 8428), as JSON (section 5) and as CBOR (section 6).

[{"bn": "urn:dev:ow:10e2073a01080063:", "bt": 1790000000, "n": "voltage", "u": "V", "v": 120.1}]

The metric is what stands behind the last `:` or `/` of the resolved name, in lower case, `-` and
`.` as `_`; a sum (`s`) is the metric with `_sum` behind its name, in the unit that the profile
gives it. Records of one time are one reading. What stands before the metric names the device: with
the option `speakers` it is a terminal behind this gateway, by its code; without, one pack is of one
device.

A time below 2**28 counts from now (section 4.5.3), which is when we received it: such a reading,
sent again, is another one.
"""

import math
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from io import BytesIO
from typing import Any

import cbor2

from broker_bridge.decoders import places
from broker_bridge.decoders.decoded import (
    Decoded,
    Options,
    RefusedPart,
    Said,
    Scalar,
    Undecodable,
    shown,
)
from broker_bridge.decoders.document import INT64, MAX_BYTES, MAX_ITEMS, exactly, load
from registry.identifiers import IdentifierInvalid, WireName
from telemetry.model import Reason

NEWEST_VERSION = 10  # section 4.4
_RELATIVE_BELOW = 2**28  # seconds, section 4.5.3
_LATEST_SECONDS = 10**11
_MOST_NAME = 255
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:./_-]*", re.ASCII)  # section 4.5.1
_VALUES = ("v", "vb", "vs", "vd")
_SAYING_VALUE = frozenset(_VALUES)
_SAYING = frozenset(("n", "s", "t", *_VALUES))  # a record with one of these is no mere base
_BASES = frozenset(("bn", "bt", "bu", "bv", "bs", "bver"))
_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
_KNOWN = frozenset(_LABELS.values())

# Names of section 12.1, and of RFC 8798, that UCUM writes otherwise.
_UCUM = {
    "lat": "deg", "lon": "deg", "l": "L", "l/s": "L/s", "/": "1", "count": "1", "beats": "1",
    "kWh": "kW.h", "Wh": "W.h", "varh": "var.h", "kvarh": "kvar.h", "VA": "V.A", "kVA": "kV.A",
    "Ah": "A.h", "ppm": "[ppm]", "/100": "%", "/1000": "[ppth]", "B": "By",
    "%RH": "%", "%EL": "%", "EL": "s", "1/s": "/s", "1/min": "/min", "beat/min": "/min",
    "pH": "[pH]",
}  # fmt: skip


class _Wrong(Exception):
    """Why one record is refused."""

    def __init__(self, detail: str, reason: Reason = Reason.MALFORMED) -> None:
        super().__init__(detail)
        self.reason = reason


class _PackWrong(Exception):
    """Why nothing of a pack can be taken, and at which record that shows."""

    def __init__(self, record: int, detail: str, reason: Reason = Reason.MALFORMED) -> None:
        super().__init__(detail)
        self.record = record
        self.reason = reason


@dataclass(slots=True)
class _Device:
    """What one device says in a pack, from record `first` on: values by time, None is now."""

    first: int
    values: dict[int | None, dict[str, Scalar]] = field(default_factory=dict)
    units: dict[str, str | None] = field(default_factory=dict)
    refused: list[RefusedPart] = field(default_factory=list)


def decode_json(payload: bytes, received_us: int, options: Options) -> list[Said]:
    """The readings of a pack in JSON; see `decoded.Decode`."""
    document = exactly(payload, load(payload))
    try:
        return _decode(document, received_us, options)
    except _PackWrong as wrong:
        place = places.of_item(payload, wrong.record)
        raise Undecodable(wrong.reason, str(wrong), place) from None


def decode_cbor(payload: bytes, received_us: int, options: Options) -> list[Said]:
    """The readings of a pack in CBOR (RFC 8949); see `decoded.Decode`."""
    if len(payload) > MAX_BYTES:
        said = f"{len(payload)} bytes; at most {MAX_BYTES} are taken"
        raise Undecodable(Reason.TOO_LARGE, said, MAX_BYTES)
    source = BytesIO(payload)
    try:
        document = cbor2.CBORDecoder(source).decode()
    except (cbor2.CBORDecodeError, ValueError, OverflowError, RecursionError, TypeError) as error:
        raise Undecodable(Reason.MALFORMED, f"no CBOR: {error}", source.tell()) from None
    if source.tell() != len(payload):
        raise Undecodable(Reason.MALFORMED, "something stands behind the pack", source.tell())
    if type(document) is list:
        document = [_labelled(item) if isinstance(item, Mapping) else item for item in document]
    try:
        return _decode(document, received_us, options)
    except _PackWrong as wrong:
        raise Undecodable(wrong.reason, str(wrong), _place(payload, wrong.record)) from None


_ARRAY_HEADS = {0x98: 2, 0x99: 3, 0x9A: 5, 0x9B: 9}
"""Bytes of an array's head by its first one, where that is not all of it (RFC 8949, 3)."""


def _place(payload: bytes, record: int) -> int:
    """The byte at which a record of a pack in CBOR begins; 0 where that cannot be told."""
    source = BytesIO(payload)
    source.seek(_ARRAY_HEADS.get(payload[0], 1))
    decoder = cbor2.CBORDecoder(source)
    try:
        for _ in range(record):
            decoder.decode()
    except Exception:  # noqa: BLE001 - one record leans on another (tags 28 and 29)
        return 0
    return source.tell()


def _labelled(record: Mapping[Any, Any]) -> dict[str, Any]:
    """A record of CBOR with the labels of JSON; others keep theirs, if they are text."""
    read: dict[str, Any] = {}
    for label, value in record.items():
        if type(label) is int and label in _LABELS:
            read[_LABELS[label]] = value
        elif type(label) is str and label not in _KNOWN:
            read[label] = value
    return read


def _decode(document: Any, received_us: int, options: Options) -> list[Said]:
    if type(document) is not list or not document:
        raise Undecodable(Reason.MALFORMED, "a pack is a list of records", 0)
    if len(document) > MAX_ITEMS:
        raise _PackWrong(
            MAX_ITEMS, f"{len(document)} records; at most {MAX_ITEMS}", Reason.TOO_LARGE
        )
    devices: dict[str, _Device] = {}
    speakers = options.get("speakers")
    for position, name, outcome in _resolved(document, received_us):
        device_name, metric = _parted_before(name) if len(name) <= _MOST_NAME else _parted(name)
        if not speakers:
            device_name = ""
        device = devices.get(device_name)
        if device is None:
            device = devices[device_name] = _Device(position)
        if isinstance(outcome, _Wrong):
            refused = RefusedPart(
                position, None, metric and shown(metric), outcome.reason, str(outcome)
            )
            device.refused.append(refused)
            continue
        time_us, unit, values = outcome
        at_once = device.values.get(time_us)
        if at_once is None:
            at_once = device.values[time_us] = {}
        for suffix, value in values.items():
            _put(device, at_once, position, metric + suffix, value)
            device.units[metric + suffix] = None if suffix else unit
    if not devices:
        raise Undecodable(Reason.MALFORMED, "no record has a value", 0)
    return [
        Said(
            [Decoded(time_us, None, None, None, values) for time_us, values in one.values.items()],
            one.refused,
            speaker=_speaker(name, one.first) if speakers else None,
            units=one.units,
        )
        for name, one in devices.items()
    ]


def _put(
    device: _Device, values: dict[str, Scalar], position: int, metric: str, value: Scalar
) -> None:
    """Keep a value among those of its time; another one of this metric is a conflict."""
    if metric in values and values[metric] != value:
        said = "has two values at one time; of one device or of two"
        device.refused.append(RefusedPart(position, None, shown(metric), Reason.CONFLICT, said))
    else:
        values[metric] = value


_Resolved = tuple[int | None, str | None, dict[str, Scalar]]


def _resolved(
    records: list[Any], received_us: int
) -> Iterator[tuple[int, str, _Resolved | _Wrong]]:
    """Position, name and (time, unit, value and sum) of each record that has a value."""
    base: dict[str, Any] = {}
    for position, record in enumerate(records):
        if type(record) is not dict:
            raise _PackWrong(position, f"record {position + 1} is not an object")
        _take_bases(base, record, position)
        if _SAYING.isdisjoint(record):
            continue
        own = record.get("n", "")
        name = base.get("bn", "") + own if type(own) is str else ""
        try:
            if len(name) > _MOST_NAME or not _NAME.fullmatch(name):
                raise _Wrong(f"{shown(name)!r} is no name (RFC 8428, 4.5.1)")
            unit = _unit(record.get("u", base.get("bu")))
            yield position, name, (_time_us(record, base, received_us), unit, _values(record, base))
        except _Wrong as wrong:
            yield position, name, wrong


def _take_bases(base: dict[str, Any], record: dict[str, Any], position: int) -> None:
    """Base fields hold from their record on; what must be understood and is not ends it all."""
    for label in record:
        if label.endswith("_"):
            said = f"record {position + 1}: {shown(label)} must be understood"
            raise _PackWrong(position, said)
        if label not in _BASES:
            continue
        value = record[label]
        if label in ("bn", "bu"):
            if type(value) is not str:
                raise _PackWrong(position, f"record {position + 1}: {label} is no text")
        elif (number := _number(value)) is None:
            raise _PackWrong(position, f"record {position + 1}: {label} is no number")
        else:
            value = number
        if label == "bver" and not 0 < value <= NEWEST_VERSION:
            said = f"version {value}; up to {NEWEST_VERSION} is known"
            raise _PackWrong(position, said)
        base[label] = value


def _time_us(record: dict[str, Any], base: dict[str, Any], received_us: int) -> int | None:
    """Unix us; None is now, told as nothing else."""
    own = _number(record["t"]) if "t" in record else 0
    if own is None or ("ut" in record and _number(record["ut"]) is None):
        raise _Wrong("t or ut is no number")
    seconds: float = base.get("bt", 0) + own
    if not abs(seconds) < _LATEST_SECONDS:
        raise _Wrong("the time is none of this age", Reason.CLOCK)
    if seconds >= _RELATIVE_BELOW:
        return round(seconds * 1_000_000)
    return received_us + round(seconds * 1_000_000) if seconds else None


def _values(record: dict[str, Any], base: dict[str, Any]) -> dict[str, Scalar]:
    """The value, and its sum behind `_sum`."""
    given = _SAYING_VALUE.intersection(record)
    if len(given) > 1:
        listed = " and ".join(label for label in _VALUES if label in given)
        raise _Wrong(f"{listed}: at most one value")
    label = next(iter(given), "v")
    values: dict[str, Scalar] = {}
    if label == "v":
        if given or "bv" in base:
            values[""] = _added(base.get("bv", 0), record.get("v", 0), "v")
    else:
        value = record[label]
        if type(value) is not (bool if label == "vb" else str) and not (
            label == "vd" and type(value) is bytes
        ):
            raise _Wrong(f"{label} is of another type", Reason.WRONG_TYPE)
        if type(value) is bytes:  # as JSON writes it: RFC 4648, section 5, without padding
            value = urlsafe_b64encode(value).rstrip(b"=").decode()
        if type(value) is str and "\0" in value:
            raise _Wrong("NUL in text")
        values[""] = value
    if "s" in record or "bs" in base:
        values["_sum"] = _added(base.get("bs", 0), record.get("s", 0), "s")
    if not values:
        raise _Wrong("neither a value nor a sum")
    return values


def _added(base: float, own: object, label: str) -> float | int:
    number = _number(own)
    if number is None:
        raise _Wrong(f"{label} is no number", Reason.WRONG_TYPE)
    total = base + number
    if type(total) is int and not -INT64 <= total < INT64:
        raise _Wrong("an integer beyond 64 bits", Reason.OUT_OF_RANGE)
    return total


def _number(value: object) -> float | int | None:
    """A finite number, integers as such; decimal fractions of CBOR (tag 4) as floats."""
    if type(value) is int:
        return value
    if isinstance(value, Decimal):
        value = float(value)
    return value if type(value) is float and math.isfinite(value) else None


def _unit(unit: object) -> str | None:
    if unit is None:
        return None
    if type(unit) is not str:
        raise _Wrong("u is no text")
    return _UCUM.get(unit, unit)


def _parted(name: str) -> tuple[str, str]:
    """The device's part of a name and the metric."""
    cut = max(name.rfind(":"), name.rfind("/"))
    metric = name[cut + 1 :].lower().replace("-", "_").replace(".", "_")
    before = max(name.rfind(":", 0, max(cut, 0)), name.rfind("/", 0, max(cut, 0)))
    return name[before + 1 : max(cut, 0)], metric


_parted_before = lru_cache(maxsize=4096)(_parted)  # terminals say the same names again and again


def _speaker(device: str, record: int) -> WireName | None:
    """The terminal behind this gateway; none is named: the gateway itself."""
    if not device:
        return None
    try:
        return WireName.of("code", device)
    except IdentifierInvalid:
        said = f"{shown(device)} is no terminal's code"
        raise _PackWrong(record, said, Reason.WRONG_IDENTITY) from None
