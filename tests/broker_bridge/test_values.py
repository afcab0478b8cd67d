"""Values held against a metric: nothing is coerced but what loses nothing."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_bridge.values import MOST_TEXT, check
from telemetry.model import Reason
from tests.telemetry.ground import metric

_INTEGERS = st.integers(-(2**63), 2**63 - 1)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_SCALARS = _INTEGERS | _FLOATS | st.booleans() | st.text(max_size=5)


def taken(kind: str, *values: object, **limits: object) -> list[object]:
    """The stored value of each, or its reason where it is refused."""
    stored, faults = check(metric("m", kind, **limits), values)  # type: ignore[arg-type]
    return [
        faults[k][0].value if k in faults else value.item() if hasattr(value, "item") else value
        for k, value in enumerate(stored)
    ]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("double", 231.5, 231.5),
        ("double", 231, 231.0),
        ("double", 2**53 - 1, float(2**53 - 1)),
        ("double", 2**53 + 1, "out_of_range"),
        ("double", 2**60, float(2**60)),
        ("double", True, "wrong_type"),
        ("double", "12", "wrong_type"),
        ("bigint", 42, 42),
        ("bigint", 42.0, 42),
        ("bigint", 1e1, 10),
        ("bigint", 42.5, "wrong_type"),
        ("bigint", 1e19, "out_of_range"),
        ("bigint", -(2**63), -(2**63)),
        ("bigint", False, "wrong_type"),
        ("boolean", True, True),
        ("boolean", 1, "wrong_type"),
        ("text", "开", "开"),
        ("text", "", ""),
        ("text", 1.5, "wrong_type"),
        ("text", "x" * MOST_TEXT, "x" * MOST_TEXT),
        ("text", "x" * (MOST_TEXT + 1), "out_of_range"),
        ("text", "a\0b", "malformed"),
    ],
)
def test_a_value_is_taken_as_it_is_or_refused(kind: str, value: object, expected: object) -> None:
    """Alone and among good ones it meets the same fate."""
    good = {"double": 1.5, "bigint": 7, "boolean": False, "text": "ok"}[kind]

    assert taken(kind, value) == [expected]
    assert taken(kind, good, value, good) == [good, expected, good]


def test_low_and_high_are_inclusive() -> None:
    """The ends are in; whatever lies beyond is refused, with the range in its detail."""
    volts = metric("volts", low=180.0, high=260.0, unit="V")

    _, faults = check(volts, [179.9, 180.0, 220, 260.0, 260.1])

    assert faults == {
        0: (Reason.OUT_OF_RANGE, "volts 179.9 is outside 180 to 260 V"),
        4: (Reason.OUT_OF_RANGE, "volts 260.1 is outside 180 to 260 V"),
    }


def test_a_metric_with_decimals_is_a_whole_number_of_its_last_one() -> None:
    """Rounded half to even, refused where a double has no such decimals any more."""
    values = (12.34, 12.345, 12.355, 7, -0.0, 2.0**53 / 100 + 1, 1e300, "x")

    assert taken("double", *values, decimals=2) == [
        1234, 1234, 1236, 700, 0, "out_of_range", "out_of_range", "wrong_type",
    ]  # fmt: skip


@given(values=st.lists(_SCALARS, min_size=1, max_size=40))
def test_any_values_for_a_double_are_exact_or_refused(values: list[object]) -> None:
    """Whatever comes together, each number is stored as the number that it was."""
    stored, faults = check(metric("m"), values)  # type: ignore[arg-type]

    for k, value in enumerate(values):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            exact = Fraction(value) == Fraction(float(value))
            assert (k in faults) == (not exact)
            assert not exact or Fraction(stored[k].item()) == Fraction(value)
        else:
            assert faults[k][0] is Reason.WRONG_TYPE


@given(values=st.lists(_SCALARS, min_size=1, max_size=40))
def test_any_values_for_a_bigint_are_whole_or_refused(values: list[object]) -> None:
    """Only what is an integer of 64 bits is stored, and as that integer."""
    stored, faults = check(metric("m", "bigint"), values)  # type: ignore[arg-type]

    assert stored.dtype == np.int64
    for k, value in enumerate(values):
        whole = type(value) is int or (type(value) is float and value.is_integer())
        fits = whole and -(2**63) <= int(value) < 2**63  # type: ignore[call-overload]
        assert (k in faults) == (not fits)
        assert not fits or stored[k] == int(value)  # type: ignore[call-overload]


@given(value=_FLOATS, decimals=st.integers(0, 9))
def test_any_scaled_value_is_near_its_own(value: float, decimals: int) -> None:
    """What is stored of a metric with decimals reads back within half of its last one."""
    stored, faults = check(metric("m", decimals=decimals), [value])

    if faults:
        assert abs(Fraction(value)) * 10**decimals >= 2**53 - 1
    else:
        read_back = Fraction(stored[0].item(), 10**decimals)
        # half a last decimal, and the rounding of one multiplication
        slack = Fraction(1, 2 * 10**decimals) * (1 + Fraction(1, 2**50)) + Fraction(math.ulp(value))
        assert abs(read_back - Fraction(value)) <= slack
