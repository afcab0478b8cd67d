"""A vehicle: the positions of a recorded log over and over, or a round through streets of its own.

Positions are WGS-84. A recorded log keeps its places; only its times are today's.
"""

import math
from bisect import bisect_right
from datetime import datetime
from functools import lru_cache
from itertools import accumulate, pairwise
from pathlib import Path

from deploy.simulator.chance import between, chance, drift
from deploy.simulator.curves import Values
from deploy.simulator.curves.day import DAY_SECONDS, local_day, local_hour, local_seconds, ramp
from deploy.simulator.nmea import Fix, fixes

SOURCES = Path(__file__).parent.parent / "data" / "nmea"
REPLAYS = {
    "beidou-bd": "beidou-bd.log",
    "quectel-l70": "quectel-L70.log",
    "telit-pls83-w": "telit-pls83-w.log",
    # these receivers talk binary: what gpsd made of it is replayed
    "bu303-moving": "bu303-moving.log.chk",
    "ublox-neo-m8n": "ublox-neo-m8n.log.chk",
}
_METRES_PER_DEGREE = 111_320.0


@lru_cache(maxsize=len(REPLAYS))
def track(replay: str) -> tuple[Fix, ...]:
    """The fixes of one of `REPLAYS`, in order of time."""
    lines = (SOURCES / REPLAYS[replay]).read_bytes().splitlines()
    return tuple(fixes(lines))


def replayed(replay: str, at: datetime) -> Values:
    """The fix that the loop of a recorded track has reached at `at`; mileage goes on growing."""
    log = track(replay)
    offsets, kilometres = _progress(replay)
    loop_seconds = offsets[-1] + 1.0
    loops, inside = divmod(at.timestamp(), loop_seconds)
    reached = bisect_right(offsets, inside) - 1
    fix = log[reached]
    values: dict[str, float | int | bool] = {
        "latitude": round(fix.latitude, 7),
        "longitude": round(fix.longitude, 7),
        "speed_kmh": round(fix.speed_kmh, 2),
        "mileage_km": round(loops * kilometres[-1] + kilometres[reached], 3),
        "ignition": fix.speed_kmh > 1.0,
    }
    if fix.heading is not None:
        values["heading_deg"] = round(fix.heading, 1)
    if fix.altitude_m is not None:
        values["altitude_m"] = round(fix.altitude_m, 1)
    if fix.satellites is not None:
        values["satellites"] = fix.satellites
    return values


@lru_cache(maxsize=len(REPLAYS))
def _progress(replay: str) -> tuple[list[float], list[float]]:
    """Seconds since the first fix, and kilometres driven by then, of each fix of a track."""
    log = track(replay)
    offsets = [(fix.at - log[0].at).total_seconds() for fix in log]
    legs = (b.speed_kmh * (b.at - a.at).total_seconds() / 3600.0 for a, b in pairwise(log))
    return offsets, list(accumulate(legs, initial=0.0))


@lru_cache(maxsize=20_000)
def _round(seed: int) -> tuple[tuple[tuple[float, float], ...], tuple[float, ...]]:
    """Corners of a closed round (metres east and north of its depot), and the way to each."""
    corners = 9 + int(8 * chance(seed, 1, 0))
    reach = between(1500.0, 9000.0, seed, 2)
    points = [(0.0, 0.0)]
    for number in range(1, corners):
        angle = 2.0 * math.pi * (number + 0.8 * chance(seed, 3, number)) / (corners + 1)
        radius = reach * (0.35 + 0.65 * chance(seed, 4, number))
        points.append((radius * math.sin(angle), radius * (math.cos(angle) - 0.2)))
    points.append(points[0])
    way = accumulate((math.dist(a, b) for a, b in pairwise(points)), initial=0.0)
    return tuple(points), tuple(way)


def _driven_share(seed: int, hour: float) -> float:
    """What part of the day's way is behind the vehicle: two shifts with a rest at noon."""
    start, end = between(5.5, 8.5, seed, 5), between(17.0, 21.5, seed, 6)
    noon = (start + end) / 2.0
    return 0.5 * ramp(hour, start, noon - 0.6) + 0.5 * ramp(hour, noon + 0.6, end)


def driven_km(seed: int, at: datetime) -> float:
    """Kilometres since 2024-01-01; never falls, and stands still when the vehicle does."""
    rounds_a_day = 1 + int(5 * chance(seed, 7, 0))
    day_km = rounds_a_day * _round(seed)[1][-1] / 1000.0
    days = local_day(at) - 19_723
    return day_km * (days + _driven_share(seed, local_hour(at)))


def driven(seed: int, at: datetime, latitude: float, longitude: float) -> Values:
    """A day's work from a depot at the given place: speed, heading and mileage agree."""
    points, way = _round(seed)
    kilometres = driven_km(seed, at)
    along = kilometres * 1000.0 % way[-1]
    leg = min(bisect_right(way, along), len(points) - 1)
    (x0, y0), (x1, y1) = points[leg - 1], points[leg]
    share = (along - way[leg - 1]) / (way[leg] - way[leg - 1])
    north, east = y0 + (y1 - y0) * share, x0 + (x1 - x0) * share
    speed = _speed_kmh(seed, at)
    local = local_seconds(at)
    moving = speed > 0.5
    return {
        "latitude": round(latitude + north / _METRES_PER_DEGREE, 7),
        "longitude": round(
            longitude + east / (_METRES_PER_DEGREE * math.cos(math.radians(latitude))), 7
        ),
        "speed_kmh": round(speed, 1),
        "heading_deg": round(math.degrees(math.atan2(x1 - x0, y1 - y0)) % 360.0, 1) % 360.0,
        "altitude_m": round(between(5.0, 400.0, seed, 8) + 6.0 * drift(seed, 9, local, 900.0), 1),
        "mileage_km": round(between(500.0, 90_000.0, seed, 10) + kilometres, 2),
        "ignition": moving,
        "satellites": 8 + int(7 * chance(seed, 11, int(local // 120))),
        "battery_v": round((27.8 if moving else 25.2) + 0.2 * drift(seed, 12, local, 600.0), 2),
    }


def _speed_kmh(seed: int, at: datetime) -> float:
    """The slope of the way driven, over the second around `at`, within the same day."""
    hour = local_hour(at)
    step = 1.0 / 3600.0
    before, after = max(hour - step, 0.0), min(hour + step, DAY_SECONDS / 3600.0)
    share = _driven_share(seed, after) - _driven_share(seed, before)
    rounds_a_day = 1 + int(5 * chance(seed, 7, 0))
    return rounds_a_day * _round(seed)[1][-1] / 1000.0 * share / (after - before)
