"""The flood benchmark closes its books beside an offender of each kind."""

from collections.abc import Iterator

import pytest

from deploy.bench.flood import Flooding, Turn, measure
from deploy.bench.ingest import Plan
from deploy.bench.stand import Stand, built

PLAN = Plan(rounds=1, terminals=30, connections=3, disk_messages=0)
FLOODING = Flooding(
    probes=3,
    seconds=5,
    steady_rate=100,
    terminal_rate=12_000,
    tier_rate=50,
    client_terminals=5,
)


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """Servers with thirty terminals, ten for each part."""
    with built(PLAN.terminals, PLAN.connections) as ready:
        yield ready


@pytest.mark.parametrize("turn", list(Turn))
def test_what_is_sent_is_stored_or_flood(stand: Stand, turn: Turn) -> None:
    """`measure` raises unless it is, and unless only an offender's messages are refused."""
    measured = measure(stand, PLAN, FLOODING, turn)

    assert measured["stored"] >= FLOODING.probes + FLOODING.steady_rate * FLOODING.seconds * 0.9
    assert (measured["flood"] > 0) == (turn is not Turn.CALM)
