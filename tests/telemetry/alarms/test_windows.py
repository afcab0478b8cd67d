"""Maintenance windows and schedules: when alarms are quiet, and when none is raised."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from foundation.database import transaction
from registry import collections
from registry.scope import Role, Scope
from telemetry.alarms import rules, schedules, windows
from telemetry.alarms.judge import Judge
from telemetry.alarms.schedules import ScheduleInvalid
from telemetry.alarms.windows import WindowInvalid, WindowNotFound, WindowOver
from tests.country import everything
from tests.telemetry import ground
from tests.telemetry.alarms.test_judge import RULES, Ground, field, held  # noqa: F401 - a fixture

DAY = timedelta(days=1)
WORKING: dict[str, Any] = {
    "zone": "Asia/Shanghai",
    "spans": [{"days": [1, 2, 3, 4, 5], "begins": "08:00", "ends": "18:00"},
              {"days": [6], "begins": "22:00", "ends": "02:00"}],
}  # fmt: skip


async def test_alarms_of_a_window_are_quiet_until_it_is_over(
    field: Ground,  # noqa: F811
) -> None:
    """Kept, of its terminals alone; what is still wrong afterwards is told, its clock begins."""
    await held(field, RULES["threshold"])
    ground.execute(field.database, "update registry.tier set alarm_response_minutes = 30")
    async with transaction(field.pool, everything.settings()) as conn:
        window = await windows.plan(
            conn, everything, why="works", ends_at=datetime.now(UTC) + DAY,
            group_client="power-js", terminal="M-1",
        )  # fmt: skip
    judge = Judge()
    await field.say(*((code, 1, {"speed": 9.0}) for code in ("M-1", "M-2")))
    await field.judged(judge)
    await field.tidied(judge)
    during = [
        (row[0], row[1], row[2] is None) for row in field.alarms("quiet", "window_id", "respond_by")
    ]
    async with transaction(field.pool, everything.settings()) as conn:
        ended = await windows.change(conn, everything, window.id, ends_at=window.begins_at)
    await field.tidied(judge)

    assert during == [(True, window.id, True), (False, None, False)]
    assert ended.ends_at <= datetime.now(UTC)
    assert [row[1] is None for row in field.alarms("quiet", "respond_by")] == [False, False]
    assert field.alarms("quiet", "window_id") == [(False, window.id), (False, None)]


async def test_what_goes_with_its_collection_leaves_no_alarm_behind(
    field: Ground,  # noqa: F811
) -> None:
    """A rule's alarms are over, and those that a window kept quiet are told."""
    await held(field, RULES["threshold"])
    async with transaction(field.pool, everything.settings()) as conn:
        made = await collections.create(conn, everything, name="some")
        await collections.alter_members(conn, everything, made.id, add=["M-1"])
        rule = await rules.define(
            conn, everything, name="theirs", profile="tracker", criterion=RULES["threshold"],
            collection=made.id,
        )  # fmt: skip
        await rules.change(conn, everything, rule.id, enabled=True)
        await windows.plan(
            conn, everything, why="works", ends_at=datetime.now(UTC) + DAY, collection=made.id
        )
    await field.say(("M-1", 1, {"speed": 9.0}))
    await field.judged(Judge())
    during = field.alarms("quiet", "cleared_because")
    async with transaction(field.pool, everything.settings()) as conn:
        await collections.delete(conn, everything, made.id)

    assert during == [(True, None), (True, None)]
    assert field.alarms("quiet", "cleared_because") == [(False, None), (True, "rule")]


async def test_a_window_is_of_its_owner(field: Ground) -> None:  # noqa: F811
    """Others neither see nor change it; one that is over, or never ends, cannot be."""
    clients = {row["code"]: row["id"] for row in ground.read(
        field.database, "select code, id from registry.group_client"
    )}  # fmt: skip
    js, zj = (
        Scope.of_role("test", Role.CLIENT_ADMIN, group_clients=frozenset({clients[code]}))
        for code in ("power-js", "power-zj")
    )
    now = datetime.now(UTC)
    async with transaction(field.pool, js.settings()) as conn:
        window = await windows.plan(conn, js, why="works", ends_at=now + DAY)
        for ends_at in (now - DAY, now + 400 * DAY):
            with pytest.raises(WindowInvalid):
                await windows.plan(conn, js, why="works", ends_at=ends_at)
        over = await windows.change(conn, js, window.id, why="done", ends_at=now - DAY)
    async with transaction(field.pool, zj.settings()) as conn:
        assert (await windows.list_page(conn, zj)).items == []
        with pytest.raises(WindowNotFound):
            await windows.change(conn, zj, window.id, why="theirs")
    async with transaction(field.pool, js.settings()) as conn:
        with pytest.raises(WindowOver):
            await windows.change(conn, js, window.id, ends_at=now + DAY)
        assert (await windows.list_page(conn, js, is_open=True)).items == []
    assert (window.group_client, window.made_by, over.why) == ("power-js", "test", "done")


async def test_a_rule_raises_alarms_within_its_schedule(field: Ground) -> None:  # noqa: F811
    """By the time of the reading; what began outside is raised by the first one within."""
    rule = await held(field, RULES["threshold"])
    moment = ground.read(field.database, "select telemetry.instant(%s) as noon", ground.NOON_US)
    noon = moment[0]["noon"].astimezone(UTC)
    spans = [{"days": [noon.isoweekday()], "begins": f"{noon + 5 * timedelta(seconds=1):%H:%M:%S}",
              "ends": f"{noon + 9 * timedelta(seconds=1):%H:%M:%S}"}]  # fmt: skip
    async with transaction(field.pool, everything.settings()) as conn:
        await rules.change(conn, everything, rule.id, schedule={"zone": "UTC", "spans": spans})
    judge = Judge()
    for second in range(1, 12):
        await field.say(("M-1", second, {"speed": 9.0}))
        if second > 9:
            await field.say(("M-2", second, {"speed": 9.0}))
        await field.judged(judge)

    assert field.alarms("terminal", "raised", "last") == [("M-1", 5, 11)]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"zone": "UTC", "spans": []}, "spans"),
        ({"zone": "UTC"}, "spans"),
        ({"zone": "Moon/Crater", "spans": WORKING["spans"]}, "time zone"),
        ({"zone": "UTC", "spans": [{"days": [0], "begins": "08:00", "ends": "09:00"}]}, "days"),
        ({"zone": "UTC", "spans": [{"days": [1], "begins": "08:00", "ends": "08:00"}]}, "times"),
        ({"zone": "UTC", "spans": [{"days": [1], "begins": "8", "ends": "25:00"}]}, "begins"),
    ],
)
async def test_a_schedule_that_cannot_be_is_refused(
    field: Ground,  # noqa: F811
    said: dict[str, Any],
    why: str,
) -> None:
    """With what is wrong with it."""
    rule = await held(field, RULES["threshold"])
    async with transaction(field.pool, everything.settings()) as conn:
        with pytest.raises(ScheduleInvalid, match=why):
            await rules.change(conn, everything, rule.id, schedule=said)


def test_a_schedule_is_written_as_it_was_read() -> None:
    """All it says."""
    assert schedules.read(schedules.written(schedules.read(WORKING))) == schedules.read(WORKING)


async def test_a_schedule_holds_in_its_own_zone(field: Ground) -> None:  # noqa: F811
    """From Monday to Friday by day, and on Saturday until two in the night."""
    monday = datetime(2026, 11, 23, tzinfo=UTC)  # eight o'clock in Shanghai
    hours = {
        timedelta(0): True, timedelta(hours=-1): False, timedelta(hours=9, minutes=59): True,
        timedelta(hours=10): False, timedelta(days=4): True, timedelta(days=5): False,
        timedelta(days=5, hours=14): True, timedelta(days=5, hours=17, minutes=59): True,
        timedelta(days=5, hours=18): False, timedelta(days=6, hours=14): False,
    }  # fmt: skip
    found = {
        after: ground.read(
            field.database,
            "select telemetry.acts_at(%s::jsonb, %s) as holds",
            json.dumps(WORKING),
            monday + after,
        )[0]["holds"]
        for after in hours
    }

    assert found == hours
