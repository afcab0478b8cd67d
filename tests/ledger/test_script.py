"""What a ledger's terminals say is the same whoever computes it, and every kind of it occurs."""

import json

import numpy as np

from deploy.ledger.script import Kind, Script

SCRIPT = Script(seed=7, base_ms=1_790_000_000_000, odd_one_in=5)


def test_any_part_is_as_in_the_whole() -> None:
    """The load asks by the chunk, the checker for everything."""
    whole = SCRIPT.messages(3, 1, 500)
    part = SCRIPT.messages(3, 200, 100)

    assert (part.kinds == whole.kinds[199:299]).all()
    assert (part.times_ms == whole.times_ms[199:299]).all()
    assert (part.values == whole.values[199:299]).all()


def test_payloads_say_what_the_messages_are() -> None:
    """Number, boot, time and values, as JSON."""
    said = SCRIPT.messages(3, 10, 20)
    payloads = [json.loads(payload) for payload in SCRIPT.payloads(3, "boot-7", 10, 20)]

    assert [p["seq"] for p in payloads] == list(range(10, 30))
    assert {p["boot"] for p in payloads} == {"boot-7"}
    assert [p["ts"] for p in payloads] == said.times_ms.tolist()
    assert [list(p["values"].values()) for p in payloads] == said.values.tolist()


def test_every_kind_occurs_and_conflicts_have_somebody_to_conflict_with() -> None:
    """A conflict is of the time of the ordinary message before it, with other values."""
    said = SCRIPT.messages(0, 1, 5000)

    assert set(said.kinds.tolist()) == set(Kind)
    conflicts = np.flatnonzero(said.kinds == Kind.CONFLICT)
    assert (said.kinds[conflicts - 1] == Kind.ORDINARY).all()
    assert (said.times_ms[conflicts] == said.times_ms[conflicts - 1]).all()
    assert (said.values[conflicts] != said.values[conflicts - 1]).any(axis=1).all()


def test_no_two_that_are_stored_are_of_one_time() -> None:
    """Late and early ones lie beside all others; who tells of a gap is an ordinary message."""
    said = SCRIPT.messages(0, 1, 5000)
    refused = (Kind.CLOCK, Kind.CONFLICT, Kind.GIVEN_UP)
    times = said.times_ms[~np.isin(said.kinds, refused)]

    assert len(np.unique(times)) == len(times)
    gaps = np.flatnonzero(said.kinds[:-1] == Kind.GIVEN_UP)
    assert (said.kinds[gaps + 1] == Kind.ORDINARY).all()


def test_terminals_and_seeds_differ() -> None:
    """No two streams are the same."""
    one = SCRIPT.messages(0, 1, 50).values
    other_terminal = SCRIPT.messages(1, 1, 50).values
    other_seed = Script(8, SCRIPT.base_ms, odd_one_in=5).messages(0, 1, 50).values

    assert not (one == other_terminal).all(axis=1).any()
    assert not (one == other_seed).all(axis=1).any()
