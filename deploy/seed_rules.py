"""The built-in rules of silence, and the demonstration's: what its terminals do often enough."""

from collections.abc import Iterable, Mapping
from typing import Any

from foundation.database import Connection
from registry.scope import Scope
from telemetry.alarms import rules

# Of all terminals of the country; whoever wants it otherwise makes a nearer one.
_SILENCE: tuple[dict[str, Any], ...] = (
    {
        "name": "数据静默 · No data",
        "criterion": {"kind": "silence", "of": "data"},
        "severity": "major",
        "for_seconds": 60,
    },
    {
        "name": "会话中断 · Session lost",
        "criterion": {"kind": "silence", "of": "session", "back_seconds": 60},
        "severity": "minor",
        "for_seconds": 300,
    },
)
_RULES: tuple[dict[str, Any], ...] = (
    {
        "name": "负荷过大 · Load too high",
        "profile": "smart_meter",
        "criterion": {"kind": "threshold", "metric": "current_a", "above": 22.0, "clear": 20.0},
        "severity": "warning",
        "for_seconds": 60,
    },
    {
        "name": "超速 · Speeding",
        "profile": "vehicle_tracker",
        "criterion": {"kind": "threshold", "metric": "speed_kmh", "above": 80.0, "clear": 70.0},
        "severity": "major",
    },
    {
        "name": "市电中断 · Mains power lost",
        "profile": "alarm_panel",
        "criterion": {"kind": "truth", "metric": "mains_ok", "wrong": False},
        "severity": "critical",
    },
)


async def hold(conn: Connection, scope: Scope, *, demonstrate: bool) -> None:
    """Hold them against all terminals of the country, unless there are such already."""
    if not (await rules.list_page(conn, scope, kind="silence", limit=1)).items:
        await _define(conn, scope, _SILENCE)
    if demonstrate and not (await rules.list_page(conn, scope, kind="truth", limit=1)).items:
        await _define(conn, scope, _RULES)


async def _define(conn: Connection, scope: Scope, wanted: Iterable[Mapping[str, Any]]) -> None:
    for given in wanted:
        rule = await rules.define(conn, scope, **given)
        await rules.change(conn, scope, rule.id, enabled=True)
