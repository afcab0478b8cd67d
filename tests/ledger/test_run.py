"""The promise: a message whose terminal has its receipt is stored, refused or given up, and once.

Short runs; `muster bench ledger` is the same at any length. And the controls: a platform that
errs on purpose is found out.
"""

from pathlib import Path

import pytest

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
        ("f7_broker_killed", "f16_cut_during_commit", "f14_backends_terminated"),
    ],
    ids=("bridge", "broker"),
)
def test_the_books_close(faults: tuple[str, ...], tmp_path: Path) -> None:
    """Every fault struck with messages in flight, and every message has its fate."""
    plan = Plan(seed=SEED, messages=5000, terminals=20, calm_seconds=2, faults=faults)

    result = play(plan, tmp_path)

    assert result["verdict"]["faults"] == []  # type: ignore[index]
    assert result["hits"].keys() == set(faults)  # type: ignore[attr-defined]


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
    ],
)
def test_the_books_do_not_close_over_a_platform_that_errs(
    mutation: str, fault: str, tmp_path: Path
) -> None:
    """What is lost, or there twice, is named."""
    plan = Plan(
        seed=SEED, messages=2000, terminals=20, calm_seconds=2, faults=(fault,), mutation=mutation
    )

    assert not play(plan, tmp_path)["closed"]
