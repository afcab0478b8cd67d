"""The roll call: sums that equal the truth, whatever changed and in whatever order it commits."""

import random
from collections import Counter
from collections.abc import AsyncIterator

import psycopg
import pytest

from foundation.database import Pool, transaction
from registry import lives, ownership, terminals
from registry.model import RegionRange, TerminalState
from registry.scope import Role, Scope
from telemetry import tally
from telemetry.model import DataState
from telemetry.presence import Heard
from telemetry.roll_call import RollCall
from telemetry.tally import Count
from tests.conftest import Database
from tests.country import HANGZHOU, NANJING, everything, register, settled
from tests.telemetry.ground import connected, read

ENDS = {TerminalState.ISOLATED, TerminalState.RETIRED}
TRUTH = """
    select coalesce(t.group_client_id, 0) as client, t.region_code, t.profile_id, t.state,
        case when p.data_at is null or p.data_at < t.owner_since then 'never'
            when p.silent_since is not null then 'silent' else 'online' end as data
    from registry.terminal t left join telemetry.presence p on p.terminal_id = t.id"""


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """The small country."""
    async with settled(database) as opened:
        yield opened


def truth(database: Database) -> Counter[tuple[object, ...]]:
    """Each owner's terminals counted one by one, and all owners' together (-1)."""
    counted: Counter[tuple[object, ...]] = Counter()
    for row in read(database, TRUTH):
        _, *place = row.values()
        counted[tuple(row.values())] += 1
        counted[-1, *place] += 1
    return counted


def kept(database: Database) -> Counter[tuple[object, ...]]:
    """The sums as they are kept."""
    found = read(database, "select * from telemetry.tally where terminals <> 0")
    return Counter({tuple(row.values())[:-1]: row["terminals"] for row in found})


async def call(database: Database, caller: RollCall) -> None:
    """Turns until nobody is left to be called."""
    some_are_left = True
    while some_are_left:
        async with connected(database.jobs) as conn:
            some_are_left = await caller.turn(conn)


def heard(database: Database, terminal_id: int, *, silent: bool) -> None:
    """Data came from a terminal, or has come no longer; the watch notes both."""
    with psycopg.connect(database.jobs) as conn:
        conn.execute(
            "insert into telemetry.presence (terminal_id, data_at, silent_since)"
            " values (%s, now(), case when %s then now() end) on conflict (terminal_id)"
            " do update set data_at = excluded.data_at, silent_since = excluded.silent_since",
            (terminal_id, silent),
        )
        conn.execute(
            "insert into registry.change (kind, id) values ('presence', %s)", (terminal_id,)
        )


@pytest.mark.parametrize("seed", range(3))
async def test_sums_equal_the_truth(
    pool: Pool, database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """After random registrations, moves, transfers and silences, some of which commit late.

    The roll is called in between, a few at a time, by callers of whom some forget everything.
    """
    dice = random.Random(seed)
    monkeypatch.setattr("telemetry.roll_call.AT_ONCE", 3)
    found = await register(pool, *(f"m-{n}" for n in range(8)), region=NANJING)
    caller = RollCall()
    async with transaction(pool, everything.settings()) as late:
        await late.execute("set local idle_in_transaction_session_timeout = 0")
        [slow, *others] = found
        await terminals.move_to(late, everything, slow.code, TerminalState.MAINTENANCE)
        for step in range(20):
            one = dice.choice(others)
            match dice.randrange(6):
                case 0:
                    owner = dice.choice(["power-js", "power-zj", None])
                    await register(pool, f"n-{step}", region=HANGZHOU, group_client=owner)
                case 1:
                    async with transaction(pool, everything.settings()) as conn:
                        state = (await terminals.find(conn, everything, one.code)).state
                        ways = [way for way in lives.MOVES[state] if way not in ENDS]
                        if ways:
                            await terminals.move_to(conn, everything, one.code, dice.choice(ways))
                case 2:
                    async with transaction(pool, everything.settings()) as conn:
                        now = (await terminals.find(conn, everything, one.code)).group_client_code
                        to = "power-zj" if now == "power-js" else "power-js"
                        await ownership.transfer(conn, everything, one.code, to)
                case 3 | 4:
                    heard(database, one.id, silent=dice.random() < 0.5)
                case _:
                    await call(database, RollCall() if dice.random() < 0.3 else caller)
    await call(database, caller)

    assert kept(database) == truth(database)


async def test_a_call_that_was_not_committed_is_made_again(pool: Pool, database: Database) -> None:
    """What is in memory after a failed turn is not taken for what was noted."""
    await register(pool, "m-1", "m-2")
    caller = RollCall()
    await call(database, caller)
    await register(pool, "m-3")
    async with connected(database.jobs) as conn, conn.transaction(force_rollback=True):
        await caller.turn(conn)
    await call(database, caller)

    assert kept(database) == truth(database)


async def test_a_bulk_is_called_a_part_at_a_time(
    pool: Pool, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many that change in one transaction each turn calls some, and the last one all of them."""
    monkeypatch.setattr("telemetry.roll_call.AT_ONCE", 4)
    caller = RollCall()
    await call(database, caller)
    await register(pool, *(f"m-{n}" for n in range(10)))
    async with connected(database.jobs) as conn:
        first = await caller.turn(conn)
    some = sum(n for key, n in kept(database).items() if key[0] == -1)
    await call(database, caller)

    assert (first, some) == (True, 4)
    assert kept(database) == truth(database)


@pytest.fixture
async def counted(pool: Pool, database: Database, monkeypatch: pytest.MonkeyPatch) -> Pool:
    """Ten terminals, called; counts are exact up to three."""
    at_home = await register(pool, *(f"m-{n}" for n in range(7)), region=NANJING)
    await register(pool, "away-1", "away-2", region=HANGZHOU)
    await register(pool, "foreign", region=HANGZHOU, group_client="power-zj")
    for terminal in at_home[:5]:
        heard(database, terminal.id, silent=False)
    await call(database, RollCall())
    monkeypatch.setattr("telemetry.tally.MOST_EXACT", 3)
    return pool


SUPERVISOR = Scope.of_role("user:s", Role.SUPERVISOR, region=RegionRange(320000, 329999))
CITY = Scope.of_role("user:c", Role.SUPERVISOR, region=RegionRange(330100, 330199))


@pytest.mark.parametrize(
    ("scope", "filters", "expected"),
    [
        (everything, {}, Count(10, exact=False)),
        (SUPERVISOR, {}, Count(9, exact=False)),  # and what its client has elsewhere
        (CITY, {}, Count(3)),
        (everything, {"region": RegionRange(320000, 329999)}, Count(7, exact=False)),
        (everything, {"data": Heard.ONLINE}, Count(5, exact=False)),
        (everything, {"data": Heard.ABSENT}, Count(5, exact=False)),
        (everything, {"data": Heard.SILENT}, Count(0)),
        (everything, {"state": TerminalState.RETIRED}, Count(0)),
        (everything, {"prefix": "m-"}, Count(7, exact=False)),  # by lot: all of so few are drawn
        (SUPERVISOR, {"prefix": "away"}, Count(2)),
    ],
)
async def test_counts_are_exact_and_then_about_right(
    counted: Pool, scope: Scope, filters: dict[str, object], expected: Count
) -> None:
    """Up to a bound each is counted; beyond it, sums or lots say how many, of the scope's alone."""
    async with transaction(counted, scope.settings()) as conn:
        found = await tally.count(conn, scope, **filters)  # type: ignore[arg-type]

    assert found == expected


async def test_the_fleet_is_summed_where_it_is_large(counted: Pool) -> None:
    """The same parts by sums as counted one by one, for each scope; only the sums have an age."""
    for scope in (everything, SUPERVISOR, CITY):
        async with transaction(counted, scope.settings()) as conn:
            summed = await tally.fleet(conn, scope)
            exact = await tally._parts(conn, scope, tally.sql.sum_fleet)
        assert summed.parts == exact
        assert (summed.as_of is not None) == (scope is not CITY)
    assert sum(p.terminals for p in exact if p.data is DataState.NEVER) == 3


async def test_a_region_with_nothing_is_counted(counted: Pool) -> None:
    """Nobody in sight: none, exactly."""
    nowhere = Scope.of_role("user:n", Role.SUPERVISOR, region=RegionRange(110000, 119999))
    async with transaction(counted, nowhere.settings()) as conn:
        assert await tally.count(conn, nowhere) == Count(0)
        assert (await tally.fleet(conn, nowhere)).parts == ()
