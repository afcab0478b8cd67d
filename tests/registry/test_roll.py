"""The roll in memory: arrays that hold exactly what was put into them."""

import hashlib
import struct
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from registry.roll import PACKED, Facts, Roll

EVER = -(2**63)

facts = st.builds(
    Facts,
    id=st.integers(1, 2**31 - 1),
    profile_id=st.integers(1, 2**31 - 1),
    state=st.integers(0, 6),
    owner_since=st.just(EVER) | st.integers(0, 2**60),
    client_id=st.integers(0, 2**31 - 1),
)
codes = st.text("abcXYZ-_019", min_size=1, max_size=64)
rolls = st.dictionaries(codes, facts, max_size=30)


def packed(roll: Roll, known: dict[str, Facts]) -> NDArray[Any]:
    """As the database packs rows."""
    rows = []
    for code, said in known.items():
        place, check = struct.unpack_from(">QI", hashlib.sha256(roll.key + code.encode()).digest())
        rows.append((place, (check, *said)))
    return np.array(rows, PACKED)


def roll_of(known: dict[str, Facts]) -> Roll:
    """A roll that was read."""
    roll = Roll(len(known))
    roll.take(packed(roll, known).tobytes())
    roll.sort()
    return roll


@given(rolls, st.lists(st.tuples(codes, facts), max_size=60), st.integers(0, 40))
def test_a_roll_holds_what_was_put_into_it(
    read: dict[str, Facts], told: list[tuple[str, Facts]], settled_after: int
) -> None:
    """Whatever was read, told, told again, and moved into the arrays in between."""
    roll = roll_of(read)
    expected = dict(read)

    for number, (code, said) in enumerate(told):
        roll.put(code, said)
        expected[code] = said
        if number == settled_after:
            roll._settle()

    assert {code: roll.find(code) for code in expected} == expected
    assert len(roll) == len(expected)
    assert roll.find("a-stranger") is None


def test_a_roll_finds_what_shares_a_place() -> None:
    """Where two codes share the first 64 bits of their digests, the 32 after them decide."""
    known = {"one": Facts(1, 1, 1, EVER, 0), "two": Facts(2, 1, 1, EVER, 0)}
    roll = Roll(3)
    rows = packed(roll, known | {"three": known["one"]})
    rows["place"][2] = rows["place"][0]
    roll.take(rows.tobytes())
    roll.sort()

    assert roll.find("one") == known["one"]
    assert roll.find("two") == known["two"]
    assert roll.find("three") is None


def test_many_that_are_new_are_moved_into_the_arrays() -> None:
    """A bulk of new terminals does not stay in a dict, and all of them are found."""
    roll = Roll()
    for number in range(12_000):
        roll.put(f"m-{number}", Facts(number + 1, 1, 3, EVER, 7))

    assert len(roll) == 12_000
    assert len(roll._fresh) < 5_100
    assert roll.find("m-4711") == Facts(4712, 1, 3, EVER, 7)
