"""The life of a SIM: the table, who may walk it, the history it leaves, periods that end."""

import itertools
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.database import Pool, open_pool, transaction
from registry import group_clients, sim_life, sim_lists, sims
from registry.errors import TransitionRefused
from registry.identifiers import Iccid
from registry.model import RegionRange, SetBy, SimState
from registry.scope import Role, Scope
from registry.sim_errors import PeriodOver, PeriodPast, PeriodsDisordered, SimIsInstalled
from registry.sim_lists import Search
from registry.sim_model import Sim, StateChange
from tests.conftest import Database
from tests.country import JIANGSU, everything, register

CARD = Iccid.parse("89860012345678901234")
S = SimState
OPERATOR = Scope.of_role("user:olga", Role.ADMIN)
DAY = timedelta(days=1)
HORIZON = datetime(2020, 1, 1, tzinfo=UTC)


async def client_of(pool: Pool, code: str = "power-js", role: Role = Role.CLIENT_ADMIN) -> Scope:
    async with transaction(pool, everything.settings()) as conn:
        client = await group_clients.find(conn, everything, code)
    return Scope.of_role(f"user:{role}", role, group_clients=frozenset({client.id}))


async def moved(pool: Pool, scope: Scope, to: SimState, iccid: Iccid = CARD) -> Sim:
    async with transaction(pool, scope.settings()) as conn:
        return await sims.move(conn, scope, iccid, to)


async def registered(pool: Pool, iccid: Iccid = CARD, **given_: object) -> Sim:
    """A SIM of power-js, in use unless said otherwise."""
    wanted = {"state": S.ACTIVE, "group_client": "power-js"} | given_
    async with transaction(pool, OPERATOR.settings()) as conn:
        return await sims.register(conn, OPERATOR, iccid=iccid, region=JIANGSU, **wanted)  # type: ignore[arg-type]


def make_due(database: Database, iccid: Iccid = CARD) -> None:
    """Let a day and more go by for the periods of a SIM."""
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute(
            "update registry.sim set test_until = test_until - interval '40 days',"
            " silent_until = silent_until - interval '40 days' where iccid = %s",
            (str(iccid),),
        )


async def ended(database: Database, most: int = sims.MOST_ENDED) -> int:
    """What the jobs do, as their role."""
    jobs = Scope.system("jobs")
    async with (
        await open_pool(database.jobs, name="jobs", max_size=1) as pool,
        transaction(pool, jobs.settings()) as conn,
    ):
        return await sims.end_periods(conn, jobs, most)


def test_the_table_is_the_life_of_the_product() -> None:
    """Forward, past periods that a SIM does not have; back from suspended only; and to its end."""
    order = [S.INVENTORY, S.TESTING, S.SILENT, S.ACTIVE, S.SUSPENDED, S.PRE_CANCELLED, S.CANCELLED]
    ways = {
        (a, b) for a, to in sim_life.TRANSITIONS.items() for b in to if S.TRANSFERRING not in (a, b)
    }
    back = {(a, b) for a, b in ways if order.index(b) < order.index(a)}

    assert set(itertools.pairwise(order)) - ways == set()
    assert back == {(S.SUSPENDED, S.ACTIVE)}
    assert {a for a, b in ways if b is S.CANCELLED} == {S.PRE_CANCELLED}
    assert sim_life.TRANSITIONS[S.CANCELLED] == {}
    of_clients = {
        (a, b) for a, to in sim_life.TRANSITIONS.items() for b in to if SetBy.CLIENT in to[b]
    }
    assert of_clients == {(S.ACTIVE, S.SUSPENDED), (S.SUSPENDED, S.ACTIVE)}


async def test_a_client_suspends_and_resumes_its_own(pool: Pool) -> None:
    """With the reason on record; what the operator suspended stays until the operator says."""
    await registered(pool)
    client = await client_of(pool)
    async with transaction(pool, client.settings()) as conn:
        lost = await sims.move(conn, client, CARD, S.SUSPENDED, reason="lost on site")
    assert (lost.state, lost.set_by, lost.reason) == (S.SUSPENDED, SetBy.CLIENT, "lost on site")
    assert (await moved(pool, client, S.ACTIVE)).state is S.ACTIVE

    await moved(pool, OPERATOR, S.SUSPENDED)
    with pytest.raises(TransitionRefused, match="The operator has suspended this SIM"):
        await moved(pool, client, S.ACTIVE)
    with pytest.raises(
        TransitionRefused, match="Only operator may take a SIM from suspended to pre_c"
    ):
        await moved(pool, client, S.PRE_CANCELLED)
    assert (await moved(pool, OPERATOR, S.ACTIVE)).set_by is SetBy.OPERATOR


async def test_what_the_system_imposed_no_user_ends(pool: Pool) -> None:
    """Neither client nor operator; the sentence says who does."""
    await registered(pool)
    await moved(pool, everything, S.SUSPENDED)
    for scope in (OPERATOR, await client_of(pool)):
        for to in (S.ACTIVE, S.PRE_CANCELLED, S.TRANSFERRING):
            with pytest.raises(TransitionRefused):
                await moved(pool, scope, to)
        async with transaction(pool, scope.settings()) as conn:
            assert sims.moves_of(scope, await sims.find(conn, scope, CARD)) == ()
    with pytest.raises(TransitionRefused, match="only the system takes it to active"):
        await moved(pool, OPERATOR, S.ACTIVE)
    assert (await moved(pool, everything, S.ACTIVE)).set_by is SetBy.SYSTEM
    assert (await moved(pool, OPERATOR, S.SUSPENDED)).state is S.SUSPENDED


async def test_a_refusal_says_where_else_it_may_go(pool: Pool) -> None:
    """From, to, and who may take it where."""
    await registered(pool)

    with pytest.raises(TransitionRefused) as told:
        await moved(pool, OPERATOR, S.TESTING)
    assert str(told.value) == (
        "A SIM cannot go from active to testing; from active it may go to: suspended (client,"
        " operator, system); pre_cancelled (operator); transferring (operator, system)."
    )


async def test_a_transfer_comes_back_to_where_it_began(pool: Pool) -> None:
    """What is intended is kept beside the state, and is the only way out."""
    await registered(pool, state=S.INVENTORY)
    away = await moved(pool, OPERATOR, S.TRANSFERRING)
    assert away.intended is S.INVENTORY
    with pytest.raises(TransitionRefused, match="was inventory before its transfer"):
        await moved(pool, OPERATOR, S.ACTIVE)
    assert (await moved(pool, OPERATOR, S.INVENTORY)).intended is None


async def test_periods_end_by_themselves_and_once(pool: Pool, database: Database) -> None:
    """Testing, then silent, then in use, as the system; what lies ahead is warned of by day."""
    now = datetime.now(UTC)
    await registered(
        pool, state=S.INVENTORY, test_until=now + 10 * DAY, silent_until=now + 45 * DAY
    )
    testing = await moved(pool, OPERATOR, S.TESTING)
    assert (testing.period_until, testing.activates_at) == (now + 10 * DAY, now + 45 * DAY)
    async with transaction(pool, OPERATOR.settings()) as conn:
        assert (await sims.activations_ahead(conn, OPERATOR, 30)).total == 0
        ahead = await sims.activations_ahead(conn, OPERATOR, 60)
        within = Search(activates_before=now + 60 * DAY)
        listed = (await sim_lists.list_page(conn, OPERATOR, within)).items
    assert ahead.days == [((now + 45 * DAY).date(), 1)]
    assert [sim.iccid for sim in listed] == [CARD]
    assert await ended(database) == 0

    make_due(database)
    assert [await ended(database), await ended(database)] == [1, 0]
    async with transaction(pool, OPERATOR.settings()) as conn:
        silent = await sims.find(conn, OPERATOR, CARD)
    assert (silent.state, silent.set_by) == (S.SILENT, SetBy.SYSTEM)
    assert silent.reason == "the test period is over"
    make_due(database)
    assert [await ended(database), await ended(database)] == [1, 0]
    async with transaction(pool, OPERATOR.settings()) as conn:
        active = await sims.find(conn, OPERATOR, CARD)
        told = (await sims.list_states(conn, OPERATOR, CARD)).items
    assert (active.state, active.activates_at) == (S.ACTIVE, None)
    assert [(c.to_state, c.actor) for c in told] == [
        (S.ACTIVE, "system:jobs"), (S.SILENT, "system:jobs"), (S.TESTING, "user:olga"),
    ]  # fmt: skip
    assert (await moved(pool, OPERATOR, S.SUSPENDED)).state is S.SUSPENDED, "it is not imposed"


async def test_jobs_that_work_at_once_share_what_is_due(pool: Pool, database: Database) -> None:
    """In portions, none twice; a SIM that somebody holds waits for the next turn."""
    cards = [Iccid(f"898600123456789{n:05d}") for n in range(5)]
    for card in cards:
        await registered(pool, card, state=S.SILENT, silent_until=datetime.now(UTC) + DAY)
        make_due(database, card)
    with psycopg.connect(database.superuser) as holder:
        holder.execute("select from registry.sim where iccid = %s for update", (str(cards[0]),))
        portions = [await ended(database, 3), await ended(database, 3), await ended(database, 3)]
    assert portions == [3, 1, 0]
    assert await ended(database, 3) == 1
    with psycopg.connect(database.superuser) as conn:
        rows = conn.execute(
            "select count(*), count(distinct sim_id) from registry.sim_state_change"
        ).fetchone()
    assert rows == (5, 5)


async def test_a_period_ends_ahead_or_not_at_all(pool: Pool, database: Database) -> None:
    """Nothing is dated back, silence does not end before the test, no period begins when over."""
    now = datetime.now(UTC)
    with pytest.raises(PeriodPast):
        await registered(pool, test_until=now - DAY)
    with pytest.raises(PeriodsDisordered):
        await registered(pool, test_until=now + 3 * DAY, silent_until=now + DAY)
    await registered(pool, state=S.INVENTORY, test_until=now + DAY)
    make_due(database)
    with pytest.raises(PeriodOver):
        await moved(pool, OPERATOR, S.TESTING)
    async with transaction(pool, OPERATOR.settings()) as conn:
        changed = await sims.change(conn, OPERATOR, CARD, test_until=None, apn="cmiot")
    assert (changed.test_until, changed.apn, changed.plan) == (None, "cmiot", None)
    assert (await moved(pool, OPERATOR, S.TESTING)).period_until is None


async def test_the_history_is_only_added_to(pool: Pool, database: Database) -> None:
    """Not even the owner of the table changes what was written."""
    await registered(pool)
    await moved(pool, OPERATOR, S.SUSPENDED)
    for statement in ("update registry.sim_state_change set reason = 'x'",
                      "delete from registry.sim_state_change",
                      "truncate registry.sim_state_change"):  # fmt: skip
        with (
            psycopg.connect(database.superuser) as conn,
            pytest.raises(psycopg.Error, match="only ever added to"),
        ):
            conn.execute(statement.encode())


async def test_a_new_owner_does_not_read_what_was_before(pool: Pool) -> None:
    """Neither the states of the former owner's time nor the reason that it gave."""
    await registered(pool)
    former = await client_of(pool)
    async with transaction(pool, former.settings()) as conn:
        await sims.move(conn, former, CARD, S.SUSPENDED, reason="we are moving out")
    async with transaction(pool, OPERATOR.settings()) as conn:
        await sims.change(conn, OPERATOR, CARD, group_client="power-zj")
    await moved(pool, OPERATOR, S.ACTIVE)
    new = await client_of(pool, "power-zj", Role.CLIENT_VIEWER)
    async with transaction(pool, new.settings()) as conn:
        told = (await sims.list_states(conn, new, CARD)).items
        found = await sims.find(conn, new, CARD)
    assert [(c.from_state, c.actor) for c in told] == [(S.SUSPENDED, None)]
    assert found.reason is None


async def test_a_card_in_a_terminal_stays_with_the_terminals_owner(pool: Pool) -> None:
    """One of the stock is adopted as it is put in; its owner changes with the terminal only."""
    await register(pool, "m-1")
    await registered(pool, group_client=None)
    async with transaction(pool, OPERATOR.settings()) as conn:
        await sims.install(conn, OPERATOR, CARD, "m-1")
        found = await sims.find(conn, OPERATOR, CARD)
        assert (found.group_client_code, found.terminal_code, found.installed) == (
            "power-js", "m-1", True,
        )  # fmt: skip
        with pytest.raises(SimIsInstalled):
            await sims.change(conn, OPERATOR, CARD, group_client="power-zj")


ACTORS = st.sampled_from(["client", "operator", "region", "system"])
numbers = itertools.count(1)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.tuples(ACTORS, st.sampled_from(list(S))), max_size=14))
async def test_any_walk_stays_in_the_table(pool: Pool, steps: list[tuple[str, SimState]]) -> None:
    """Whoever tries what: the state is the model's, and the history replays to it unaltered."""
    card = Iccid(f"8986001234567{next(numbers):07d}")
    scopes = {
        "client": await client_of(pool),
        "operator": OPERATOR,
        "region": Scope.of_role("user:r", Role.OPERATOR, region=RegionRange(320000, 329999)),
        "system": everything,
    }
    movers = {"client": SetBy.CLIENT, "region": SetBy.OPERATOR, "operator": SetBy.OPERATOR,
              "system": SetBy.SYSTEM}  # fmt: skip
    await registered(pool, card, state=S.INVENTORY)
    state, set_by, returning = S.INVENTORY, SetBy.OPERATOR, None
    walked = [state]
    kept: list[StateChange] = []
    for who, to in steps:
        mover = movers[who]
        free = mover is SetBy.SYSTEM or not (
            set_by is SetBy.SYSTEM and state in (S.SUSPENDED, S.TRANSFERRING, S.PRE_CANCELLED)
        )
        free = free and not (
            mover is SetBy.CLIENT and set_by is not SetBy.CLIENT and state is S.SUSPENDED
        )
        known = mover in sim_life.TRANSITIONS[state].get(to, ())
        expected = known and free and (state is not S.TRANSFERRING or to is returning)
        try:
            found = await moved(pool, scopes[who], to, card)
        except TransitionRefused:
            assert not expected, (who, state, to)
            continue
        assert expected, (who, state, to)
        returning = state if to is S.TRANSFERRING else None
        state, set_by = to, mover
        walked.append(to)
        assert (found.state, found.set_by, found.intended) == (state, set_by, returning)
        async with transaction(pool, everything.settings()) as conn:
            page = await sims.list_states(conn, everything, card, limit=100)
        history = list(reversed(page.items))
        assert history[:-1] == kept, "what was written stays as it was"
        kept = history
    assert [S.INVENTORY, *(change.to_state for change in kept)] == walked
    assert all(a.to_state is b.from_state and a.at <= b.at for a, b in itertools.pairwise(kept))
