"""The reference of metrics says what the processes expose."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from api.exposition import AGGREGATES, FAMILIES
from api.metrics import ApiMetrics
from broker_bridge.metrics import BridgeMetrics
from deploy.jobs.gauges import Gauges

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
OF_CLIENTS = PAGE.with_name("client-metrics.md")
FORBIDDEN = {"terminal", "client", "group_client", "imei", "iccid", "imsi", "user", "topic"}


def families(registry: CollectorRegistry) -> list[tuple[str, str, str]]:
    """Name as exposed, kind and meaning of each family of ours."""
    return [
        (f"{f.name}_total" if f.type == "counter" else f.name, f.type, f.documentation)
        for f in registry.collect()
        if f.name.startswith("muster_")
    ]


@pytest.mark.parametrize("owner", [ApiMetrics, BridgeMetrics, Gauges])
def test_every_metric_is_documented_as_it_is(
    owner: type[ApiMetrics | BridgeMetrics | Gauges],
) -> None:
    """Each has a line with its name, its kind and its meaning, word for word."""
    lines = PAGE.read_text("utf-8").splitlines()
    lacking = [
        (name, kind, meaning)
        for name, kind, meaning in families(owner().registry)
        if not any(
            re.match(rf"\| `{name}(\{{[a-z, ]+\}})?` \| {kind} \|", line) and meaning in line
            for line in lines
        )
    ]

    assert lacking == []


def test_no_metric_is_documented_that_is_none() -> None:
    """Every name on the page is exposed by some process."""
    known = {
        name
        for owner in (ApiMetrics(), BridgeMetrics(), Gauges())
        for name, _, _ in families(owner.registry)
    }
    documented = set(re.findall(r"^\| `(muster_[a-z_]+)", PAGE.read_text("utf-8"), re.MULTILINE))

    assert documented == known


def test_no_label_names_a_terminal_or_anybody() -> None:
    """Labels are bounded: no terminal, client, number, user or topic among them."""
    shown = re.findall(r"`muster_[a-z_]+\{([a-z_,]+)\}`", PAGE.read_text("utf-8"))
    labels = {label for group in shown for label in group.split(",")}

    assert "sector" in labels
    assert labels & FORBIDDEN == set()


def test_series_of_clients_are_documented_as_they_are() -> None:
    """Each family has a line with its meaning, and no line is of one that is none."""
    lines = [
        line for line in OF_CLIENTS.read_text("utf-8").splitlines() if line.startswith("| `muster_")
    ]
    lacking = [
        name
        for name, meaning in FAMILIES.items()
        if not any(re.match(rf"\| `{name}[{{`]", line) and meaning in line for line in lines)
    ]
    documented = {name for line in lines for name in re.findall(r"`(muster_[a-z_]+)", line)}

    assert lacking == []
    assert documented == {*FAMILIES, *AGGREGATES, "muster_reading_"}
