"""Whatever happened to hierarchy, supervision and assignments: a scope shows what a model says.

The model is three plain tables, climbed for each question; it knows no lineage and no intervals.
"""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.database import Pool, attempt, transaction
from foundation.errors import NotFound
from registry import (
    assignments,
    group_clients,
    search,
    sim_lists,
    sims,
    supervision,
    terminal_lists,
    terminals,
)
from registry.assignments import Order
from registry.identifiers import Iccid
from registry.model import GroupClientId, RegionCode, RegionRange
from registry.scope import Role, Scope
from registry.search import Kind
from registry.supervision import ClientBelowItself, StandsThereAlready
from telemetry import book, tally
from tests.conftest import Database
from tests.country import (
    HANGZHOU,
    HEADQUARTERS,
    JIANGSU,
    NANJING,
    ZHEJIANG,
    everything,
    register,
    settled,
)
from tests.telemetry.ground import execute

RANGES = {
    HEADQUARTERS: RegionRange(0, 999999),
    JIANGSU: RegionRange(320000, 329999),
    NANJING: RegionRange(320100, 320199),
    ZHEJIANG: RegionRange(330000, 339999),
    HANGZHOU: RegionRange(330100, 330199),
}
PLACES = list(RANGES)
CLIENTS, THINGS = 5, 7
ROLES_OF = {"ann": Role.ACCOUNT_MANAGER, "bob": Role.ACCOUNT_MANAGER, "sid": Role.AGENT}

numbers = itertools.count(1)
members = st.integers(0, CLIENTS - 1)
steps = st.one_of(
    st.tuples(st.just("below"), members, st.none() | members),
    st.tuples(st.just("under"), members, st.sampled_from(PLACES)),
    st.tuples(st.just("served"), members, st.sampled_from(list(ROLES_OF))),
    st.tuples(st.just("left"), members, st.none()),
)
things = st.lists(
    st.tuples(st.none() | members, st.sampled_from(PLACES)), min_size=THINGS, max_size=THINGS
)
Step = tuple[str, int, Any]


@dataclass(slots=True)
class Model:
    """The present, and what it was at instants of the past."""

    codes: list[str]
    people: dict[str, str]
    parents: dict[str, str | None] = field(default_factory=dict)
    regions: dict[str, int] = field(default_factory=dict)
    served: dict[tuple[str, Role], str] = field(default_factory=dict)
    terminals: dict[str, tuple[str | None, int]] = field(default_factory=dict)
    sims: dict[str, tuple[str | None, int]] = field(default_factory=dict)
    ids: dict[str, GroupClientId] = field(default_factory=dict)
    past: list[tuple[datetime, dict[str, int], dict[str, str | None], set[tuple[str, str]]]] = (
        field(default_factory=list)
    )

    def chain(self, code: str | None) -> list[str]:
        """A client and who is above it."""
        found = []
        while code is not None:
            found.append(code)
            code = self.parents[code]
        return found

    def clients_of(self, scope: Scope) -> set[str]:
        """Those supervised in the scope's region, or below one of its clients."""
        roots = {code for code, number in self.ids.items() if number in scope.group_clients}
        return {
            code
            for code in self.codes
            if roots & set(self.chain(code)) or _within(scope, self.regions[code])
        }

    def things_of(self, scope: Scope, things: dict[str, tuple[str | None, int]]) -> set[str]:
        """What is installed in its region, or owned by a client of its own."""
        own = self.clients_of(scope)
        return {code for code, (of, at) in things.items() if of in own or _within(scope, at)}

    def scopes(self) -> dict[str, Scope]:
        """Supervisors of every region, people of every client, and those who serve."""
        found = {
            f"supervisor of {place}": Scope.of_role("user:s", Role.SUPERVISOR, region=within)
            for place, within in RANGES.items()
        }
        for code in self.codes:
            only = frozenset({self.ids[code]})
            found[code] = Scope.of_role("user:c", Role.CLIENT_VIEWER, group_clients=only)
        for short, name in self.people.items():
            book_of = frozenset(self.ids[c] for (c, _), who in self.served.items() if who == name)
            found[short] = Scope.of_role(f"user:{name}", ROLES_OF[short], group_clients=book_of)
        return found


def _within(scope: Scope, region: int) -> bool:
    return scope.region is not None and scope.region.low <= region <= scope.region.high


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """The small country."""
    async with settled(database) as opened:
        yield opened


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(happened=st.lists(steps, max_size=12), fleet=things)
async def test_after_any_timeline_every_list_count_and_search_shows_what_a_model_says(
    pool: Pool, database: Database, happened: list[Step], fleet: list[tuple[int | None, int]]
) -> None:
    """Of every supervisor, client and person who serves, now; and what was at past instants."""
    model = await _begun(pool, database, next(numbers), fleet)
    for step in happened:
        await _take(pool, model, step)
        async with transaction(pool) as conn:
            row = await (await conn.execute("select clock_timestamp() as now")).fetchone()
        assert row is not None
        present = {(code, who) for (code, _), who in model.served.items()}
        model.past.append((row["now"], dict(model.regions), dict(model.parents), present))

    for name, scope in model.scopes().items():
        if name in model.people:
            await _reaches(pool, model, name, scope)
        await _lists(pool, model, name, scope)
        await _serving(pool, model, name, scope)
    await _intervals(pool, model)


async def _begun(
    pool: Pool, database: Database, number: int, fleet: list[tuple[int | None, int]]
) -> Model:
    prefix = f"t{number:04d}"
    model = Model(
        [f"{prefix}-{k}" for k in range(CLIENTS)],
        {short: f"{short}-{number}" for short in ROLES_OF},
    )
    for short, name in model.people.items():
        execute(
            database,
            "insert into registry.user_account (name, password_hash, role) values (%s, '-', %s)",
            name,
            ROLES_OF[short].value,
        )
    async with transaction(pool, everything.settings()) as conn:
        for code in model.codes:
            await group_clients.register(conn, everything, code=code, name=code, region=JIANGSU,
                                         industry="power", tier="gold")  # fmt: skip
            model.ids[code] = (await group_clients.find(conn, everything, code)).id
            model.parents[code], model.regions[code] = None, JIANGSU
        for k, (owner, place) in enumerate(fleet):
            of = None if owner is None else model.codes[owner]
            card = Iccid.parse(f"898600{number:06d}{k:07d}")
            await sims.register(conn, everything, iccid=card, region=RegionCode(place),
                                group_client=of)  # fmt: skip
            model.sims[str(card)] = (of, place)
    for k, (owner, place) in enumerate(fleet):
        of = None if owner is None else model.codes[owner]
        await register(pool, f"{prefix}-m{k}", region=RegionCode(place), group_client=of)
        model.terminals[f"{prefix}-m{k}"] = (of, place)
    return model


async def _take(pool: Pool, model: Model, step: Step) -> None:
    """One step by the verbs and in the model; what must be refused is."""
    kind, who, where = step
    code = model.codes[who]
    async with transaction(pool, everything.settings()) as conn:
        if kind == "under":
            if model.regions[code] == where:
                with pytest.raises(StandsThereAlready):
                    async with attempt(conn):
                        await supervision.move(conn, everything, code, where)
                return
            await supervision.move(conn, everything, code, where)
            model.regions[code] = where
        elif kind == "below":
            parent = None if where is None else model.codes[where]
            refused = (
                StandsThereAlready
                if parent == model.parents[code]
                else ClientBelowItself
                if code in model.chain(parent)
                else None
            )
            if refused is not None:
                with pytest.raises(refused):
                    async with attempt(conn):
                        await supervision.put_below(conn, everything, code, parent)
                return
            await supervision.put_below(conn, everything, code, parent)
            model.parents[code] = parent
        elif kind == "left":
            agent = model.served.pop((code, Role.AGENT), None)
            if agent is not None:
                await assignments.hand_over(conn, everything, agent, None, Order([code]))
        else:
            person, role = model.people[where], ROLES_OF[where]
            before = model.served.get((code, role))
            if before is None:
                await assignments.assign(conn, everything, person, Order([code]))
            elif before != person:
                await assignments.hand_over(conn, everything, before, person, Order([code]))
            model.served[code, role] = person


async def _reaches(pool: Pool, model: Model, short: str, scope: Scope) -> None:
    """What a person who signs in is given is the book that the model has."""
    asked = "select registry.reach_of_person(%s, %s, '{}') as ids"
    async with transaction(pool, everything.settings()) as conn:
        named = (model.people[short], ROLES_OF[short].value)
        row = await (await conn.execute(asked, named)).fetchone()
    assert row is not None
    assert set(row["ids"]) == scope.group_clients, short


async def _lists(pool: Pool, model: Model, name: str, scope: Scope) -> None:
    prefix = model.codes[0].partition("-")[0]
    clients = model.clients_of(scope)
    meters = model.things_of(scope, model.terminals)
    async with transaction(pool, scope.settings()) as conn:
        listed: list[str] = []
        after: str | None = None
        while True:
            page = await group_clients.list_page(conn, scope, prefix=prefix, after=after, limit=2)
            listed += [client.code for client in page.items]
            after = page.next_key
            if after is None:
                break
        assert listed == sorted(clients), name
        walked: list[str] = []
        while True:
            rows = await terminal_lists.list_page(conn, scope, after=after, limit=3, prefix=prefix)
            walked += [str(terminal.code) for terminal in rows.items]
            after = rows.next_key
            if after is None:
                break
        assert sorted(walked) == sorted(meters), name
        assert (await tally.count(conn, scope, prefix=prefix)).number == len(meters), name
        whole = await terminal_lists.list_page(conn, scope, limit=1000)
        counted = (await tally.fleet(conn, scope)).parts
        assert sum(part.terminals for part in counted) == len(whole.items), name
        if name != "sid":  # an agent sees no SIMs
            cards = (await sim_lists.list_page(conn, scope, limit=1000)).items
            found = {str(sim.iccid) for sim in cards} & model.sims.keys()
            assert found == model.things_of(scope, model.sims), name
        met = await search.look_up(conn, scope, prefix, most=100)
        assert {one.code for one in met if one.kind is Kind.TERMINAL} == meters, name
        assert {one.code for one in met if one.kind is not Kind.TERMINAL} == clients, name
        for code in model.codes:
            try:
                assert (await group_clients.find(conn, scope, code)).code in clients, name
            except NotFound:
                assert code not in clients, name
        for code in model.terminals:
            try:
                await terminals.find(conn, scope, code)
                assert code in meters, name
            except NotFound:
                assert code not in meters, name


async def _serving(pool: Pool, model: Model, name: str, scope: Scope) -> None:
    """Books, and who served whom, as far as the scope sees the clients."""
    if name in model.codes:
        return  # a client's own people read neither
    own, clients = set(model.codes), model.clients_of(scope)
    async with transaction(pool, scope.settings()) as conn:
        for short, person in (("", None), *model.people.items()):
            members = await book.clients_of(conn, scope, person)
            # Who serves a client is told to those who see it, though they see one below it.
            served = {c for (c, _), who in model.served.items() if who == person and c in clients}
            of_book = {c for c in clients if person is None or served & set(model.chain(c))}
            waiting = await book.list_files(conn, scope, members, limit=1000)
            usage = await book.list_usage(conn, scope, members, limit=1000)
            assert {row.code for row in waiting.items} & own == of_book, (name, short)
            assert {row.code for row in usage.items} & own == of_book, (name, short)
        people = await assignments.list_people(conn, scope, limit=1000)
        counts = {one.name: one.clients for one in people.items if one.name in _names(model)}
        expected = {
            person: sum(who == person and c in clients for (c, _), who in model.served.items())
            for person in _names(model)
        }
        assert counts == {person: n for person, n in expected.items() if n}, name
        for at, _, _, serving in model.past:
            found = await assignments.list_page(conn, scope, at=at, limit=1000)
            told = {(a.group_client_code, a.person) for a in found.items}
            assert {pair for pair in told if pair[0] in own} == {
                pair for pair in serving if pair[0] in clients}, (name, at)  # fmt: skip


def _names(model: Model) -> set[str]:
    return set(model.people.values())


async def _intervals(pool: Pool, model: Model) -> None:
    """The intervals of where clients stood tell each past instant."""
    async with transaction(pool, everything.settings()) as conn:
        for code in model.codes:
            places = await supervision.list_supervision(conn, everything, code)
            above = await supervision.list_parents(conn, everything, code)
            for at, regions, parents, _ in model.past:
                [place] = [i for i in places if _covers(i.valid_from, i.valid_to, at)]
                [parent] = [i for i in above if _covers(i.valid_from, i.valid_to, at)]
                assert place.region_code == regions[code], (code, at)
                assert parent.parent_code == parents[code], (code, at)


def _covers(since: datetime, until: datetime | None, at: datetime) -> bool:
    return since <= at.astimezone(UTC) and (until is None or at < until)
