"""Assignments: one account manager at each moment, at most one agent, and what both see by it."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.database import Connection, Pool, transaction
from foundation.errors import Invalid, MusterError
from foundation.migrate import scripts
from registry import assignments, group_clients, sessions, terminal_lists, users
from registry.assignment_errors import (
    AssignmentBegun,
    HandOverPlanned,
    HandOverTooEarly,
    ManagerNeeded,
    NotServed,
    PersonCannotServe,
    ServedAlready,
    StillServes,
)
from registry.assignments import Order
from registry.errors import GroupClientNotFound
from registry.model import RegionRange
from registry.rules import Demand, Rules
from registry.scope import RightMissing, Role, Scope
from tests.conftest import Database
from tests.country import JIANGSU, everything, register
from tests.registry.test_transfer_races import at_once

PASSWORD = "four words are enough"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
AHEAD = timedelta(hours=1)
LAX = Rules(second_factor=Demand.OFF)


@pytest.fixture
async def staff(pool: Pool) -> Pool:
    """The country with three account managers and two agents, who serve nobody yet."""
    async with transaction(pool, everything.settings()) as conn:
        for name in ("ann", "bob", "cem"):
            await appoint(conn, name, Role.ACCOUNT_MANAGER)
        for name in ("sid", "tom"):
            await appoint(conn, name, Role.AGENT)
    return pool


async def appoint(conn: Connection, name: str, role: Role, *clients: str) -> None:
    await users.appoint(
        conn, everything, name=name, password=PASSWORD, role=role, group_clients=clients
    )


async def assign(pool: Pool, person: str, *codes: str, at: datetime | None = None) -> int:
    async with transaction(pool, everything.settings()) as conn:
        return await assignments.assign(conn, everything, person, Order(codes, at))


async def hand_over(
    pool: Pool, giving: str, receiving: str | None, *codes: str, at: datetime | None = None
) -> int:
    async with transaction(pool, everything.settings()) as conn:
        order = Order(codes, at, "as agreed")
        return await assignments.hand_over(conn, everything, giving, receiving, order)


async def served(pool: Pool, at: datetime | None = None) -> list[tuple[str, str]]:
    """Whom everybody serves at an instant, by client and person."""
    async with transaction(pool, everything.settings()) as conn:
        page = await assignments.list_page(conn, everything, at=at or datetime.now(UTC), limit=1000)
    return sorted((a.group_client_code, a.person) for a in page.items)


async def seen_by(pool: Pool, name: str) -> set[str]:
    """The clients that a person who signs in sees."""
    async with transaction(pool) as conn:
        scope = (await sessions.open(conn, name, PASSWORD, rules=LAX)).scope
    async with transaction(pool, scope.settings()) as conn:
        page = await group_clients.list_page(conn, scope)
        listed = await terminal_lists.list_page(conn, scope)
    codes = {client.code for client in page.items}
    assert {terminal.group_client_code for terminal in listed.items} <= codes
    return codes


async def test_a_hand_over_moves_what_both_see_at_once(staff: Pool) -> None:
    """The new interval begins where the old one ends, and the scope of both follows."""
    await register(staff, "m-1")
    await assign(staff, "ann", "power-js", "power-zj", at=NOON)
    before = await seen_by(staff, "ann"), await seen_by(staff, "bob")

    assert await hand_over(staff, "ann", "bob", "power-js") == 1

    after = await seen_by(staff, "ann"), await seen_by(staff, "bob")
    assert before == ({"power-js", "power-zj"}, set())
    assert after == ({"power-zj"}, {"power-js"})
    async with transaction(staff, everything.settings()) as conn:
        new, old = (await assignments.list_page(conn, everything, group_client="power-js")).items
    assert (old.person, old.valid_from, old.valid_to) == ("ann", NOON, new.valid_from)
    assert (new.person, new.valid_to, new.note) == ("bob", None, "as agreed")
    assert new.assigned_by == old.ended_by == everything.actor


async def test_what_lies_ahead_happens_by_time_alone(staff: Pool, database: Database) -> None:
    """Nothing has to be written when the time has come; until then nothing is changed."""
    await assign(staff, "ann", "power-js", at=NOON)
    later = datetime.now(UTC) + AHEAD
    await hand_over(staff, "ann", "bob", "power-js", at=later)

    assert await seen_by(staff, "ann") == {"power-js"}
    assert await seen_by(staff, "bob") == set()
    assert await served(staff, later) == [("power-js", "bob")]
    with psycopg.connect(database.superuser) as conn:
        conn.execute("set session_replication_role = replica")  # two hours pass
        conn.execute(
            "update registry.assignment set valid_from = valid_from - interval '2 h',"
            " valid_to = valid_to - interval '2 h'"
        )
    assert await seen_by(staff, "ann") == set()
    assert await seen_by(staff, "bob") == {"power-js"}


async def test_what_lies_ahead_can_be_called_off(staff: Pool) -> None:
    """Who was to hand over serves on; what has begun is not called off."""
    await assign(staff, "ann", "power-js", at=NOON)
    await hand_over(staff, "ann", "bob", "power-js", at=datetime.now(UTC) + AHEAD)
    with pytest.raises(HandOverPlanned):
        await hand_over(staff, "ann", "cem", "power-js")

    async with transaction(staff, everything.settings()) as conn:
        new, old = (await assignments.list_page(conn, everything)).items
        await assignments.call_off(conn, everything, new.id)
        [left] = (await assignments.list_page(conn, everything)).items
        with pytest.raises(AssignmentBegun):
            await assignments.call_off(conn, everything, old.id)
    assert (left.person, left.valid_to, left.ended_by) == ("ann", None, None)


async def test_what_cannot_be_is_refused(staff: Pool) -> None:
    """Each with its own reason, and nothing is half done."""
    await assign(staff, "ann", "power-js", at=NOON)
    await assign(staff, "sid", "power-js", at=NOON)
    refused = [
        (ServedAlready, assign(staff, "bob", "power-zj", "power-js")),
        (NotServed, hand_over(staff, "bob", "cem", "power-js")),
        (NotServed, hand_over(staff, "ann", "bob", "power-js", "power-zj")),
        (NotServed, hand_over(staff, "sid", "bob", "power-js")),  # an agent's to an agent
        (NotServed, hand_over(staff, "ann", None, "power-js")),  # only of an agent
        (HandOverTooEarly, hand_over(staff, "ann", "bob", "power-js", at=NOON)),
        (PersonCannotServe, assign(staff, "zoe", "power-zj")),
        (Invalid, hand_over(staff, "ann", "ann", "power-js")),
        (Invalid, assign(staff, "ann", "power-zj", "power-zj")),
        (Invalid, assign(staff, "ann", "power-zj", at=datetime.now(UTC) + timedelta(days=400))),
        (GroupClientNotFound, assign(staff, "ann", "power-zj", "nobody")),
    ]

    for expected, act in refused:
        with pytest.raises(expected):
            await act
    assert await served(staff) == [("power-js", "ann"), ("power-js", "sid")]


async def test_an_agent_may_go_without_a_successor(staff: Pool) -> None:
    """The client has none then, and can be given another one later."""
    await assign(staff, "sid", "power-js", at=NOON)

    await hand_over(staff, "sid", None, "power-js", at=NOON + AHEAD)

    assert await served(staff) == []
    with pytest.raises(HandOverTooEarly):
        await assign(staff, "tom", "power-js", at=NOON)
    await assign(staff, "tom", "power-js", at=NOON + 2 * AHEAD)
    assert await served(staff) == [("power-js", "tom")]


async def test_the_database_leaves_nobody_without_and_changes_nothing_past(staff: Pool) -> None:
    """Whoever writes intervals by hand can neither end the last one nor touch what was."""
    await assign(staff, "ann", "power-js", at=NOON)
    await hand_over(staff, "ann", "bob", "power-js", at=NOON + AHEAD)

    beside = (
        "insert into registry.assignment (group_client_id, role, person, valid_from, valid_to,"
        " assigned_by) select group_client_id, role, 'cem', valid_from - interval '1 h',"
        " valid_from + interval '1 s', 'x' from registry.assignment where person = 'ann'"
    )
    for statement, refusal in (
        ("update registry.assignment set valid_to = now() where valid_to is null", ManagerNeeded),
        ("update registry.assignment set valid_to = now() where person = 'ann'", AssignmentBegun),
        ("delete from registry.assignment where person = 'ann'", AssignmentBegun),
        (beside, ServedAlready),
    ):
        with pytest.raises(refusal):
            async with transaction(staff, everything.settings()) as conn:
                await conn.execute(statement.encode())


async def test_an_account_follows_whom_its_holder_serves(staff: Pool) -> None:
    """Appointed with clients they serve them; who serves keeps the role, and is let go any time."""
    async with transaction(staff, everything.settings()) as conn:
        await appoint(conn, "dan", Role.ACCOUNT_MANAGER, "power-js")
        dan = await users.find(conn, everything, "dan")
        with pytest.raises(StillServes):
            await users.change(conn, everything, "dan", role=Role.AGENT)
        with pytest.raises(StillServes):
            await users.change(conn, everything, "dan", group_clients=["power-zj"])
        more = await users.change(conn, everything, "dan", group_clients=["power-js", "power-zj"])
        out = await users.change(conn, everything, "dan", disabled=True)
        of_client = await users.list_page(conn, everything, group_client="power-zj")
        with pytest.raises(PersonCannotServe):
            await assignments.assign(conn, everything, "dan", Order(["power-js"]))
        people = await assignments.list_people(conn, everything, role=Role.ACCOUNT_MANAGER)
    assert dan.group_client_codes == ("power-js",)
    assert more.group_client_codes == out.group_client_codes == ("power-js", "power-zj")
    assert [user.name for user in of_client.items] == ["dan"]
    assert [(p.name, p.in_force, p.clients) for p in people.items] == [
        ("ann", True, 0), ("bob", True, 0), ("cem", True, 0), ("dan", False, 2),
    ]  # fmt: skip


async def test_each_sees_the_assignments_of_the_own_clients(staff: Pool) -> None:
    """A supervisor those of the region, an account manager those of the own; no client any."""
    await assign(staff, "ann", "power-js")
    await assign(staff, "bob", "power-zj")
    jiangsu = RegionRange(JIANGSU, JIANGSU + 9999)
    async with transaction(staff, everything.settings()) as conn:
        of_js = frozenset({(await group_clients.find(conn, everything, "power-js")).id})
    for scope in (
        Scope.of_role("user:s", Role.SUPERVISOR, region=jiangsu),
        Scope.of_role("user:ann", Role.ACCOUNT_MANAGER, group_clients=of_js),
    ):
        async with transaction(staff, scope.settings()) as conn:
            listed = await assignments.list_page(conn, scope)
            people = await assignments.list_people(conn, scope)
            with pytest.raises(RightMissing):
                await assignments.assign(conn, scope, "cem", Order(["power-js"]))
        assert [a.person for a in listed.items] == [p.name for p in people.items] == ["ann"]
    operator = Scope.of_role("user:o", Role.OPERATOR, region=jiangsu)
    async with transaction(staff, operator.settings()) as conn:
        with pytest.raises(GroupClientNotFound):
            await assignments.hand_over(conn, operator, "bob", "cem", Order(["power-zj"]))
        assert await assignments.list_served(conn, operator, "bob") == ()
    client = Scope.of_role("user:c", Role.CLIENT_ADMIN, group_clients=of_js)
    async with transaction(staff, client.settings()) as conn:
        with pytest.raises(RightMissing):
            await assignments.list_page(conn, client)


async def test_of_two_hand_overs_of_one_client_one_wins(staff: Pool, database: Database) -> None:
    """The second one is told that the client is not theirs to hand over any more."""
    await assign(staff, "ann", "power-js", "power-zj", at=NOON)

    outcomes = await at_once(
        database,
        "group_client",
        hand_over(staff, "ann", "bob", "power-js"),
        hand_over(staff, "ann", "cem", "power-zj", "power-js"),
    )

    [number] = [outcome for outcome in outcomes if isinstance(outcome, int)]
    [error] = [outcome for outcome in outcomes if not isinstance(outcome, int)]
    assert isinstance(error, NotServed)
    [(_, js), (_, zj)] = await served(staff)
    assert (number, js, zj) in {(1, "bob", "ann"), (2, "cem", "cem")}


async def test_of_two_first_assignments_one_wins(staff: Pool, database: Database) -> None:
    """Two who are given one client at once: it is one of them who serves it."""
    outcomes = await at_once(
        database,
        "group_client",
        assign(staff, "ann", "power-js"),
        assign(staff, "bob", "power-js"),
    )

    assert outcomes.count(1) == 1
    assert [type(outcome) for outcome in outcomes if outcome != 1] == [ServedAlready]
    assert len(await served(staff)) == 1


async def test_a_thousand_clients_are_handed_over_in_one_act(
    staff: Pool, database: Database
) -> None:
    """All of them, and not one more."""
    with psycopg.connect(database.superuser) as conn:
        conn.execute(
            "insert into registry.group_client (code, name, region_code, level, industry_code,"
            " tier_code) select 'c-' || n, 'c', 320000, 'province', 'power', 'gold'"
            " from generate_series(1, 1001) n"
        )
    codes = [f"c-{n}" for n in range(1, 1001)]
    assert await assign(staff, "ann", *codes, at=NOON) == 1000

    async with transaction(staff, everything.settings()) as conn:
        found = await assignments.list_served(conn, everything, "ann")
    assert await hand_over(staff, "ann", "bob", *found) == 1000

    assert {person for _, person in await served(staff)} == {"bob"}
    with pytest.raises(Invalid):
        await assign(staff, "ann", *codes, "c-1001")


async def test_lists_of_before_become_assignments(staff: Pool, database: Database) -> None:
    """Upgrading, a client on two lists goes to who was appointed first and can sign in."""
    [script] = [script for script in scripts("migrations") if "assignments" in script.name]
    _, mark, moving = script.text.partition("insert into registry.assignment")
    with psycopg.connect(database.superuser) as conn:
        conn.execute("alter table registry.user_account drop constraint who_serves_has_no_list")
        conn.execute(
            "update registry.user_account set group_client_ids = array(select id from"
            " registry.group_client), disabled_at = case name when 'ann' then now() end"
            " where name in ('ann', 'bob', 'cem', 'sid')"
        )
        conn.execute("drop index registry.group_client_work")
        conn.execute((mark + moving).encode())

    assert await served(staff) == [
        ("power-js", "bob"), ("power-js", "sid"), ("power-zj", "bob"), ("power-zj", "sid"),
    ]  # fmt: skip
    assert await seen_by(staff, "bob") == {"power-js", "power-zj"}
    assert await seen_by(staff, "cem") == set()


numbers = itertools.count(1)
managers = st.sampled_from(["ann", "bob", "cem"])
minutes = st.integers(-3, 12)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.tuples(managers, managers, minutes), max_size=8))
async def test_any_timeline_is_that_of_what_was_let_through(
    staff: Pool, steps: list[tuple[str, str, int]]
) -> None:
    """Whatever is asked in whatever order, at each minute there serves who served in a model.

    The model knows nothing of intervals: it paints minutes. What was painted is only painted over
    from an instant after the last change, and by who served then.
    """
    code = f"c-{next(numbers)}"
    async with transaction(staff, everything.settings()) as conn:
        await group_clients.register(
            conn, everything, code=code, name=code, region=JIANGSU, industry="power", tier="gold"
        )
    painted: dict[int, str] = {}
    last_change: int | None = None
    for giving, receiving, minute in steps:
        at = NOON + timedelta(minutes=minute)
        act = (
            assign(staff, receiving, code, at=at)
            if last_change is None
            else hand_over(staff, giving, receiving, code, at=at)
        )
        fits = last_change is None or (
            painted[12] == giving and giving != receiving and minute > last_change
        )
        if not fits:
            with pytest.raises(MusterError):
                await act
            continue
        await act
        last_change = minute
        painted |= dict.fromkeys(range(minute, 13), receiving)

    for minute in range(-3, 13):
        found = await served(staff, NOON + timedelta(minutes=minute))
        expected = [(code, painted[minute])] if minute in painted else []
        assert [pair for pair in found if pair[0] == code] == expected


async def test_simultaneous_role_change_and_assignment(staff: Pool) -> None:
    """Whoever comes first: nobody serves in a role that is not theirs."""

    async def change() -> None:
        async with transaction(staff, everything.settings()) as conn:
            await users.change(conn, everything, "ann", role=Role.AGENT)

    outcomes = await asyncio.gather(
        change(), assign(staff, "ann", "power-js"), return_exceptions=True
    )

    async with transaction(staff, everything.settings()) as conn:
        ann = await users.find(conn, everything, "ann")
        listed = (await assignments.list_page(conn, everything)).items
    assert not any(isinstance(outcome, AssertionError) for outcome in outcomes)
    assert {a.role for a in listed} <= {ann.role}
