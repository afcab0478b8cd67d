"""Positions: 0200, its answer 0201 and batches of them, 0704 (JT/T 808-2019, 8.12 to 8.14, 8.49).

A position without a fix has no latitude and longitude; degrees are WGS-84 as the standard has them.
Times are of Beijing (GMT+8). The length of each additional item is the standard's; items of makers
(E0 and above, and those in between that are not listed) are left out.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from broker_bridge.decoders.decoded import (
    Decoded,
    DecodedEvent,
    Missing,
    RefusedPart,
    Said,
    Scalar,
    Undecodable,
)
from broker_bridge.decoders.frames import event
from broker_bridge.decoders.jt808.framing import Header, beijing_us
from telemetry.model import Reason

_REPORT, _ANSWER, _BATCH = 0x0200, 0x0201, 0x0704
MESSAGES = frozenset((_REPORT, _ANSWER, _BATCH))

_BASIC = 28
_MOST_IN_BATCH = 1_000
# Status word, table 25.
_ACC, _FIX, _SOUTH, _WEST = 1, 2, 4, 8


class _Item(NamedTuple):
    """An additional item (table 27): its size in bytes, and the values that it gives."""

    size: int
    unit: str | None
    values: Callable[[bytes], dict[str, Scalar]]


def _number(name: str, size: int, by: int = 1, unit: str | None = None) -> _Item:
    """One unsigned number, a `by`th of its unit."""
    return _Item(size, unit, lambda data: {name: _scaled(int.from_bytes(data), by)})


def _scaled(number: int, by: int) -> Scalar:
    return number if by == 1 else number / by


def _temperature(data: bytes) -> dict[str, Scalar]:
    """The highest bit is the sign."""
    number = int.from_bytes(data)
    return {"carriage_temperature_c": float(-(number & 0x7FFF) if number & 0x8000 else number)}


def _analogue(data: bytes) -> dict[str, Scalar]:
    return {"analogue_0": int.from_bytes(data[2:]), "analogue_1": int.from_bytes(data[:2])}


_ITEMS: Mapping[int, _Item] = {
    0x01: _number("mileage_km", 4, 10, "km"),
    0x02: _number("fuel_l", 2, 10, "L"),
    0x03: _number("recorder_speed_kmh", 2, 10, "km/h"),
    0x04: _number("alarm_to_confirm", 2),
    0x06: _Item(2, "Cel", _temperature),
    0x14: _number("video_alarm_bits", 4),
    0x15: _number("video_loss_bits", 4),
    0x16: _number("video_cover_bits", 4),
    0x17: _number("storage_fault_bits", 2),
    0x18: _number("driving_alarm_bits", 2),
    0x25: _number("signal_bits", 4),
    0x2A: _number("io_bits", 2),
    0x2B: _Item(4, None, _analogue),
    0x30: _number("signal_strength", 1),
    0x31: _number("satellites", 1),
}
_TYRES, _OVERSPEED, _CROSSING, _ROAD_TIME = 0x05, 0x11, 0x12, 0x13
_EVENT_SIZES = {_TYRES: (30,), _OVERSPEED: (1, 5), _CROSSING: (6,), _ROAD_TIME: (7,)}
_NO_PRESSURE = 0xFF

UNITS: Mapping[str, str | None] = {
    "latitude": "deg", "longitude": "deg", "altitude_m": "m", "speed_kmh": "km/h",
    "heading_deg": "deg", "mileage_km": "km", "fuel_l": "L", "recorder_speed_kmh": "km/h",
    "carriage_temperature_c": "Cel",
}  # fmt: skip


class _Gathered:
    """What the positions of one message say."""

    def __init__(self, tolerated: list[str], *, lenient: bool) -> None:
        self.readings: list[Decoded] = []
        self.refused: list[RefusedPart] = []
        self.events: list[DecodedEvent] = []
        self.missing: list[Missing] = []
        self.tolerated = tolerated
        self.lenient = lenient

    def tolerate(self, what: str, position: int) -> None:
        """Note what a strict reader refuses, which this one may be."""
        if not self.lenient:
            raise Undecodable(Reason.MALFORMED, what, position)
        self.tolerated.append(what)


def read(said: Said, header: Header, body: bytes, position: int, lenient: bool) -> Said:
    """The positions of a message; positions in errors count from its payload's begin."""
    gathered = _Gathered(list(said.tolerated), lenient=lenient)
    if header.message == _BATCH:
        _batch(body, position, gathered)
    elif header.message == _ANSWER:
        if len(body) < 2:
            raise Undecodable(Reason.MALFORMED, "the answer has no number", position)
        _position(body[2:], 0, position, gathered)
    else:
        _position(body, 0, position, gathered)
    return said._replace(
        readings=gathered.readings,
        refused=gathered.refused,
        events=gathered.events,
        missing=gathered.missing,
        tolerated=gathered.tolerated,
    )


def _batch(body: bytes, position: int, gathered: _Gathered) -> None:
    """Positions that wait since the network was away, or that are sent together."""
    if len(body) < 3:
        raise Undecodable(Reason.MALFORMED, "the batch has no head", position)
    count, at = int.from_bytes(body[:2]), 3
    if count > _MOST_IN_BATCH:
        said = f"{count} positions; at most {_MOST_IN_BATCH}"
        raise Undecodable(Reason.TOO_LARGE, said, position)
    number = 0
    while at < len(body):
        size = int.from_bytes(body[at : at + 2])
        part = body[at + 2 : at + 2 + size]
        if len(part) < size or len(body) < at + 2:
            raise Undecodable(Reason.MALFORMED, f"position {number + 1} is cut short", position)
        _position(part, number, position, gathered)
        at += 2 + size
        number += 1
    if number != count:
        gathered.tolerate(f"{number} positions, not {count}", position)


def _position(body: bytes, number: int, position: int, gathered: _Gathered) -> None:
    """One position, number `number` of its message."""
    if len(body) < _BASIC:
        raise Undecodable(Reason.MALFORMED, "the position is cut short", position)
    time_us = beijing_us(body[22:28])
    if time_us is None:
        said = f"{body[22:28].hex()} is no time"
        gathered.refused.append(RefusedPart(number, None, None, Reason.MALFORMED, said))
        return
    alarms, status = int.from_bytes(body[:4]), int.from_bytes(body[4:8])
    values: dict[str, Scalar] = {"alarm_bits": alarms, "status_bits": status}
    values["ignition"] = bool(status & _ACC)
    if status & _FIX:
        latitude, longitude = (_degrees(body[at : at + 4], position, gathered) for at in (8, 12))
        values["latitude"] = -latitude if status & _SOUTH else latitude
        values["longitude"] = -longitude if status & _WEST else longitude
        values["altitude_m"] = int.from_bytes(body[16:18], signed=True)
        values["heading_deg"] = int.from_bytes(body[20:22])
    else:
        gathered.missing += [Missing(name, "no fix") for name in ("latitude", "longitude")]
    values["speed_kmh"] = int.from_bytes(body[18:20]) / 10
    _items(body, time_us, values, position, gathered)
    gathered.readings.append(Decoded(time_us, None, None, None, values))


def _degrees(written: bytes, position: int, gathered: _Gathered) -> float:
    """Millionths of a degree without a sign, which stands in the status word.

    Some terminals write a negative number all the same.
    """
    millionths = int.from_bytes(written)
    if millionths >= 2**31:
        gathered.tolerate("degrees with a sign of their own", position)
        millionths -= 2**32
    return millionths / 1e6


def _items(
    body: bytes,
    time_us: int,
    values: dict[str, Scalar],
    position: int,
    gathered: _Gathered,
) -> None:
    at = _BASIC
    while at < len(body):
        name, size = body[at], int.from_bytes(body[at + 1 : at + 2])
        data = body[at + 2 : at + 2 + size]
        if len(body) < at + 2 or len(data) < size:
            gathered.tolerate(f"the additional item {name:02X} is cut short", position)
            return
        at += 2 + size
        item = _ITEMS.get(name)
        if item is not None and size == item.size:
            values |= item.values(data)
        elif item is not None or size not in _EVENT_SIZES.get(name, (size,)):
            gathered.tolerate(f"the additional item {name:02X} has {size} bytes", position)
        elif name in _EVENT_SIZES:
            _told(name, data, time_us, values, gathered)


def _told(
    name: int, data: bytes, time_us: int, values: dict[str, Scalar], gathered: _Gathered
) -> None:
    """Items that say what happened where (tables 28 to 30), and the pressure of the tyres."""
    if name == _TYRES:
        for wheel, pressure in enumerate(data, start=1):
            if pressure == _NO_PRESSURE:
                gathered.missing.append(Missing(f"tyre_{wheel}", "no sensor (FF)"))
            else:
                values[f"tyre_{wheel}"] = pressure
        return
    if name == _OVERSPEED:
        told: dict[str, object] = {"place": data[0]}
        if len(data) == 5:
            told["place_id"] = int.from_bytes(data[1:])
        happened = event("overspeed", "minor", time_us=time_us, data=told)
    elif name == _CROSSING:
        told = {"place": data[0], "place_id": int.from_bytes(data[1:5])}
        code = "place_left" if data[5] else "place_entered"
        happened = event(code, "warning", time_us=time_us, data=told)
    else:
        told = {"road_id": int.from_bytes(data[:4]), "seconds": int.from_bytes(data[4:6])}
        told["too_long"] = bool(data[6])
        happened = event("road_time", "warning", time_us=time_us, data=told)
    gathered.events.append(happened)
