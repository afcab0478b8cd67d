"""The trials of the peers' benchmark tell who loses what, and the probe who waits how long."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.bench import latency, peers, telegraf
from deploy.bench.contenders import Who
from deploy.bench.ingest import Plan
from deploy.bench.latency import Latency
from deploy.bench.peers import Fault, Trial
from deploy.bench.stand import Stand, built

PLAN = Plan(rounds=1, messages=2000, terminals=50, connections=2, disk_messages=0)
TRIAL = Trial(messages=3000, rate=1000, kills=1, outage_seconds=1, rest_seconds=3)


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """Servers with fifty terminals."""
    with built(PLAN.terminals, PLAN.connections) as ready:
        yield ready


@pytest.mark.parametrize("fault", list(Fault))
def test_the_bridge_comes_through_with_everything_once(stand: Stand, fault: Fault) -> None:
    """Killed, or without its database, it loses nothing and stores nothing twice."""
    outcome = peers.try_out(stand, PLAN, TRIAL, Who.BRIDGE, fault)

    assert (outcome.sent, outcome.lost, outcome.twice) == (3000, 0, 0)
    assert outcome.starts == (2 if fault is Fault.KILLED else 1)


def test_a_trial_finds_what_is_lost(stand: Stand) -> None:
    """Who acknowledges before the commit loses to kill -9 what waited for its insert."""
    outcome = peers.try_out(stand, PLAN, TRIAL, Who.PLAIN, Fault.KILLED)

    assert 0 < outcome.lost < 3000
    assert (outcome.twice, outcome.starts) == (0, 2)


def test_telegraf_takes_part_where_it_is_found(stand: Stand) -> None:
    """Every message of a trial is in its table."""
    found = shutil.which("telegraf")
    if found is None:
        pytest.skip("there is no telegraf on PATH")
    equipped = replace(stand, telegraf=Path(found))
    telegraf.prepare(equipped)

    outcome = peers.try_out(equipped, PLAN, TRIAL, Who.TELEGRAF, Fault.DATABASE_AWAY)

    assert outcome.lost == 0


def test_latency_counts_every_message_and_every_probe() -> None:
    """The load and the probes are all stored, or the round fails."""
    result = latency.run(PLAN, Latency(probes=10), lambda _: None)

    assert [one["rate"] is None for one in result["rounds"]] == [True, False]
    assert all(0 < one["p50"] <= one["p99"] <= one["longest"] for one in result["rounds"])
