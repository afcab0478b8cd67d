"""The jobs process holds readings against rules, and ends alarms that fit no more."""

import pytest

from deploy.embedded.processes import wait_until
from tests.jobs.test_jobs import running
from tests.telemetry import ground
from tests.telemetry.alarms.test_judge import RULES, Ground, field, held  # noqa: F401 - a fixture


@pytest.mark.timeout(120)
async def test_an_alarm_is_over_when_its_terminal_is_not_in_service(
    field: Ground,  # noqa: F811
) -> None:
    """Whoever leads now, and whoever did when it was raised; back in service it is another one."""
    await held(field, RULES["threshold"])
    await field.say(("M-1", 1, {"speed": 9.0}))
    with running(field.database):
        assert wait_until(lambda: field.alarms("raised", "cleared") == [(1, None)], 30)
    ground.execute(field.database, "update registry.terminal set state = 'maintenance'")
    with running(field.database):
        assert wait_until(lambda: field.alarms("cleared_because") == [("state",)], 30)
        ground.execute(field.database, "update registry.terminal set state = 'in_service'")
        await field.say(("M-1", 2, {"speed": 9.0}))
        assert wait_until(lambda: field.alarms("raised") == [(1,), (2,)], 30)
