"""Readings in JSON, in Muster's own forms and ThingsBoard's.

{"ts": 1790000000000, "seq": 41, "boot": "a7", "values": {"voltage_a": 231.2}}
{"ts": "2026-09-21T14:13:20+08:00", "voltage_a": 231.2}     flat, with or without a header
{"ts": 1790000000000, "imei": "490154203237518", "values": ...}   who it is: imei, iccid, imsi
[..., ...]                                                  a list of any of these
"""

from typing import Any

from broker_bridge.decoders import identity
from broker_bridge.decoders.decoded import Decoded, Options, RefusedPart, Said, Scalar
from broker_bridge.decoders.document import (
    HEADER,
    INT64,
    MILLISECONDS_FROM,
    MILLISECONDS_TO,
    Refusals,
    Wrong,
    exactly,
    header,
    items,
    kind,
    load,
    names_boot,
)
from telemetry.model import Identity, Reason

MAX_KEYS = 1_000  # of one reading

_BESIDE = HEADER | identity.NUMBERS
_OUTER = _BESIDE | {"values"}


def decode(payload: bytes, received_us: int, options: Options) -> tuple[Said]:
    """The readings in a payload and what of it is refused; see `decoded.Decode`.

    A value is refused alone: an object or list is `wrong_type`, an integer beyond 64 bits
    `out_of_range`, NUL in text `malformed`; null is an absent metric. A wrong `ts` refuses its
    reading, a wrong `seq`, `boot` or `from` only itself.
    """
    document = load(payload)
    readings: list[Decoded] = []
    colons = 0
    for item in items(document):
        reading = _plain(item)
        if reading is None:
            break
        readings.append(reading)
        colons += len(item) if reading.values is item else len(item) + len(reading.values)
    else:
        # Each key as written has a colon: no more colons than keys, and no key stands twice.
        if payload.count(b":") == colons:
            return (Said(readings, ()),)
    return (_read(exactly(payload, document)),)


def _plain(item: Any) -> Decoded | None:
    """The reading in the form of nearly every message (header and numbers, or numbers alone)."""
    if type(item) is not dict:
        return None
    time_us = seq = boot = None
    values = item.get("values")
    if type(values) is dict:
        ts, seq, boot = item.get("ts"), item.get("seq"), item.get("boot")
        if type(ts) is not int or not MILLISECONDS_FROM <= ts < MILLISECONDS_TO:
            return None
        if len(item) != 2 + (seq is not None) + (boot is not None):
            return None
        if seq is not None and (type(seq) is not int or not 0 <= seq < INT64):
            return None
        if boot is not None and not names_boot(boot):
            return None
        time_us = ts * 1000
    elif _OUTER.isdisjoint(item):
        values = item
    else:
        return None
    try:
        # A float this large may be an integer that lost its last digits.
        if max(map(abs, values.values())) >= INT64 or len(values) > MAX_KEYS:
            return None
    except (TypeError, ValueError):  # not all of them numbers; none at all
        return None
    return Decoded(time_us, seq, boot, None, values)


def _read(document: Any) -> Said:
    """Take what can be taken, with every check; of several identities the last is the message's."""
    readings: list[Decoded] = []
    refused: list[RefusedPart] = []
    who: Identity | None = None
    for position, item in enumerate(items(document)):
        refusals = Refusals(position)
        try:
            reading = _reading(item, refusals)
        except Wrong as wrong:
            refusals.add(None, wrong.reason, str(wrong))
        else:
            said = identity.numbers(item, refusals)
            who = said or who
            if reading.values:
                readings.append(reading)
            elif not refusals.parts and said is None:
                refusals.add(None, Reason.MALFORMED, "no values")
        refused += refusals.parts
    return Said(readings, refused, identity=who)


def _reading(item: Any, refusals: Refusals) -> Decoded:
    """The reading without its refused values, of which there may be none left; or `Wrong`."""
    if type(item) is not dict:
        raise Wrong(f"a reading is {kind(item)}")
    time_us, seq, boot, first_kept = header(item, refusals)
    values = item.get("values")
    if "values" not in item:
        values = {name: value for name, value in item.items() if name not in _BESIDE}
    elif type(values) is not dict:
        raise Wrong(f"values is {kind(values)}")
    else:
        for name in item:
            if name not in _OUTER:
                refusals.add(name, Reason.UNKNOWN_METRIC, "stands beside values, not in it")
    if len(values) > MAX_KEYS:
        raise Wrong(f"{len(values)} values; at most {MAX_KEYS} are taken", Reason.TOO_LARGE)
    kept: dict[str, Scalar] = {}
    for name, value in values.items():
        if type(value) is dict or type(value) is list:
            refusals.add(name, Reason.WRONG_TYPE, f"{kind(value)} is no value")
        elif type(value) is int and not -INT64 <= value < INT64:
            refusals.add(name, Reason.OUT_OF_RANGE, "an integer beyond 64 bits")
        elif type(value) is str and "\0" in value:
            refusals.add(name, Reason.MALFORMED, "NUL in text")
        elif value is not None:
            kept[name] = value
    return Decoded(time_us, seq, boot, first_kept, kept)
