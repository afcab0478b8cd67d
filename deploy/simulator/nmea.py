"""NMEA 0183 sentences RMC and GGA, read strictly, and the fixes that they make together.

Field order as NMEA 0183 4.x gives it; the checksum is the XOR of everything between `$` and `*`.
Latitude and longitude come as degrees and decimal minutes, WGS-84; speed in knots.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import reduce
from operator import xor

from foundation.errors import Invalid

KMH_PER_KNOT = 1.852

_SENTENCE = re.compile(rb"\$([A-Z]{2}[A-Z]{3},[\x20-\x23\x25-\x29\x2b-\x7e]*)\*([0-9A-F]{2})")
_ANGLE = re.compile(r"(\d{2,3})(\d{2}(?:\.\d+)?)")
_CLOCK = re.compile(r"(\d{2})(\d{2})(\d{2})(?:\.(\d{1,6}))?")
_DATE = re.compile(r"(\d{2})(\d{2})(\d{2})")


class NotNmea(Invalid):
    """This is not an NMEA sentence that can be trusted."""

    code = "not_nmea"


@dataclass(frozen=True, slots=True)
class Rmc:
    """Recommended minimum: a fix with date, speed and course (None where the receiver has none)."""

    at: datetime
    latitude: float
    longitude: float
    speed_knots: float
    course: float | None


@dataclass(frozen=True, slots=True)
class Gga:
    """A fix's height above sea level and satellites in use, at a time of day (UTC)."""

    at: time
    satellites: int
    altitude_m: float | None


@dataclass(frozen=True, slots=True)
class Fix:
    """Where a receiver was: RMC, with what the GGA of the same second adds."""

    at: datetime
    latitude: float
    longitude: float
    speed_kmh: float
    heading: float | None
    altitude_m: float | None
    satellites: int | None


def parse(line: bytes) -> Rmc | Gga | None:
    """The fix in a line; None when the sentence is sound but another kind or without a fix.

    Raises `NotNmea` for a line that is no sentence, fails its checksum or holds impossible fields.
    """
    found = _SENTENCE.search(line)
    if found is None:
        raise NotNmea("The line is not an NMEA sentence with a checksum.")
    body, told = found.group(1), int(found.group(2), 16)
    if reduce(xor, body) != told:
        raise NotNmea(
            f"The checksum is {told:02X} but the sentence sums to {reduce(xor, body):02X}."
        )
    name, *fields = body.decode("ascii").split(",")
    try:
        match name[2:]:
            case "RMC":
                return _rmc(fields)
            case "GGA":
                return _gga(fields)
    except (ValueError, IndexError) as error:
        raise NotNmea(f"The {name} sentence has a field that cannot be: {error}.") from error
    return None


def fixes(lines: Iterable[bytes]) -> Iterator[Fix]:
    """The fixes of a log in order of time, one a moment; what is no sentence is passed over.

    Where several talkers (GP, GA, ...) report a moment, the first one counts.
    """
    positions: dict[datetime, Rmc] = {}
    heights: dict[time, Gga] = {}
    for line in lines:
        try:
            sentence = parse(line)
        except NotNmea:
            continue
        if isinstance(sentence, Rmc):
            positions.setdefault(sentence.at, sentence)
        elif isinstance(sentence, Gga):
            heights.setdefault(sentence.at, sentence)
    for at, position in sorted(positions.items()):
        height = heights.get(at.time())
        yield Fix(
            at,
            position.latitude,
            position.longitude,
            position.speed_knots * KMH_PER_KNOT,
            position.course,
            height.altitude_m if height else None,
            height.satellites if height else None,
        )


def _rmc(fields: list[str]) -> Rmc | None:
    clock, status, latitude, north, longitude, east, speed, course, date = fields[:9]
    if status != "A":
        return None
    day, month, year = map(int, _matched(_DATE, date))
    return Rmc(
        datetime.combine(datetime(2000 + year, month, day, tzinfo=UTC), _clock(clock), UTC),
        _angle(latitude, north, "NS", 90.0),
        _angle(longitude, east, "EW", 180.0),
        _within(speed, 0.0, 2000.0),
        _within(course, 0.0, 360.0) if course else None,
    )


def _gga(fields: list[str]) -> Gga | None:
    clock, _, _, _, _, quality, satellites, _, altitude, unit = fields[:10]
    if quality in {"", "0"}:
        return None
    if unit != "M":
        raise ValueError(f"altitude unit {unit!r}")
    return Gga(_clock(clock), int(satellites), float(altitude) if altitude else None)


def _matched(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(repr(text))
    return tuple(group or "" for group in found.groups())


def _clock(text: str) -> time:
    hour, minute, second, fraction = _matched(_CLOCK, text)
    return time(int(hour), int(minute), int(second), int(fraction.ljust(6, "0")))


def _angle(text: str, side: str, sides: str, limit: float) -> float:
    degrees, minutes = _matched(_ANGLE, text)
    if side not in tuple(sides) or float(minutes) >= 60.0:
        raise ValueError(f"{text!r} {side!r}")
    angle = int(degrees) + float(minutes) / 60.0
    if angle > limit:
        raise ValueError(repr(text))
    return angle if side == sides[0] else -angle


def _within(text: str, low: float, high: float) -> float:
    number = float(text)
    if not low <= number <= high:
        raise ValueError(repr(text))
    return number
