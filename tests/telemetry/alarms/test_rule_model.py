"""Rules as they are written, and which cannot be."""

from typing import Any

import pytest

from registry.model import DeviceProfile
from telemetry.alarms import rule_model
from telemetry.alarms.criteria import FenceSide, Place, Threshold
from telemetry.alarms.places import Circle
from telemetry.alarms.rule_model import RuleInvalid
from tests.telemetry.ground import metric, profile

TRACKER: DeviceProfile = profile(
    "tracker",
    metric("speed", low=0.0, high=200.0),
    metric("fuel"),
    metric("door", "boolean"),
    metric("note", "text"),
    metric("latitude"),
    metric("longitude"),
)
GOOD: list[dict[str, Any]] = [
    {"kind": "threshold", "metric": "speed", "above": 90, "clear": 80},
    {"kind": "threshold", "metric": "fuel", "below": 5.5},
    {"kind": "band", "metric": "fuel", "low": -1, "high": 1, "margin": 0.5},
    {"kind": "truth", "metric": "door"},
    {"kind": "change", "metric": "fuel", "seconds": 60, "fall": 5},
    {"kind": "stuck", "metric": "speed"},
    {"kind": "event", "code": "burglary", "clear": "burglary_restored"},
    {"kind": "place", "wrong": "outside", "margin_metres": 50,
     "fence": {"kind": "circle", "latitude": 22.5, "longitude": 114, "metres": 500}},
    {"kind": "place", "wrong": "inside",
     "fence": {"kind": "polygon", "points": [[0, 0], [0, 1], [1, 1]]}},
    {"kind": "absent", "metric": "note", "seconds": 600},
    {"kind": "absent", "intervals": 3},
    {"kind": "silence", "of": "session", "back_seconds": 60},
]  # fmt: skip


@pytest.mark.parametrize("said", GOOD, ids=lambda said: said["kind"])
def test_a_rule_is_written_as_it_was_read(said: dict[str, Any]) -> None:
    """All it says, with what it left to us."""
    watched = rule_model.read(said)

    rule_model.check(watched, TRACKER)
    assert rule_model.read(rule_model.written(watched)) == watched
    written = rule_model.written(watched)
    assert {name: written[name] for name in said if name != "fence"} == {
        name: value for name, value in said.items() if name != "fence"
    }


def test_a_rule_is_a_thing_of_the_trade() -> None:
    """Not a bag of texts."""
    assert rule_model.read(GOOD[0]) == Threshold("speed", above=90.0, clear=80.0)
    assert rule_model.read(GOOD[7]) == Place(Circle(22.5, 114.0, 500.0), FenceSide.OUTSIDE, 50.0)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "kind"),
        ({"kind": "absent"}, "after some seconds"),
        ({"kind": "absent", "seconds": 600, "intervals": 3}, "after some seconds"),
        ({"kind": "absent", "seconds": 60}, "always"),
        ({"kind": "absent", "intervals": 1}, "always"),
        ({"kind": "absent", "intervals": 1e9}, "30 days"),
        ({"kind": "absent", "metric": "gone", "seconds": 600}, "no gone"),
        ({"kind": "silence", "of": "everything"}, "of"),
        ({"kind": "silence", "of": "data", "back_seconds": -1}, "awaited"),
        ({"kind": "magic"}, "kind"),
        (GOOD[0] | {"extra": 1}, "extra"),
        (GOOD[0] | {"above": "ninety"}, "above"),
        (GOOD[0] | {"above": float("nan")}, "above"),
        (GOOD[0] | {"metric": "volume"}, "no volume"),
        (GOOD[0] | {"metric": "note"}, "no note"),
        (GOOD[3] | {"metric": "speed"}, "no speed that is boolean"),
        (GOOD[0] | {"above": None}, "above or below"),
        (GOOD[0] | {"below": 5}, "above or below"),
        (GOOD[0] | {"clear": 95}, "good side"),
        (GOOD[0] | {"above": 200}, "never be passed"),
        (GOOD[0] | {"above": -1, "clear": -1}, "always be passed"),
        (GOOD[0] | {"clear": -5}, "never comes where it clears"),
        (GOOD[2] | {"margin": 1.5}, "well within"),
        ({"kind": "band", "metric": "speed", "low": -1, "high": 300}, "never or always"),
        (GOOD[4] | {"fall": None}, "rise or a fall"),
        (GOOD[4] | {"seconds": 0}, "in some seconds"),
        (
            GOOD[7] | {"fence": {"kind": "circle", "latitude": 95, "longitude": 0, "metres": 9}},
            "90",
        ),
        (GOOD[8] | {"fence": {"kind": "polygon", "points": [[0, 0], [1, 1]]}}, "3 to 200"),
    ],
)
def test_what_cannot_be_or_says_nothing_is_refused(said: dict[str, Any], why: str) -> None:
    """With what is wrong: unknown kinds and metrics, and what never or always is so."""
    with pytest.raises(RuleInvalid, match=why):
        rule_model.check(rule_model.read(said), TRACKER)
