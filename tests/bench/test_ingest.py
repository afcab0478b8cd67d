"""The ingest benchmark closes its books at every turn."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from deploy.bench import ingest
from deploy.bench.contenders import Contender, Who
from deploy.bench.ingest import Plan
from deploy.bench.processes import Child, RoundFailed, cpu_seconds
from deploy.bench.stand import Stand, built

PLAN = Plan(rounds=1, messages=2000, terminals=50, connections=2)


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """Servers with fifty terminals."""
    with built(PLAN.terminals, PLAN.connections) as ready:
        yield ready


@pytest.mark.parametrize("who", ingest.CONTENDERS)
@pytest.mark.parametrize("qos", [0, 1])
def test_a_turn_counts_every_message(stand: Stand, who: Who, qos: int) -> None:
    """Each contender takes all of them at both levels, and says what they cost."""
    measured = ingest.measure(stand, PLAN, who, qos, 1)

    assert (measured.messages, measured.who, measured.qos) == (2000, who, qos)
    assert measured.seconds > 0
    assert measured.broker_cpu_us >= 0
    assert (measured.bytes_per_row is not None) == (who is Who.BRIDGE)


def test_a_turn_that_lost_a_row_fails(stand: Stand) -> None:
    """The yardstick's table holds one row less than was sent."""
    ingest.measure(stand, PLAN, Who.PLAIN, 1, 1)
    stand.query(
        "delete from telemetry.bench_plain where (terminal_id, time) in"
        " (select terminal_id, time from telemetry.bench_plain limit 1)"
    )
    with Child("http.server", ["0"]) as anything:
        contender = Contender(Who.PLAIN, anything, stand)
        with pytest.raises(RoundFailed, match="2000 messages were sent, 1999 are stored"):
            contender.check_books(2000)


def test_a_child_that_ends_early_is_reported() -> None:
    """With its exit code, not with a wait for ever."""
    with (
        Child("deploy.simulator", ["/nowhere"]) as child,
        pytest.raises(RoundFailed, match="code 2"),
    ):
        child.read()


def test_cpu_time_counts_children_that_are_gone() -> None:
    """What a process's finished children used is on its account when it is asked for."""
    before = cpu_seconds(os.getpid(), with_children=True)
    subprocess.run([sys.executable, "-c", "sum(range(20_000_000))"], check=True)
    assert cpu_seconds(os.getpid(), with_children=True) >= before + 0.05
