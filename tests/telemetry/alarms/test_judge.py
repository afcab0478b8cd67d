"""Readings held against rules: in whatever pieces they come, alarms are those of a plain walk."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import pytest

from foundation.database import Pool, transaction
from registry import collections, profiles, terminals
from registry.identifiers import TerminalCode
from registry.model import DeviceProfile, Sector, TerminalState
from telemetry import latest
from telemetry.alarms import desk, life, rule_model, rules
from telemetry.alarms.absence import Absent, Silence
from telemetry.alarms.criteria import Change, Stuck
from telemetry.alarms.judge import Judge
from telemetry.alarms.life import Standing, Step, Turn
from telemetry.alarms.rule_model import Rule
from telemetry.model import Event
from telemetry.writer import Writer
from tests.conftest import Database
from tests.country import NANJING, ZHEJIANG, everything, settled
from tests.telemetry import ground
from tests.telemetry.ground import NOON_US, metric, profile

SECOND_US = 1_000_000
TRACKER = profile("tracker", metric("speed"), metric("latitude"), metric("longitude"))
CODES = ("M-1", "M-2", "M-3")
RULES: Mapping[str, dict[str, Any]] = {
    "threshold": {"kind": "threshold", "metric": "speed", "above": 5, "clear": 3},
    "change": {"kind": "change", "metric": "speed", "seconds": 1, "rise": 2, "fall": 2},
    "stuck": {"kind": "stuck", "metric": "speed"},
    "place": {"kind": "place", "wrong": "inside", "margin_metres": 100_000,
              "fence": {"kind": "circle", "latitude": 0, "longitude": 0, "metres": 400_000}},
}  # fmt: skip
Said = tuple[str, int, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Ground:
    """A database with three trackers in service, and a bridge that stores what they say."""

    database: Database
    pool: Pool
    writer: Writer
    profile: DeviceProfile
    ids: Mapping[str, int]

    async def say(self, *said: Said) -> None:
        """Readings of terminals at seconds, in one batch."""
        readings = [(self.ids[c], NOON_US + s * SECOND_US, dict(v)) for c, s, v in said]
        await ground.store(self.writer, ground.rows_of(self.profile, readings))

    async def judged(self, judge: Judge) -> None:
        """All that is there is held against the rules."""
        taken = 1
        while taken:
            async with ground.connected(self.database.jobs) as conn:
                taken = await latest.catch_up(conn, judge.turn)

    async def tidied(self, judge: Judge) -> None:
        """What has to be looked after is, as often as it takes to come round."""
        async with ground.connected(self.database.jobs) as conn:
            await judge.tidy(conn)

    def alarms(self, *columns: str) -> list[tuple[Any, ...]]:
        """These columns of every alarm, times as seconds, in order."""
        rows = ground.read(
            self.database,
            "select t.code as terminal, a.*, extract(epoch from raised_at)::int8 as raised,"
            " extract(epoch from last_at)::int8 as last,"
            " extract(epoch from cleared_at)::int8 as cleared"
            " from telemetry.alarm a join registry.terminal t on t.id = a.terminal_id"
            " order by t.code, a.id",
        )
        noon = NOON_US // SECOND_US
        for row in rows:
            for name in ("raised", "last", "cleared"):
                row[name] = None if row[name] is None else row[name] - noon
        return [tuple(row[name] for name in columns) for row in rows]


@pytest.fixture
async def field(database: Database) -> AsyncIterator[Ground]:
    """Three trackers of client `power-js`, in service since ever."""
    async with settled(database) as pool:
        async with transaction(pool, everything.settings()) as conn:
            defined = await profiles.define(conn, everything, TRACKER)
            for code in CODES:
                await terminals.register(
                    conn, everything, code=TerminalCode(code), profile="tracker", region=NANJING,
                    group_client="power-js", state=TerminalState.IN_SERVICE,
                )  # fmt: skip
        ground.execute(database, "update registry.terminal set owner_since = '-infinity'")
        found = ground.read(database, "select code, id from registry.terminal")
        ids = {row["code"]: row["id"] for row in found}
        async with ground.writing(database) as writer:
            yield Ground(database, pool, writer, defined, ids)


async def held(
    field: Ground,
    criterion: Mapping[str, Any],
    for_seconds: int = 0,
    group_client: str | None = "power-js",
) -> Rule:
    """A rule of the client's terminals, or of the country's, enabled."""
    async with transaction(field.pool, everything.settings()) as conn:
        rule = await rules.define(
            conn, everything, name="a rule", profile="tracker", criterion=criterion,
            group_client=group_client, for_seconds=for_seconds,
        )  # fmt: skip
        return await rules.change(conn, everything, rule.id, enabled=True)


def walked(criterion: Mapping[str, Any], for_seconds: int, said: list[Said]) -> list[Any]:
    """(terminal, raised, last, cleared, count) of each alarm, found reading by reading."""
    watched = rule_model.read(criterion)
    found: list[list[Any]] = []
    standings: dict[str, Standing] = {}
    before: dict[str, tuple[int, float]] = {}
    for code, second, values in said:
        standing = standings.get(code, Standing())
        if standing.newest_us is not None and second <= standing.newest_us:
            continue
        times = np.array([before[code][0] if code in before else 0, second]) * SECOND_US
        if isinstance(watched, Change | Stuck):
            pair = np.array([before[code][1] if code in before else 0, values["speed"]])
            stand = int(watched.stand(times, pair)[0]) if code in before else 0
        else:
            assert not isinstance(watched, rule_model.Happening | Absent | Silence)
            stand = int(watched.stand([np.array([values[m]]) for m in watched.metrics])[0])
        before[code] = second, values["speed"]
        standings[code], steps = life.follow(standing, [(second, stand)], for_seconds)
        for step in steps:
            _written(found, code, step)
    return sorted(tuple(one) for one in found)


def _written(found: list[list[Any]], code: str, step: Step) -> None:
    if step.turn is Turn.RAISED:
        found.append([code, step.time_us, step.time_us, None, 1])
        return
    [alarm] = [one for one in found if one[0] == code and one[3] is None]
    if step.turn is Turn.CLEARED:
        alarm[3] = step.time_us
    else:
        alarm[2] = step.time_us
        alarm[4] += 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", RULES)
async def test_alarms_are_those_of_a_plain_walk(field: Ground, kind: str, seed: int) -> None:
    """Late readings among them, in batches of any size, with another process after any of them."""
    dice = Random(seed)
    for_seconds = dice.choice([0, 0, 4])
    await held(field, RULES[kind], for_seconds)
    said: list[Said] = []
    judge = Judge()
    await field.judged(judge)
    second = dict.fromkeys(CODES, 0)
    for _ in range(25):
        batch: list[Said] = []
        for _ in range(dice.randint(1, 8)):
            code = dice.choice(CODES)
            second[code] += dice.randint(1, 4)
            late = dice.choice([0, 0, 0, 7])
            at = second[code] - late
            if at > 0 and not any(c == code and s == at for c, s, _ in said + batch):
                values = {"speed": float(dice.randint(0, 8)), "latitude": dice.uniform(0, 6),
                          "longitude": 0.0}  # fmt: skip
                batch.append((code, at, values))
        if not batch:
            continue
        # A bridge sorts what it stores at once.
        batch.sort(key=lambda one: (field.ids[one[0]], one[1]))
        await field.say(*batch)
        said += batch
        if dice.random() < 0.5:
            judge = Judge() if dice.random() < 0.5 else judge
            await field.judged(judge)
    await field.judged(judge)

    found = field.alarms("terminal", "raised", "last", "cleared", "count")
    assert sorted(found) == walked(RULES[kind], for_seconds, said)
    assert {row[0] for row in field.alarms("cleared_because")} <= {None, "reading"}


async def test_a_rule_is_of_its_owners_terminals_in_service(field: Ground) -> None:
    """Neither in maintenance nor of another client; and of who comes into service by the next."""
    await held(field, RULES["threshold"])
    ground.execute(field.database, "update registry.terminal set state = 'maintenance'"
                   " where code = 'M-1'")  # fmt: skip
    ground.execute(field.database, "update registry.terminal set group_client_id = null"
                   " where code = 'M-2'")  # fmt: skip
    judge = Judge()
    await field.say(*((code, 1, {"speed": 9.0}) for code in CODES))
    await field.judged(judge)
    assert field.alarms("terminal", "raised") == [("M-3", 1)]

    ground.execute(field.database, "update registry.terminal set state = 'in_service'")
    await field.say(*((code, 2, {"speed": 9.0}) for code in CODES))
    await field.judged(judge)
    assert field.alarms("terminal", "raised", "count") == [("M-1", 2, 1), ("M-3", 1, 2)]


async def test_what_is_held_otherwise_is_over(field: Ground) -> None:
    """A rule that watches for something else, or is not enabled, ends what it raised."""
    rule = await held(field, RULES["threshold"])
    judge = Judge()
    await field.say(("M-1", 1, {"speed": 9.0}))
    await field.judged(judge)
    async with transaction(field.pool, everything.settings()) as conn:
        other = RULES["threshold"] | {"above": 8.5}
        rule = await rules.change(conn, everything, rule.id, criterion=other)
    await field.say(("M-1", 2, {"speed": 9.0}), ("M-2", 2, {"speed": 7.0}))
    await field.judged(judge)
    assert field.alarms("raised", "cleared_because") == [(1, "rule"), (2, None)]

    async with transaction(field.pool, everything.settings()) as conn:
        await rules.change(conn, everything, rule.id, name="another name")
    await field.say(("M-1", 3, {"speed": 9.0}))
    await field.judged(judge)
    assert field.alarms("raised", "last", "cleared_because")[-1] == (2, 3, None)


async def ended_by_hand(field: Ground) -> None:
    """Somebody ends every alarm that is open."""
    async with transaction(field.pool, everything.settings()) as conn:
        for alarm in (await desk.list_page(conn, everything, open=True)).items:
            await desk.clear(conn, everything, alarm.id)


async def test_what_somebody_ended_is_raised_when_it_was_well_between(field: Ground) -> None:
    """Not as long as it goes on, whoever judges; late or not."""
    await held(field, RULES["threshold"])
    judge = Judge()
    await field.say(("M-1", 1, {"speed": 9.0}))
    await field.judged(judge)
    await ended_by_hand(field)
    for second, speed in ((2, 9.0), (3, 4.0), (4, 9.0)):
        await field.say(("M-1", second, {"speed": speed}))
        await field.judged(judge)
    judge = Judge()
    await field.say(("M-1", 5, {"speed": 9.0}))
    await field.judged(judge)
    going_on = field.alarms("raised", "last", "count")
    await field.say(("M-1", 6, {"speed": 1.0}), ("M-1", 7, {"speed": 9.0}))
    await field.judged(judge)

    assert going_on == [(1, 1, 1)]
    assert field.alarms("raised", "cleared_because") == [(1, "person"), (7, None)]


async def test_of_events_that_nothing_ends_each_is_another(field: Ground) -> None:
    """Counted as long as the alarm is open; once somebody has ended it, the next one raises."""
    await held(field, {"kind": "event", "code": "door."})
    judge = Judge()
    for seconds in ((1, 2), (3, 4), (5,)):
        async with field.writer.transaction() as work:
            await work.record(
                [Event(field.ids["M-1"], us, us, "door.open", "minor", None, None)
                 for us in (NOON_US + second * SECOND_US for second in seconds)]
            )  # fmt: skip
        await field.judged(judge)
        if seconds == (1, 2):
            await ended_by_hand(field)
            judge = Judge()

    assert field.alarms("raised", "last", "count", "cleared_because") == [
        (1, 2, 2, "person"), (3, 5, 3, None)
    ]  # fmt: skip


async def test_alarms_of_who_left_are_over(field: Ground) -> None:
    """Of another owner from the moment of the transfer, of who is not in service from now."""
    await held(field, RULES["threshold"])
    judge = Judge()
    await field.say(*((code, 1, {"speed": 9.0}) for code in CODES))
    await field.judged(judge)
    ground.execute(field.database, "update registry.terminal set state = 'maintenance'"
                   " where code = 'M-1'")  # fmt: skip
    ground.execute(field.database, "update registry.terminal set group_client_id = null"
                   " where code = 'M-2'")  # fmt: skip
    await field.tidied(judge)
    assert field.alarms("terminal", "cleared_because") == [
        ("M-1", "state"), ("M-2", "transfer"), ("M-3", None)
    ]  # fmt: skip
    [(standings,)] = [tuple(row.values()) for row in ground.read(
        field.database, "select count(*) from telemetry.rule_standing"
    )]  # fmt: skip
    assert standings == 1


async def test_stands_are_told_of_bad_readings_only(field: Ground) -> None:
    """What is well is kept nowhere: three million terminals that are well cost nothing."""
    await held(field, RULES["threshold"])
    await field.say(*((code, 1, {"speed": 1.0}) for code in CODES), ("M-1", 2, {"speed": 4.0}))
    await field.judged(Judge())

    assert ground.read(field.database, "select * from telemetry.rule_standing") == []


async def test_a_rule_is_of_whom_a_collection_s_query_finds(field: Ground) -> None:
    """As they are when they are judged; of a client's collection only what that client owns."""
    async with transaction(field.pool, everything.settings()) as conn:
        query = collections.Query(prefix="M-", tag="pilot")
        found = await collections.create(
            conn, everything, name="pilots", query=query, group_client="power-js"
        )
        rule = await rules.define(
            conn, everything, name="a rule", profile="tracker", criterion=RULES["threshold"],
            collection=found.id,
        )  # fmt: skip
        await rules.change(conn, everything, rule.id, enabled=True)
    ground.execute(field.database, "update registry.terminal set tags = '{pilot}',"
                   " group_client_id = case code when 'M-1' then group_client_id end"
                   " where code <> 'M-3'")  # fmt: skip
    judge = Judge()
    await field.say(*((code, 1, {"speed": 9.0}) for code in CODES))
    await field.judged(judge)
    first = field.alarms("terminal", "cleared_because")
    ground.execute(field.database, "update registry.terminal set tags ="
                   " case code when 'M-3' then '{pilot}'::text[] else '{}' end")  # fmt: skip
    await field.say(*((code, 2, {"speed": 9.0}) for code in CODES))
    await field.judged(judge)
    await field.tidied(judge)

    assert first == [("M-1", None)]
    assert field.alarms("terminal", "cleared_because") == [("M-1", "state"), ("M-3", None)]


@pytest.mark.parametrize(
    "query",
    [
        collections.Query(),
        collections.Query(prefix="M-1", sector=Sector.POWER),
        collections.Query(group_client="power-zj"),
        collections.Query(region=ZHEJIANG, tag="pilot"),
        collections.Query(state=TerminalState.MAINTENANCE, profile="tracker"),
        collections.Query(profile="meter"),
        collections.Query(sector=Sector.SECURITY),
    ],
    ids=str,
)
async def test_a_query_finds_whom_it_lists(field: Ground, query: collections.Query) -> None:
    """Where rules ask of one terminal, and where people list all of them."""
    ground.execute(field.database, "update registry.terminal set tags = '{pilot}', region_code ="
                   " 330100, state = 'maintenance' where code = 'M-2'")  # fmt: skip
    ground.execute(field.database, "update registry.terminal set group_client_id ="
                   " (select id from registry.group_client where code = 'power-zj')"
                   " where code = 'M-3'")  # fmt: skip
    async with transaction(field.pool, everything.settings()) as conn:
        made = await collections.create(conn, everything, name="some", query=query)
        listed = await collections.list_members(conn, everything, made.id)
    asked = ground.read(field.database, "select t.code from registry.terminal t"
                        " join registry.collection c on telemetry.query_finds(c.query, t)"
                        " order by t.code")  # fmt: skip

    assert [row["code"] for row in asked] == [terminal.code for terminal in listed.items]
