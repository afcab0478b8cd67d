"""The values that all rooms pass around."""

import pickle

import pytest

from registry.model import Region, RegionCode, RegionLevel, RegionRange, TerminalState


@pytest.mark.parametrize(
    ("text", "connects", "stores", "counts", "alarms"),
    [
        ("registered", False, False, False, False),
        ("provisioned", True, True, False, False),
        ("testing", True, True, False, False),
        ("in_service", True, True, True, True),
        ("maintenance", True, True, False, False),
        ("isolated", True, False, False, False),
        ("retired", False, False, False, False),
    ],
)
def test_terminal_state_allows_what_the_table_of_lives_says(
    text: str, connects: bool, stores: bool, counts: bool, alarms: bool
) -> None:
    """A state read from the database knows what a terminal in it may do."""
    state = TerminalState(text)
    assert (state, str(state)) == (text, text)
    assert (
        state.may_connect,
        state.stores_readings,
        state.counts_in_rates,
        state.raises_alarms,
    ) == (connects, stores, counts, alarms)
    assert pickle.loads(pickle.dumps(state)) is state


def test_there_are_seven_terminal_states() -> None:
    """The table of lives is complete."""
    assert len(TerminalState) == 7


def test_region_range_is_the_subtree() -> None:
    """A region's range runs from its own code to the last below it."""
    region = Region(
        RegionCode(320000),
        RegionCode(329999),
        RegionLevel.PROVINCE,
        RegionCode(0),
        "江苏",
        "Jiangsu",
        4,
        7,
    )
    assert region.range == RegionRange(low=320000, high=329999)
