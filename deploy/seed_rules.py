"""The demonstration's rules: what its terminals do often enough for somebody to see an alarm."""

from typing import Any

from foundation.database import Connection
from registry.scope import Scope
from telemetry.alarms import rules

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


async def hold(conn: Connection, scope: Scope) -> None:
    """Hold them against all terminals of the country, unless there are rules already."""
    if (await rules.list_page(conn, scope, limit=1)).items:
        return
    for given in _RULES:
        rule = await rules.define(conn, scope, **given)
        await rules.change(conn, scope, rule.id, enabled=True)
