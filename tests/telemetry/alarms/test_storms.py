"""Storms: many that fall silent together are one alarm with a count, and theirs are quiet."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from foundation.database import transaction
from foundation.errors import NotPermitted
from registry.model import RegionRange
from registry.scope import Role, Scope
from telemetry.alarms import desk, storm_thresholds
from telemetry.alarms.desk import AlarmOfOthers
from telemetry.alarms.vigil import Vigil
from telemetry.watch import Watch
from tests.conftest import Database
from tests.country import HANGZHOU, NANJING, everything, settled
from tests.telemetry.alarms.test_vigil import DATA, Guarded
from tests.telemetry.ground import execute, read
from tests.telemetry.test_presence import NOON, PATIENCE, SECOND

_ENROL = """with enrolled as (
    insert into registry.terminal
        (code, state, state_since, profile_id, group_client_id, region_code)
    select %s || k, 'in_service', '2026-01-01', p.id, c.id, %s
    from generate_series(1, %s) k join registry.profile p on p.code = 'meter'
    join registry.group_client c on c.code = %s returning id, code, group_client_id)
insert into registry.ownership (terminal_id, terminal_code, group_client_id, valid_from)
select id, code, group_client_id, '-infinity' from enrolled"""


class Stormy(Guarded):
    """Terminals by the city: N-1 and so on in Nanjing, H-1 and so on in Hangzhou."""

    def enrol(self, prefix: str, region: int, count: int, client: str = "power-js") -> list[str]:
        """So many more terminals, in service."""
        execute(self.database, _ENROL, prefix, region, count, client)
        rows = read(self.database, "select id, code from registry.terminal")
        self.ids |= {row["code"]: row["id"] for row in rows}
        return [f"{prefix}{k}" for k in range(1, count + 1)]

    def storms(self, *columns: str) -> list[tuple[Any, ...]]:
        """These columns of the alarms of many."""
        rows = read(self.database, "select * from telemetry.alarm where shared is not null"
                                   " order by id")  # fmt: skip
        return [tuple(row[name] for name in columns) for row in rows]

    def quiet(self) -> list[tuple[Any, ...]]:
        """How many alarms of terminals are open or not, under which storm, quiet or not."""
        rows = read(self.database, "select cleared_at is null as open, parent_id, quiet, count(*)"
                    " from telemetry.alarm where shared is null group by 1, 2, 3"
                    " order by 1 desc, 2, 3")  # fmt: skip
        return [tuple(row.values()) for row in rows]


@pytest.fixture
async def stormy(database: Database) -> AsyncIterator[Stormy]:
    """Silence is an alarm after a minute; storms begin with three of a city, six of an APN."""
    async with settled(database) as pool:
        world = Stormy(database, pool, Watch(Vigil()), {})
        await world.hold(DATA, for_seconds=60)
        execute(database, "update telemetry.storm_threshold set share = 0.5, least ="
                " case shared when 'city' then 3 when 'apn' then 6 else 1000 end")  # fmt: skip
        yield world


async def test_five_thousand_of_a_city_are_one_alarm(stormy: Stormy) -> None:
    """With a count; theirs are quiet from the first; over with their return, and so is it."""
    execute(stormy.database, "update telemetry.storm_threshold set least = 20, share = 0.2")
    city = stormy.enrol("N-", NANJING, 5_000)
    rest = stormy.enrol("H-", HANGZHOU, 100, "power-zj")
    await stormy.came(*city, *rest, when=NOON)
    await stormy.look(NOON + SECOND)
    fell = NOON + PATIENCE
    await stormy.came(*rest, when=fell)
    await stormy.look(fell + SECOND)
    begun = stormy.storms("shared", "shared_key", "region_code", "count", "raised_at", "severity")
    before = stormy.alarms("terminal")
    await stormy.look(fell + 61 * SECOND)
    gathered = stormy.quiet()
    back = fell + 120 * SECOND
    await stormy.came(*city, *rest, when=back)
    await stormy.look(back)

    assert begun == [("city", "320100", 320100, 5_000, fell, "critical")]
    assert before == []
    [(storm, cleared_at, because)] = stormy.storms("id", "cleared_at", "cleared_because")
    assert gathered == [(True, storm, True, 5_000)]
    assert (cleared_at, because) == (back, "return")
    assert stormy.quiet() == [(False, storm, True, 5_000)]


async def test_a_few_are_no_storm(stormy: Stormy) -> None:
    """Neither too few at once, nor many one after the other."""
    city = stormy.enrol("N-", NANJING, 8)
    await stormy.came(*city, when=NOON)
    for k in range(1, 20):
        await stormy.came(*city[-(8 - k // 4) :], when=NOON + k * 100 * SECOND)
        await stormy.look(NOON + k * 100 * SECOND)

    assert stormy.storms("id") == []
    assert {row[1:3] for row in stormy.quiet()} == {(None, False)}


async def test_who_stays_silent_stands_alone_when_the_storm_is_over(stormy: Stormy) -> None:
    """Another process goes on with it meanwhile; who falls much later is not of it."""
    city = stormy.enrol("N-", NANJING, 8)
    await stormy.came(*city, when=NOON)
    await stormy.look(NOON + SECOND)
    await stormy.came(*city[4:], when=NOON + 60 * SECOND)
    fell = NOON + PATIENCE
    await stormy.look(fell + SECOND)
    stormy.restart()
    await stormy.look(fell + 2 * SECOND)
    for k in range(1, 14):
        await stormy.came(*city[5 if k > 10 else 4 :], when=fell + k * 60 * SECOND)
        await stormy.look(fell + k * 60 * SECOND + SECOND)
    [(storm,)] = stormy.storms("id")
    late = fell + 900 * SECOND
    await stormy.look(late)
    lasting = stormy.quiet()
    await stormy.came(*city[1:], when=late + SECOND)
    await stormy.look(late + SECOND)

    assert lasting == [(True, storm, True, 4), (True, None, False, 1)]
    assert stormy.storms("cleared_because", "count") == [("return", 4)]
    assert stormy.quiet()[0] == (True, storm, False, 1)


async def test_a_wider_storm_takes_in_what_lies_within(stormy: Stormy) -> None:
    """Two cities fall, then all of the APN that they share: one alarm in the end."""
    codes = [*stormy.enrol("N-", NANJING, 4), *stormy.enrol("H-", HANGZHOU, 4, "power-zj")]
    others = stormy.enrol("J-", 320000, 4)
    execute(stormy.database, "insert into telemetry.identity (terminal_id, apn, heard_at, said_at)"
            " select id, 'cmiot', now(), now() from registry.terminal")  # fmt: skip
    await stormy.came(*codes, *others, when=NOON)
    await stormy.look(NOON + SECOND)
    await stormy.came(*codes[4:], *others, when=NOON + 30 * SECOND)
    await stormy.look(NOON + PATIENCE + SECOND)
    await stormy.look(NOON + PATIENCE + 100 * SECOND)

    city, apn = stormy.storms("shared", "shared_key", "region_code", "count", "cleared_because")
    assert city == ("city", "320100", 320100, 4, "storm")
    assert apn == ("apn", "cmiot", 0, 12, None)
    assert stormy.quiet() == [(True, stormy.storms("id")[1][0], True, 12)]


async def test_a_client_sees_the_storm_with_the_count_of_its_own(stormy: Stormy) -> None:
    """And does not end it for others; the operator of the region does."""
    codes = [*stormy.enrol("N-", NANJING, 3), *stormy.enrol("Z-", NANJING, 2, "power-zj")]
    await stormy.came(*codes, when=NOON)
    await stormy.look(NOON + SECOND)
    await stormy.look(NOON + PATIENCE + 61 * SECOND)
    [(storm,)] = stormy.storms("id")
    clients = {row["code"]: row["id"] for row in read(
        stormy.database, "select code, id from registry.group_client"
    )}  # fmt: skip
    own = Scope.of_role("test", Role.CLIENT_ADMIN, group_clients=frozenset({clients["power-zj"]}))
    async with transaction(stormy.pool, own.settings()) as conn:
        seen = (await desk.list_page(conn, own, quiet=False)).items
        under = (await desk.list_page(conn, own, parent=storm)).items
        with pytest.raises(AlarmOfOthers):
            await desk.acknowledge(conn, own, storm)
    async with transaction(stormy.pool, everything.settings()) as conn:
        whole = await desk.acknowledge(conn, everything, storm)
        ended = await desk.clear(conn, everything, storm)
        counted = await desk.count_open(conn, everything, quiet=False)
    await stormy.look(NOON + PATIENCE + 70 * SECOND)

    assert [(alarm.id, alarm.count, alarm.terminal) for alarm in seen] == [(storm, 2, None)]
    assert sorted(alarm.terminal or "" for alarm in under) == ["Z-1", "Z-2"]
    assert (whole.count, whole.acknowledged_by) == (5, "system:test")
    assert ended.cleared_because == "person"
    assert counted == []
    assert stormy.storms("id") == [(storm,)]


async def test_storms_are_the_headquarters_to_define(stormy: Stormy) -> None:
    """Everybody reads when there is one."""
    operator = Scope.of_role("test", Role.OPERATOR, region=RegionRange(0, 999999))
    async with transaction(stormy.pool, operator.settings()) as conn:
        read_by = await storm_thresholds.find(conn, operator, "city")
        with pytest.raises(NotPermitted):
            await storm_thresholds.change(conn, operator, "city", least=4)
    async with transaction(stormy.pool, everything.settings()) as conn:
        changed = await storm_thresholds.change(conn, everything, "city", least=4)

    assert (read_by.least, changed.least, changed.version) == (3, 4, read_by.version + 1)
