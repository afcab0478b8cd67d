"""Readings spoilt on purpose: each ends in quarantine whole, for a reason that is known before."""

import json
from collections.abc import Sequence
from typing import Any

from deploy.simulator.chance import chance
from registry.model import Metric, MetricType

_WAY = 110
_NUMERIC = (MetricType.DOUBLE, MetricType.BIGINT)


def spoilt(
    document: dict[str, Any], metrics: Sequence[Metric], seed: int, number: int
) -> tuple[bytes, str]:
    """A reading's payload made unacceptable, and the fate that it must meet.

    Ways that a profile has no metric for (no number, no range) are left out of the choice.
    """
    numeric = [m.name for m in metrics if m.type in _NUMERIC]
    ranged = [m for m in metrics if m.type in _NUMERIC and m.high is not None]
    whole = _encoded(document)
    ways: list[tuple[bytes, str]] = [
        (whole[: len(whole) * 2 // 3], "malformed"),
        (_encoded(document | {"ts": document["ts"] % 86_400_000 + 1}), "clock"),
        (_encoded(document | {"values": {"no_such_metric": 1.5}}), "unknown_metric"),
    ]
    if numeric:
        ways.append((_encoded(document | {"values": {numeric[0]: "plenty"}}), "wrong_type"))
    if ranged:
        beyond = 10 * abs(ranged[0].high or 0) + 10
        ways.append((_encoded(document | {"values": {ranged[0].name: beyond}}), "out_of_range"))
    payload, reason = ways[int(len(ways) * chance(seed, _WAY, number))]
    return payload, f"quarantined:{reason}"


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
