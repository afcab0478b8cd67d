"""Who is there: two facts of each terminal, told by time in which somebody listened."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import psycopg
import pytest

from foundation.database import Pool, transaction
from registry import ownership, profiles
from registry.errors import TerminalNotFound
from registry.model import Sector
from registry.scope import Role, Scope
from telemetry import latest, presence, tally
from telemetry.model import DataState, Event, Presence, PresenceChange, SessionState
from telemetry.presence import Heard
from telemetry.sight import unix_us
from telemetry.watch import Watch
from tests.conftest import Database
from tests.country import ZHEJIANG, everything, register, settled
from tests.telemetry.ground import connected, execute, read, rows_of, writing

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
VOLTAGE: Mapping[str, float] = {"voltage_a": 230.0}
PATIENCE = 120 * SECOND  # a minute's interval, twice: the clients' tier is gold


@dataclass
class World:
    """Terminals M-1 to M-4 of `power-js`, a bridge, and a watch over them."""

    database: Database
    pool: Pool
    watch: Watch
    ids: dict[str, int]

    async def came(
        self,
        *codes: str,
        when: datetime,
        after: timedelta = 2 * SECOND,
        values: Mapping[str, float] = VOLTAGE,
    ) -> None:
        """A reading of each terminal comes, so long after it was measured, and is stored."""
        async with transaction(self.pool, everything.settings()) as conn:
            meter = await profiles.find(conn, everything, "meter")
        us = unix_us(when - after)
        readings = [(self.ids[code], us, dict(values)) for code in codes]
        rows = replace(rows_of(meter, readings), received_us=np.full(len(codes), unix_us(when)))
        async with writing(self.database) as writer, writer.transaction() as work:
            await work.store(rows)

    async def told(self, *said: tuple[str, bool | None, datetime]) -> None:
        """Terminals say, in this order, that their session is up or gone, or anything else."""
        events = [
            Event(
                self.ids[code],
                unix_us(when) + k,
                unix_us(when),
                "session",
                "minor",
                str(k),
                None,
                up,
            )
            for k, (code, up, when) in enumerate(said)
        ]
        async with writing(self.database) as writer, writer.transaction() as work:
            await work.record(events)

    async def look(
        self, heard_until: datetime, *, since: datetime = NOON, watch: Watch | None = None
    ) -> int:
        """Everything until then is heard, by a bridge that listened since `since`."""
        execute(
            self.database,
            "insert into telemetry.bridge (name, heard_until, listening_since)"
            " values ('bridge-1', %s, %s) on conflict (name) do update"
            " set heard_until = excluded.heard_until, listening_since = excluded.listening_since",
            *(heard_until, since),
        )
        async with connected(self.database.jobs) as conn:
            return await (watch or self.watch).turn(conn)

    async def caught_up(self) -> None:
        """The newest values are known, too."""
        async with connected(self.database.jobs) as conn:
            await latest.catch_up(conn)

    async def known(self, code: str, scope: Scope = everything) -> Presence:
        """What a scope is told of a terminal."""
        async with transaction(self.pool, scope.settings()) as conn:
            return (await presence.of(conn, scope, [self.ids[code]]))[self.ids[code]]

    async def changes(self, code: str, scope: Scope = everything) -> list[PresenceChange]:
        """A terminal's changes, oldest first."""
        async with transaction(self.pool, scope.settings()) as conn:
            page = await presence.list_changes(conn, scope, code, start=NOON - 9 * SECOND)
        return list(reversed(page.items))

    async def listed(self, **filters: object) -> list[int]:
        """The ids of terminals that a filter finds."""
        async with transaction(self.pool, everything.settings()) as conn:
            page = await presence.list_terminals(conn, everything, **filters)  # type: ignore[arg-type]
        return [found.terminal.id for found in page.items]


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """Nothing was heard yet; the bridge listens since noon."""
    async with settled(database) as pool:
        found = await register(pool, "M-1", "M-2", "M-3", "M-4")
        yield World(database, pool, Watch(), {t.code: t.id for t in found})


def data(*changes: tuple[datetime, bool]) -> Sequence[PresenceChange]:
    """Changes of the fact that data comes."""
    return [PresenceChange(time, "data", present) for time, present in changes]


def session(*changes: tuple[datetime, bool]) -> Sequence[PresenceChange]:
    """Changes of the fact that there is a session."""
    return [PresenceChange(time, "session", present) for time, present in changes]


async def test_data_is_awaited_for_the_tier_s_patience(world: World) -> None:
    """Silent from the moment at which patience ran out, not from when somebody looked."""
    await world.came("M-1", when=NOON)
    await world.look(NOON + PATIENCE)
    awaited = await world.known("M-1")
    await world.look(NOON + 5 * PATIENCE)
    silent = await world.known("M-1")
    await world.came("M-1", when=NOON + 6 * PATIENCE)
    await world.look(NOON + 6 * PATIENCE)

    assert (awaited.data, awaited.data_at) == (DataState.ONLINE, NOON)
    assert (silent.data, silent.silent_since) == (DataState.SILENT, NOON + PATIENCE)
    assert (await world.known("M-1")).data is DataState.ONLINE
    assert (await world.known("M-2")).data is DataState.NEVER
    assert await world.changes("M-1") == data(
        (NOON, True), (NOON + PATIENCE, False), (NOON + 6 * PATIENCE, True)
    )


async def test_what_is_sent_late_is_no_sign_of_presence(world: World) -> None:
    """Readings of an hour ago, kept back and sent now, say that there is a session, not data."""
    await world.told(("M-1", False, NOON))
    await world.came("M-1", when=NOON + SECOND, after=timedelta(hours=1))
    await world.came("M-2", when=NOON + SECOND, after=timedelta(minutes=29))
    await world.look(NOON + 2 * SECOND)

    assert (await world.known("M-1")).data is DataState.NEVER
    assert (await world.known("M-1")).session is SessionState.ONLINE
    assert (await world.known("M-2")).data is DataState.ONLINE


async def test_a_silence_that_nobody_looked_at_is_noted(world: World) -> None:
    """A follower that was away finds the same changes as one that was there."""
    await world.came("M-1", when=NOON)
    await world.came("M-1", when=NOON + 60 * SECOND)
    await world.came("M-1", when=NOON + 5 * PATIENCE)
    await world.look(NOON + 5 * PATIENCE + SECOND)

    assert await world.changes("M-1") == data(
        (NOON, True), (NOON + 60 * SECOND + PATIENCE, False), (NOON + 5 * PATIENCE, True)
    )


async def test_nobody_is_silent_while_nobody_listens(world: World) -> None:
    """An outage of ours takes nobody's patience: all of it is left when we are back."""
    await world.came("M-1", "M-2", "M-3", when=NOON + SECOND)
    await world.look(NOON + 10 * SECOND)
    back = NOON + timedelta(hours=2)
    # The first batch after the outage is there before the bridge has told that it is back.
    await world.came("M-1", when=back + SECOND)
    await world.look(NOON + 10 * SECOND)
    await world.look(back + 2 * SECOND, since=back)
    after = await world.listed(data=Heard.SILENT)
    await world.came("M-2", when=back + PATIENCE - SECOND)
    await world.look(back + PATIENCE + SECOND, since=back)

    assert after == []
    assert await world.listed(data=Heard.SILENT) == [world.ids["M-3"]]
    assert (await world.known("M-3")).silent_since == back + PATIENCE
    assert await world.changes("M-1") == data((NOON + SECOND, True))
    assert await world.changes("M-2") == data((NOON + SECOND, True))


async def test_who_was_silent_before_an_outage_stays_silent(world: World) -> None:
    """An outage gives nothing back."""
    await world.came("M-1", when=NOON)
    await world.look(NOON + 2 * PATIENCE)
    back = NOON + timedelta(hours=2)
    await world.look(back + SECOND, since=back)

    assert (await world.known("M-1")).silent_since == NOON + PATIENCE
    assert len(await world.changes("M-1")) == 2


async def test_a_restart_changes_nothing(world: World) -> None:
    """Another process, or one whose turn was not committed, goes on with what is kept."""
    await world.came("M-1", "M-2", when=NOON)
    await world.told(("M-1", True, NOON))
    await world.look(NOON + 2 * PATIENCE)
    await world.came("M-2", when=NOON + 2 * PATIENCE)
    before = [await world.changes(code) for code in ("M-1", "M-2")]
    try:
        async with connected(world.database.jobs) as conn:
            await world.watch.turn(conn)
            raise ConnectionError  # before the commit
    except ConnectionError:
        pass
    lost = [await world.changes(code) for code in ("M-1", "M-2")]
    other = Watch()
    await world.look(NOON + 2 * PATIENCE + SECOND, watch=other)
    await world.look(NOON + 2 * PATIENCE + 2 * SECOND)
    await world.look(NOON + 2 * PATIENCE + 3 * SECOND, watch=other)

    assert lost == before
    assert (await world.known("M-1")).session is SessionState.ONLINE
    assert (await world.known("M-1")).data is DataState.SILENT
    assert await world.changes("M-2") == [
        *before[1],
        *data((NOON + 2 * PATIENCE, True)),
    ]


async def test_a_session_is_there_without_data(world: World) -> None:
    """Who keeps its connection alive and measures nothing is online and silent: two facts."""
    await world.came("M-1", when=NOON)
    await world.told(("M-1", True, NOON + SECOND))
    await world.look(NOON + 2 * PATIENCE)

    known = await world.known("M-1")
    assert (known.session, known.session_since) == (SessionState.ONLINE, NOON + SECOND)
    assert known.data is DataState.SILENT
    assert (await world.known("M-2")).session is SessionState.UNKNOWN


async def test_at_one_moment_the_last_word_holds(world: World) -> None:
    """A reconnection brings the old session's will and the new one's hello in one read."""
    await world.told(("M-1", True, NOON), ("M-2", True, NOON))
    await world.look(NOON)
    then = NOON + SECOND
    await world.told(("M-1", False, then), ("M-1", True, then))
    await world.told(("M-2", True, then), ("M-2", False, then))
    await world.came("M-2", when=then)
    await world.look(then)

    assert (await world.known("M-1")).session is SessionState.ONLINE
    assert (await world.known("M-2")).session is SessionState.OFFLINE
    assert await world.changes("M-2") == [
        *session((NOON, True)),
        *data((then, True)),
        *session((then, False)),
    ]


async def test_who_speaks_has_a_session(world: World) -> None:
    """A terminal whose will came and that sends again is online, hello or not."""
    await world.told(("M-1", False, NOON), ("M-2", False, NOON), ("M-3", False, NOON + 9 * SECOND))
    await world.came("M-1", "M-3", when=NOON + SECOND)
    await world.told(("M-2", None, NOON + 2 * SECOND))
    await world.look(NOON + 9 * SECOND)

    assert [await world.changes(code) for code in ("M-1", "M-2")] == [
        [*data((NOON + SECOND, True)), *session((NOON + SECOND, True))],
        session((NOON + 2 * SECOND, True)),
    ]
    assert (await world.known("M-3")).session is SessionState.OFFLINE
    assert (await world.known("M-2")).data is DataState.NEVER


@pytest.mark.parametrize("event", ["session_lost_at", "broker_started_at"])
async def test_what_was_said_of_a_lost_session_is_unknown(world: World, event: str) -> None:
    """While the broker was away or had forgotten us, wills went nowhere; later words count."""
    await world.told(("M-1", True, NOON), ("M-2", True, NOON), ("M-3", False, NOON))
    await world.look(NOON)
    execute(world.database, f"update telemetry.bridge set {event} = %s", NOON + 5 * SECOND)
    await world.came("M-2", when=NOON + 6 * SECOND)
    await world.look(NOON + 7 * SECOND)

    found = [(await world.known(code)).session for code in ("M-1", "M-2", "M-3")]
    assert found == [SessionState.UNKNOWN, SessionState.ONLINE, SessionState.UNKNOWN]
    assert await world.listed(session=SessionState.ONLINE) == [world.ids["M-2"]]


async def test_a_new_owner_learns_nothing_of_the_old_one_s_time(world: World) -> None:
    """Data and changes of before the transfer are for the owner of then."""
    await world.came("M-1", when=NOON)
    await world.told(("M-1", True, NOON))
    await world.look(NOON + 2 * PATIENCE)
    async with transaction(world.pool, everything.settings()) as conn:
        await ownership.transfer(
            conn, everything, "M-1", "power-zj", effective_at=NOON + timedelta(hours=1)
        )
    clients = {
        row["code"]: row["id"]
        for row in read(world.database, "select code, id from registry.group_client")
    }
    old, new = (
        Scope.of_role("test", Role.CLIENT_VIEWER, group_clients=frozenset({clients[code]}))
        for code in ("power-js", "power-zj")
    )
    seen = await world.known("M-1", new)

    assert (seen.data, seen.silent_since) == (DataState.NEVER, None)
    assert (seen.session, seen.session_since) == (
        SessionState.ONLINE,
        NOON + timedelta(hours=1),
    )
    assert await world.changes("M-1", new) == []
    assert len(await world.changes("M-1", old)) == 3
    assert await world.known("M-1", old) == Presence()
    with pytest.raises(TerminalNotFound):
        await world.changes("M-4", new)


async def test_lists_and_counts_agree(world: World) -> None:
    """Each filter finds those whom the counts count."""
    await world.came("M-1", "M-2", when=NOON)
    await world.look(NOON + 2 * PATIENCE)
    await world.came("M-2", when=NOON + 2 * PATIENCE)
    await world.look(NOON + 2 * PATIENCE)
    await register(world.pool, "Z-1", region=ZHEJIANG, group_client=None)
    async with transaction(world.pool, everything.settings()) as conn:
        counted = (await tally.fleet(conn, everything)).parts
        absent = partial(presence.list_terminals, conn, everything, data=Heard.ABSENT)
        first = await absent(limit=2)
        rest = await absent(after=first.next_key)
        plain = await presence.list_terminals(conn, everything)
        clock = await presence.clock(conn, everything)

    assert [(part.province_code, part.data, part.terminals) for part in counted] == [
        (320000, DataState.NEVER, 2),
        (320000, DataState.ONLINE, 1),
        (320000, DataState.SILENT, 1),
        (330000, DataState.NEVER, 1),
    ]
    found = [(row.terminal.code, row.presence.data) for row in (*first.items, *rest.items)]
    never = DataState.NEVER
    assert found == [
        ("M-1", DataState.SILENT),
        *((code, never) for code in ("M-3", "M-4", "Z-1")),
    ]
    assert [row.presence.data for row in plain.items][:2] == [DataState.SILENT, DataState.ONLINE]
    assert await world.listed(data=Heard.ONLINE) == [world.ids["M-2"]]
    assert len(await world.listed(data=Heard.NEVER, prefix="M-")) == 2
    assert await world.listed(sector=Sector.TRANSPORT) == []
    assert clock.as_of == NOON + 2 * PATIENCE


async def test_a_longer_patience_ends_a_silence(world: World) -> None:
    """Another interval or tier holds for those who are silent, too, when it is learned."""
    await world.came("M-1", when=NOON)
    await world.look(NOON + 2 * PATIENCE)
    execute(world.database, "update registry.tier set offline_factor = 100")
    await world.look(NOON + 3 * PATIENCE, watch=Watch())

    assert (await world.known("M-1")).data is DataState.ONLINE
    assert (await world.changes("M-1"))[-1] == PresenceChange(NOON + 3 * PATIENCE, "data", True)


def test_no_bridge_has_told_of_its_hearing_yet(database: Database) -> None:
    """A fresh database has one clock, which stands nowhere."""
    with psycopg.connect(database.superuser) as conn:
        rows = conn.execute("select turn, as_of from telemetry.presence_clock").fetchall()
    assert rows == [(0, None)]
