"""Alarms that change hands, and the time in which somebody is to take note of them."""

from datetime import UTC, datetime, timedelta

import pytest

from foundation.database import transaction
from registry import ownership
from registry.scope import Role, Scope
from telemetry.alarms import desk, rules
from telemetry.alarms.judge import Judge
from telemetry.sight import unix_us
from tests.country import everything
from tests.telemetry import ground
from tests.telemetry.alarms.test_judge import (  # noqa: F401 - a fixture
    RULES,
    SECOND_US,
    Ground,
    field,
    held,
)
from tests.telemetry.ground import NOON_US

MINUTE = timedelta(minutes=1)


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return datetime.fromtimestamp(NOON_US / SECOND_US + seconds, UTC)


async def test_an_alarm_begins_anew_for_the_new_owner(field: Ground) -> None:  # noqa: F811
    """From the transfer, without the old one's value and care, and it goes on and ends as any."""
    await held(field, RULES["threshold"], group_client=None)
    own = await held(field, RULES["threshold"])
    judge = Judge()
    await field.say(("M-1", 1, {"speed": 9.0}), ("M-1", 2, {"speed": 8.0}))
    await field.judged(judge)
    async with transaction(field.pool, everything.settings()) as conn:
        await desk.acknowledge(conn, everything, 1)
        await ownership.transfer(conn, everything, "M-1", "power-zj", effective_at=at(10))
    await field.tidied(judge)
    handed_over = field.alarms("rule_id", "raised", "cleared_because", "count", "value")
    await field.say(("M-1", 20, {"speed": 7.0}))
    await field.judged(Judge())
    await field.say(("M-1", 30, {"speed": 1.0}))
    await field.judged(judge)

    country, client, anew = handed_over
    assert country == (own.id - 1, 1, "transfer", 2, 8.0)
    assert client == (own.id, 1, "transfer", 2, 8.0)
    assert anew == (own.id - 1, 10, None, 1, None)
    assert field.alarms("raised", "last", "cleared", "count", "acknowledged_at")[2] == (
        10, 20, 30, 2, None
    )  # fmt: skip
    clients = {row["code"]: row["id"] for row in ground.read(
        field.database, "select code, id from registry.group_client"
    )}  # fmt: skip
    seen = {}
    for code in ("power-js", "power-zj"):
        scope = Scope.of_role("x", Role.CLIENT_VIEWER, group_clients=frozenset({clients[code]}))
        async with transaction(field.pool, scope.settings()) as conn:
            page = await desk.list_page(conn, scope)
            seen[code] = [(alarm.terminal, unix_us(alarm.raised_at)) for alarm in page.items]
    assert seen == {
        "power-js": [("M-1", NOON_US + SECOND_US)] * 2,
        "power-zj": [("M-1", NOON_US + 10 * SECOND_US)],
    }


async def test_whoever_takes_no_note_in_time_is_told_of(field: Ground) -> None:  # noqa: F811
    """By the tier of the owner; what was acknowledged, shelved or over in time has no breach."""
    ground.execute(field.database, "update registry.tier set alarm_response_minutes = 30")
    await held(field, RULES["threshold"])
    judge = Judge()
    await field.say(*((code, 1, {"speed": 9.0}) for code in field.ids))
    await field.judged(judge)
    clocks = ground.read(
        field.database, "select respond_by - told_at as clock from telemetry.alarm"
    )
    async with transaction(field.pool, everything.settings()) as conn:
        await desk.acknowledge(conn, everything, 1)
        await desk.shelve(conn, everything, 2, datetime.now(UTC) + MINUTE)
    ground.execute(
        field.database, "update telemetry.alarm set respond_by = now() - interval '1 minute'"
    )
    await field.tidied(judge)
    found = field.alarms("id", "breached_at", "respond_by")
    async with transaction(field.pool, everything.settings()) as conn:
        await desk.shelve(conn, everything, 2, None)
        late = await desk.acknowledge(conn, everything, 2)
        kept = await desk.acknowledge(conn, everything, 3)
        breached = (await desk.list_page(conn, everything, breached=True)).items

    assert {row["clock"] for row in clocks} == {30 * MINUTE}
    assert [(n, when is not None) for n, when, _ in found] == [(1, False), (2, False), (3, True)]
    assert found[2][1] == found[2][2]
    assert late.breached_at == late.respond_by
    assert [alarm.id for alarm in breached] == [3, 2]
    assert kept.acknowledged_at is not None


async def test_who_has_no_response_clock_breaches_none(field: Ground) -> None:  # noqa: F811
    """A tier without one promises nothing."""
    await held(field, RULES["threshold"])
    judge = Judge()
    await field.say(("M-1", 1, {"speed": 9.0}))
    await field.judged(judge)
    await field.tidied(judge)

    assert field.alarms("respond_by", "breached_at") == [(None, None)]


async def test_what_ends_at_once_ends_in_pieces(
    field: Ground,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a rule that is held otherwise, and of terminals that changed; what is new is not lost."""
    monkeypatch.setattr("telemetry.alarms.fitting.MOST_AT_ONCE", 2)
    rule = await held(field, RULES["threshold"])
    judge = Judge()
    await field.say(*((code, 1, {"speed": 9.0}) for code in field.ids))
    await field.judged(judge)
    await field.tidied(judge)
    ended = []
    async with transaction(field.pool, everything.settings()) as conn:
        other = RULES["threshold"] | {"above": 8.5}
        await rules.change(conn, everything, rule.id, criterion=other)
    for second in (2, 3):
        await field.say(*((code, second, {"speed": 9.0}) for code in field.ids))
        await field.judged(judge)
        ended.append(field.alarms("cleared_because").count(("rule",)))
        await field.tidied(judge)
    anew = field.alarms("raised", "cleared_because")
    ground.execute(field.database, "update registry.terminal set state = 'maintenance'")
    for _ in range(2):
        await field.tidied(judge)

    assert ended == [2, 3]
    assert sorted(anew) == [(1, "rule")] * 3 + [(2, None)] * 2 + [(3, None)]
    assert field.alarms("cleared_because").count(("state",)) == 3
