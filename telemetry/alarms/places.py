"""Where a position is beside a fence, in metres; pure.

On a sphere of the mean radius of the WGS-84 ellipsoid, within half a percent of the ellipsoid: a
fence of fifty kilometres is told to some hundred metres, one of a yard to less than one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from telemetry.rows import Values

# One schema for what is asked and what is answered.
AS_WRITTEN = ConfigDict(extra="forbid", allow_inf_nan=False, json_schema_mode_override="validation")

EARTH_METRES = 6_371_008.8  # mean radius R1 (IUGG)

Metres: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Circle:
    """All within `metres` of a point (degrees, WGS-84)."""

    __pydantic_config__ = AS_WRITTEN

    latitude: float
    longitude: float
    metres: float
    kind: Literal["circle"] = "circle"


@dataclass(frozen=True, slots=True)
class Polygon:
    """All within a ring of points (latitude, longitude), the last joined to the first.

    It must not cross itself, hold a pole, or be wider than half of the globe.
    """

    __pydantic_config__ = AS_WRITTEN

    points: Sequence[tuple[float, float]]
    kind: Literal["polygon"] = "polygon"


Fence: TypeAlias = Circle | Polygon


def metres_outside(fence: Fence, latitudes: Values, longitudes: Values) -> Metres:
    """How far each position is outside; inside it is how far the fence is, below zero."""
    if isinstance(fence, Circle):
        return _distance(fence, latitudes, longitudes) - fence.metres
    return _outside_polygon(fence, latitudes, longitudes)


def _distance(circle: Circle, latitudes: Values, longitudes: Values) -> Metres:
    """Along a great circle (haversine)."""
    here, there = np.radians(circle.latitude), np.radians(latitudes)
    half_north = (there - here) / 2
    half_east = np.radians(longitudes - circle.longitude) / 2
    chord = np.sin(half_north) ** 2 + np.cos(here) * np.cos(there) * np.sin(half_east) ** 2
    found: Metres = 2 * EARTH_METRES * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
    return found


def _flat(
    latitude: float, longitude: float, latitudes: Values, longitudes: Values
) -> tuple[Metres, Metres]:
    """Metres east and north of a point, as on a map around it."""
    east = (np.asarray(longitudes) - longitude + 180.0) % 360.0 - 180.0
    scale = EARTH_METRES * np.pi / 180
    return east * scale * np.cos(np.radians(latitude)), (np.asarray(latitudes) - latitude) * scale


def _outside_polygon(fence: Polygon, latitudes: Values, longitudes: Values) -> Metres:
    middle = np.mean(np.array(fence.points), axis=0)
    corners = np.array(fence.points, np.float64)
    ring_x, ring_y = _flat(middle[0], fence.points[0][1], corners[:, 0], corners[:, 1])
    x, y = _flat(middle[0], fence.points[0][1], latitudes, longitudes)
    nearest = np.full(np.shape(x), np.inf)
    inside = np.zeros(np.shape(x), np.bool_)
    for at in range(len(corners)):
        from_x, from_y = ring_x[at - 1], ring_y[at - 1]
        to_x, to_y = ring_x[at], ring_y[at]
        along_x, along_y = to_x - from_x, to_y - from_y
        length = along_x**2 + along_y**2
        share = ((x - from_x) * along_x + (y - from_y) * along_y) / (length or 1.0)
        share = np.clip(share, 0.0, 1.0)
        gap = np.hypot(x - from_x - share * along_x, y - from_y - share * along_y)
        nearest = np.minimum(nearest, gap)
        # A ray to the east crosses this side (even-odd rule).
        crosses = (from_y > y) != (to_y > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            where = from_x + (y - from_y) / (to_y - from_y) * along_x
        inside ^= crosses & (x < where)
    found: Metres = np.where(inside, -nearest, nearest)
    return found
