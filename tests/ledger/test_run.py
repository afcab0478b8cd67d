"""The promise: a message whose terminal has its receipt is stored, refused or given up, and once.

Short runs; `muster bench ledger` is the same at any length. And the controls: a platform that
errs on purpose is found out.
"""

from pathlib import Path

import pytest

from deploy.ledger import clock
from deploy.ledger import run as ledger
from deploy.ledger.run import Books, Plan

SEED = 20261123


def play(plan: Plan, directory: Path) -> dict[str, object]:
    """The result of a run."""
    with Books(directory / "books.jsonl") as books:
        return ledger.run(plan, books, lambda _: None)


@pytest.mark.parametrize(
    "faults",
    [
        ("f1_bridge_dies_before_commit", "f2_bridge_dies_after_commit", "f13_database_killed"),
        (
            "f8_packet_ids_given_anew",
            "f7_broker_killed",
            "f16_cut_during_commit",
            "f14_backends_terminated",
        ),
        ("f11_memory_of_the_broker_full", "f32_one_terminal_floods", "f35_credential_revoked"),
    ],
    ids=("bridge", "broker", "terminals"),
)
def test_the_books_close(faults: tuple[str, ...], tmp_path: Path) -> None:
    """Every fault struck with messages in flight, and every message has its fate."""
    plan = Plan(seed=SEED, messages=5000, terminals=20, calm_seconds=2, faults=faults)

    result = play(plan, tmp_path)

    assert result["verdict"]["faults"] == []  # type: ignore[index]
    assert result["hits"].keys() == set(faults)  # type: ignore[attr-defined]


@pytest.mark.skipif(not clock.is_available(), reason="a wrong clock needs a C compiler (cc)")
def test_the_books_close_over_a_clock_that_jumps(tmp_path: Path) -> None:
    """Hours and days, there and back: nobody waits for them, and no loss is made up."""
    faults = ("f27_clock_of_the_server_jumps",)
    plan = Plan(seed=SEED, messages=5000, terminals=20, calm_seconds=2, faults=faults)

    result = play(plan, tmp_path)

    assert result["verdict"]["faults"] == []  # type: ignore[index]
    assert result["gaps"].keys() <= {"given_up"}  # type: ignore[attr-defined]


def test_what_the_broker_has_no_room_for_is_on_record(tmp_path: Path) -> None:
    """More than its queue holds while nobody fetches: as much is missing as it then declares."""
    faults = ("f5_bridge_away_beyond_the_queue",)
    plan = Plan(seed=SEED, messages=3000, rate=300, terminals=20, calm_seconds=2, faults=faults)

    result = play(plan, tmp_path)

    assert result["verdict"]["faults"] == []  # type: ignore[index]
    assert result["gaps"]["broker_dropped"] > 0  # type: ignore[index]


def test_the_books_close_for_terminals_that_trust_the_broker(tmp_path: Path) -> None:
    """A PUBACK is enough as long as nobody kills the broker: it keeps what the bridge lacks."""
    faults = ("f1_bridge_killed", "f6_broker_restarted", "f13_database_killed")
    plan = Plan(seed=SEED, messages=5000, terminals=20, calm_seconds=2, faults=faults, plain=True)

    assert play(plan, tmp_path)["verdict"]["faults"] == []  # type: ignore[index]


@pytest.mark.parametrize(
    ("mutation", "fault"),
    [
        ("acknowledge_before_commit", "f1_bridge_dies_before_commit"),
        ("no_unique_key", "f2_bridge_dies_after_commit"),
        ("no_epoch_guard", "f8_packet_ids_given_anew"),
    ],
)
def test_the_books_do_not_close_over_a_platform_that_errs(
    mutation: str, fault: str, tmp_path: Path
) -> None:
    """What is lost, or there twice, is named."""
    plan = Plan(
        seed=SEED, messages=2000, terminals=20, calm_seconds=2, rest_seconds=30, faults=(fault,),
        mutation=mutation,
    )  # fmt: skip

    assert not play(plan, tmp_path)["closed"]
