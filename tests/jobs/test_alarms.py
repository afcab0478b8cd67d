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


@pytest.mark.timeout(120)
async def test_a_terminal_that_says_nothing_has_an_alarm(field: Ground) -> None:  # noqa: F811
    """Whoever watches who is there judges what does not come, too."""
    await held(field, {"kind": "silence", "of": "data"}, 60)
    ground.execute(
        field.database,
        "insert into telemetry.presence (terminal_id, data_at, silent_since)"
        " select id, now() - interval '20 minutes', now() - interval '10 minutes'"
        " from registry.terminal where code = 'M-1'",
    )
    ground.execute(
        field.database,
        "insert into telemetry.bridge (name, heard_until, listening_since)"
        " values ('bridge-9', now(), now() - interval '1 hour')",
    )
    with running(field.database):
        assert wait_until(lambda: field.alarms("terminal", "cleared") == [("M-1", None)], 30)
