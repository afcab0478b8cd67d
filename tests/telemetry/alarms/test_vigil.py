"""What no row shows, judged by time: absent data and silence, once, and not for what is ours."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from foundation.database import transaction
from telemetry.alarms import rules
from telemetry.alarms.rule_model import Rule
from telemetry.alarms.vigil import Vigil
from telemetry.watch import Watch
from tests.conftest import Database
from tests.country import everything, register, settled
from tests.telemetry.ground import execute, read
from tests.telemetry.test_presence import NOON, PATIENCE, SECOND, World

DATA: dict[str, Any] = {"kind": "silence", "of": "data"}
SESSION: dict[str, Any] = {"kind": "silence", "of": "session", "back_seconds": 60}
ABSENT: dict[str, Any] = {"kind": "absent", "seconds": 300}


@dataclass
class Guarded(World):
    """Presence with somebody beside it who raises alarms."""

    def restart(self) -> None:
        """Another process takes over."""
        self.watch = Watch(Vigil())

    async def hold(self, criterion: Mapping[str, Any], **given: Any) -> Rule:
        """A rule, enabled."""
        async with transaction(self.pool, everything.settings()) as conn:
            rule = await rules.define(conn, everything, name="a rule", criterion=criterion, **given)
            return await rules.change(conn, everything, rule.id, enabled=True)

    def alarms(self, *columns: str) -> list[tuple[Any, ...]]:
        """These columns of every alarm, in order of terminals."""
        rows = read(
            self.database,
            "select t.code as terminal, a.* from telemetry.alarm a"
            " join registry.terminal t on t.id = a.terminal_id order by t.code, a.id",
        )
        return [tuple(row[name] for name in columns) for row in rows]


@pytest.fixture
async def guarded(database: Database) -> AsyncIterator[Guarded]:
    """Terminals M-1 to M-4 of `power-js`, in service since long before noon."""
    async with settled(database) as pool:
        found = await register(pool, "M-1", "M-2", "M-3", "M-4")
        execute(database, "update registry.terminal set state_since = '2026-01-01'")
        yield Guarded(database, pool, Watch(Vigil()), {t.code: t.id for t in found})


async def test_silence_is_an_alarm_once_and_ends_with_it(guarded: Guarded) -> None:
    """From when patience has run out; whoever looks, however often; over when data comes."""
    await guarded.hold(DATA)
    await guarded.came("M-1", "M-2", when=NOON)
    await guarded.look(NOON + PATIENCE)
    awaited = guarded.alarms("terminal")
    await guarded.came("M-2", when=NOON + 2 * PATIENCE)
    await guarded.look(NOON + 2 * PATIENCE)
    guarded.restart()
    await guarded.look(NOON + 2 * PATIENCE + SECOND)
    raised = guarded.alarms("terminal", "raised_at", "cleared_at", "count")
    await guarded.came("M-1", when=NOON + 3 * PATIENCE)
    await guarded.look(NOON + 3 * PATIENCE)

    assert awaited == []
    assert raised == [("M-1", NOON + PATIENCE, None, 1)]
    assert guarded.alarms("terminal", "cleared_at", "cleared_because") == [
        ("M-1", NOON + 3 * PATIENCE, "return")
    ]


async def test_who_keeps_its_session_alive_is_silent(guarded: Guarded) -> None:
    """A session that is up is no data: one alarm, of data alone."""
    data = await guarded.hold(DATA)
    await guarded.hold(SESSION)
    await guarded.came("M-1", when=NOON)
    for k in range(5):
        await guarded.told(("M-1", True, NOON + k * PATIENCE))
        await guarded.look(NOON + k * PATIENCE + SECOND)

    assert guarded.alarms("terminal", "rule_id") == [("M-1", data.id)]


async def test_a_session_that_flaps_is_one_alarm(guarded: Guarded) -> None:
    """It has to be gone for a while, and to be back for a while."""
    await guarded.hold(SESSION, for_seconds=30)
    await guarded.told(("M-1", False, NOON), ("M-2", False, NOON))
    await guarded.look(NOON + SECOND)
    await guarded.told(("M-2", True, NOON + 20 * SECOND))
    await guarded.look(NOON + 31 * SECOND)
    for k in range(1, 4):
        await guarded.told(("M-1", True, NOON + k * 40 * SECOND))
        await guarded.look(NOON + k * 40 * SECOND + SECOND)
        await guarded.told(("M-1", False, NOON + (k * 40 + 20) * SECOND))
        await guarded.look(NOON + (k * 40 + 21) * SECOND)
    flapping = guarded.alarms("terminal", "raised_at", "count", "cleared_at")
    await guarded.told(("M-1", True, NOON + 200 * SECOND))
    await guarded.look(NOON + 259 * SECOND)
    waited = guarded.alarms("cleared_at")
    await guarded.look(NOON + 260 * SECOND)

    assert flapping == [("M-1", NOON + 30 * SECOND, 4, None)]
    assert waited == [(None,)]
    assert guarded.alarms("cleared_at", "cleared_because") == [(NOON + 200 * SECOND, "return")]


async def test_at_one_millisecond_the_last_word_holds(guarded: Guarded) -> None:
    """A will and a hello of one moment: the session is as was said last, in whatever turns."""
    await guarded.hold(SESSION | {"back_seconds": 0})
    await guarded.told(("M-1", False, NOON), ("M-1", True, NOON), ("M-2", True, NOON))
    await guarded.told(("M-2", False, NOON), ("M-3", False, NOON))
    await guarded.look(NOON + SECOND)
    await guarded.told(("M-3", True, NOON))
    await guarded.look(NOON + 2 * SECOND)

    assert guarded.alarms("terminal", "raised_at", "cleared_at") == [
        ("M-2", NOON, None), ("M-3", NOON, NOON)
    ]  # fmt: skip


@pytest.mark.parametrize("criterion", [DATA, SESSION, ABSENT], ids=lambda c: str(c["kind"]))
async def test_no_restart_of_ours_raises_an_alarm(
    guarded: Guarded, criterion: Mapping[str, Any]
) -> None:
    """A bridge, the database or the jobs that were away for hours: everybody has time anew."""
    await guarded.hold(criterion, for_seconds=60, profile="meter" if criterion is ABSENT else None)
    await guarded.came("M-1", "M-2", "M-3", when=NOON + SECOND)
    await guarded.told(("M-3", False, NOON + 2 * SECOND))
    await guarded.look(NOON + 10 * SECOND)
    back = NOON + timedelta(hours=5)
    guarded.restart()
    await guarded.came("M-1", when=back + SECOND)
    await guarded.look(NOON + 10 * SECOND)
    await guarded.look(back + 2 * SECOND, since=back)
    await guarded.came("M-2", when=back + 50 * SECOND)
    await guarded.told(("M-3", True, back + 50 * SECOND))
    await guarded.look(back + 51 * SECOND, since=back)

    assert guarded.alarms("terminal") == []


@pytest.mark.parametrize("event", ["session_lost_at", "broker_started_at"])
async def test_a_broker_that_restarts_ends_no_session(guarded: Guarded, event: str) -> None:
    """What was said of a session before is not known any more, and what is unknown is no alarm."""
    await guarded.hold(SESSION, for_seconds=60)
    await guarded.told(("M-1", False, NOON), ("M-2", True, NOON))
    await guarded.look(NOON + SECOND)
    execute(guarded.database, f"update telemetry.bridge set {event} = %s", NOON + 5 * SECOND)
    await guarded.told(("M-2", False, NOON + 6 * SECOND))
    await guarded.look(NOON + timedelta(hours=1))

    assert guarded.alarms("terminal") == [("M-2",)]


async def test_the_nearest_rule_holds(guarded: Guarded) -> None:
    """A client tunes what is built in: its own rule is held, and no second alarm is raised."""
    built_in = await guarded.hold(DATA)
    own = await guarded.hold(DATA, group_client="power-js", for_seconds=600, severity="critical")
    await guarded.came("M-1", "M-2", when=NOON)
    execute(guarded.database, "update registry.terminal set group_client_id = null"
            " where code = 'M-2'")  # fmt: skip
    await guarded.look(NOON + 2 * PATIENCE)
    sooner = guarded.alarms("terminal", "rule_id")
    await guarded.look(NOON + PATIENCE + 600 * SECOND)

    assert sooner == [("M-2", built_in.id)]
    assert guarded.alarms("terminal", "rule_id", "severity") == [
        ("M-1", own.id, "critical"), ("M-2", built_in.id, "major")
    ]  # fmt: skip


async def test_who_comes_into_service_silent_has_an_alarm_from_then(guarded: Guarded) -> None:
    """In maintenance none is raised, and what is open is over; back in service it is another."""
    await guarded.hold(DATA)
    await guarded.came("M-1", "M-2", when=NOON)
    execute(guarded.database, "update registry.terminal set state = 'maintenance'"
            " where code = 'M-1'")  # fmt: skip
    await guarded.look(NOON + 2 * PATIENCE)
    then = NOON + 3 * PATIENCE
    execute(guarded.database, "update registry.terminal set state_since = %s, state ="
            " case code when 'M-1' then 'in_service' else 'maintenance' end", then)  # fmt: skip
    await guarded.look(then)

    assert guarded.alarms("terminal", "raised_at", "cleared_because") == [
        ("M-1", then, None), ("M-2", NOON + PATIENCE, "state")
    ]  # fmt: skip


async def test_what_somebody_has_ended_stays_so(guarded: Guarded) -> None:
    """Until it is silent anew; a restart does not raise it again."""
    await guarded.hold(DATA)
    await guarded.came("M-1", when=NOON)
    await guarded.look(NOON + 2 * PATIENCE)
    execute(guarded.database, "update telemetry.alarm set cleared_at = raised_at,"
            " cleared_because = 'person'")  # fmt: skip
    guarded.restart()
    await guarded.look(NOON + 3 * PATIENCE)
    ended = guarded.alarms("terminal")
    await guarded.came("M-1", when=NOON + 4 * PATIENCE)
    await guarded.look(NOON + 9 * PATIENCE)

    assert ended == [("M-1",)]
    assert guarded.alarms("raised_at")[1:] == [(NOON + 5 * PATIENCE,)]


async def test_data_is_absent_by_our_clock(guarded: Guarded) -> None:
    """Since something came, and not late; who never sent any is not missed."""
    await guarded.hold(ABSENT, profile="meter")
    await guarded.look(NOON)
    await guarded.came("M-1", "M-2", when=NOON)
    await guarded.came("M-1", when=NOON + 250 * SECOND, after=timedelta(hours=2))
    await guarded.came("M-2", when=NOON + 250 * SECOND)
    await guarded.look(NOON + 251 * SECOND)
    # Another process, and every terminal of the rule is known anew.
    guarded.restart()
    await guarded.look(NOON + 299 * SECOND)
    awaited = guarded.alarms("terminal")
    await guarded.look(NOON + 301 * SECOND)
    guarded.restart()
    await guarded.look(NOON + 302 * SECOND)
    raised = guarded.alarms("terminal", "raised_at", "cleared_at")
    await guarded.came("M-1", when=NOON + 400 * SECOND)
    await guarded.came("M-2", when=NOON + 400 * SECOND)
    await guarded.look(NOON + 401 * SECOND)

    assert awaited == []
    assert raised == [("M-1", NOON + 300 * SECOND, None)]
    assert guarded.alarms("terminal", "cleared_at", "cleared_because") == [
        ("M-1", NOON + 400 * SECOND, "return")
    ]


async def test_one_metric_may_be_absent(guarded: Guarded) -> None:
    """Others come, this one does not; after a restart from what was told last."""
    await guarded.hold(ABSENT | {"metric": "energy_kwh", "seconds": 600}, profile="meter")
    await guarded.look(NOON)
    await guarded.came("M-1", "M-2", when=NOON, values={"voltage_a": 230.0, "energy_kwh": 1})
    await guarded.look(NOON + SECOND)
    for k in range(1, 6):
        await guarded.came("M-1", "M-2", when=NOON + k * 100 * SECOND)
        await guarded.look(NOON + k * 100 * SECOND)
    await guarded.came("M-2", when=NOON + 599 * SECOND, values={"energy_kwh": 2})
    await guarded.look(NOON + 599 * SECOND)
    await guarded.caught_up()
    guarded.restart()
    await guarded.look(NOON + 600 * SECOND)
    await guarded.look(NOON + 661 * SECOND)

    assert guarded.alarms("terminal", "metric", "raised_at") == [
        ("M-1", "energy_kwh", NOON + 600 * SECOND)
    ]
