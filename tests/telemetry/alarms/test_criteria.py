"""How readings stand to a rule, against what one says by hand of each value."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.alarms.criteria import (
    BAD,
    BETWEEN,
    GOOD,
    Band,
    Change,
    FenceSide,
    Place,
    Stuck,
    Threshold,
    Truth,
)
from telemetry.alarms.places import Circle, Polygon, metres_outside

NUMBERS = st.floats(-1e6, 1e6) | st.integers(-10, 10).map(float)
SHENZHEN = (22.5431, 114.0579)


def stand(rule: Threshold | Band | Truth, value: float | bool) -> int:
    """How one value stands."""
    [found] = rule.stand([np.array([value])]).tolist()
    return int(found)


@given(NUMBERS, NUMBERS, st.floats(0, 1e6))
def test_a_threshold_has_a_good_side_and_something_between(
    value: float, limit: float, apart: float
) -> None:
    """Beyond it is bad, from `clear` on is good, and the two directions mirror each other."""
    clear = limit - apart
    rule = Threshold("volts", above=limit, clear=clear)
    expected = BAD if value > limit else GOOD if value <= clear else BETWEEN

    assert stand(rule, value) == expected
    assert stand(Threshold("volts", below=-limit, clear=-clear), -value) == expected
    assert stand(Threshold("volts", above=limit), value) == (BAD if value > limit else GOOD)


@given(NUMBERS, NUMBERS, st.floats(0, 1e6), st.floats(0, 100))
def test_a_band_is_left_at_both_ends(value: float, low: float, width: float, margin: float) -> None:
    """Its ends are within; well within it is a margin away from both."""
    high = low + width
    found = stand(Band("volts", low, high, margin), value)

    if value < low or value > high:
        assert found == BAD
    else:
        assert found == (GOOD if low + margin <= value <= high - margin else BETWEEN)


@pytest.mark.parametrize("wrong", [True, False])
def test_a_truth_is_wrong_or_not(wrong: bool) -> None:
    """There is nothing between."""
    assert [stand(Truth("open", wrong), value) for value in (wrong, not wrong)] == [BAD, GOOD]


@given(st.lists(st.tuples(st.integers(1, 200_000), NUMBERS), min_size=2, max_size=20),
       st.floats(0.001, 1e5), st.none() | st.floats(0.001, 1e5))  # fmt: skip
def test_a_change_is_told_by_the_time_that_it_took(
    said: list[tuple[int, float]], rise: float, fall: float | None
) -> None:
    """Scaled to the rule's seconds; of what is too far apart nothing is said."""
    times = np.cumsum([seconds for seconds, _ in said]) * 1_000_000
    values = [value for _, value in said]
    rule = Change("level", 60.0, rise, fall, longest_seconds=100_000)

    expected = []
    for k in range(1, len(said)):
        seconds = (times[k] - times[k - 1]) / 1e6
        change = (values[k] - values[k - 1]) / seconds * 60.0
        is_bad = change > rise or (fall is not None and change < -fall)
        expected.append(BETWEEN if seconds > 100_000 else BAD if is_bad else GOOD)
    assert rule.stand(times, np.array(values)).tolist() == expected


def test_what_stays_exactly_the_same_is_stuck() -> None:
    """The smallest change is one."""
    values = np.array([1.0, 1.0, np.nextafter(1.0, 2.0), 1.0, 1.0])

    assert Stuck("level").stand(np.arange(5), values).tolist() == [BAD, GOOD, GOOD, BAD]


@given(st.floats(-80, 80), st.floats(-180, 180), st.floats(0, 2 * math.pi), st.floats(1, 50_000))
def test_a_circle_is_left_at_its_radius(
    latitude: float, longitude: float, bearing: float, metres: float
) -> None:
    """A tenth within it is inside and a tenth beyond is outside, in every direction, anywhere."""
    fence = Circle(latitude, longitude, metres)
    for share in (0.9, 1.1):
        north = share * metres * math.cos(bearing) / 111_195
        east = share * metres * math.sin(bearing) / 111_195 / math.cos(math.radians(latitude))
        around = (longitude + east + 180) % 360 - 180
        [found] = metres_outside(fence, np.array([latitude + north]), np.array([around]))
        assert found == pytest.approx((share - 1) * metres, abs=metres * 0.07)


def test_a_polygon_holds_what_is_within_its_ring() -> None:
    """Also where it is hollowed out; the distance is that to its nearest side."""
    north, east = 0.01, 0.02  # about 1,112 m and 2,054 m here
    lat, lon = SHENZHEN
    # A square with a notch cut out of its east side.
    ring = Polygon([(lat, lon), (lat + north, lon), (lat + north, lon + east),
                    (lat + north / 2, lon + east / 2), (lat, lon + east)])  # fmt: skip
    spots = [(lat + north / 2, lon + east / 4), (lat + north / 2, lon + east * 0.9),
             (lat - 0.001, lon + east / 2)]  # fmt: skip
    found = metres_outside(ring, *(np.array(of) for of in zip(*spots, strict=True)))

    assert found[0] == pytest.approx(-514, rel=0.05)
    assert found[1] > 0
    assert found[2] == pytest.approx(111, rel=0.01)


@given(st.sampled_from(FenceSide), st.floats(0, 3), st.floats(0, 500))
def test_a_place_is_wrong_on_one_side_of_its_fence(
    wrong: FenceSide, share: float, margin: float
) -> None:
    """And well only a margin beyond the fence, on the other."""
    lat, lon = SHENZHEN
    rule = Place(Circle(lat, lon, 1000.0), wrong, margin)
    here = np.array([lat + share * 1000 / 111_195])
    outside = share * 1000 - 1000
    if min(abs(outside), abs(abs(outside) - margin)) < 1:
        return  # a yard from the fence nobody knows
    [found] = rule.stand([here, np.array([lon])]).tolist()

    is_wrong = outside > 0 if wrong is FenceSide.OUTSIDE else outside <= 0
    assert found == (BAD if is_wrong else GOOD if abs(outside) > margin else BETWEEN)
