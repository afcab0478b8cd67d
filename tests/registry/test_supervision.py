"""Where clients stand: what a scope shows follows each move, and the past can be told."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.database import Connection, Pool, attempt, transaction
from registry import group_clients, supervision
from registry.errors import GroupClientNotFound, ReachExceeded
from registry.model import RegionCode, RegionLevel, RegionRange
from registry.scope import RightMissing, Role, Scope
from registry.supervision import ClientBelowItself, StandsThereAlready
from tests.conftest import Database
from tests.country import HANGZHOU, HEADQUARTERS, JIANGSU, NANJING, ZHEJIANG, everything
from tests.registry.test_transfer_races import at_once

RANGES = {
    HEADQUARTERS: RegionRange(0, 999999),
    JIANGSU: RegionRange(320000, 329999),
    NANJING: RegionRange(320100, 320199),
    ZHEJIANG: RegionRange(330000, 339999),
    HANGZHOU: RegionRange(330100, 330199),
}


async def add(conn: Connection, code: str, parent: str | None = None) -> None:
    await group_clients.register(
        conn, everything, code=code, name=code, region=JIANGSU, industry="power", tier="gold",
        parent=parent,
    )  # fmt: skip


async def seen(pool: Pool, scope: Scope) -> set[str]:
    async with transaction(pool, scope.settings()) as conn:
        page = await group_clients.list_page(conn, scope, limit=1000)
    return {client.code for client in page.items}


async def below(pool: Pool, code: str) -> set[str]:
    """What a person of that client sees."""
    async with transaction(pool, everything.settings()) as conn:
        root = (await group_clients.find(conn, everything, code)).id
    scope = Scope.of_role("user:c", Role.CLIENT_VIEWER, group_clients=frozenset({root}))
    return await seen(pool, scope)


async def test_a_move_is_told_with_its_time(pool: Pool) -> None:
    """The former supervisor has it until then, at its level; the new one from then on."""
    before = datetime.now(UTC)
    async with transaction(pool, everything.settings()) as conn:
        moved = await supervision.move(conn, everything, "power-js", HANGZHOU)
        with pytest.raises(StandsThereAlready):
            await supervision.move(conn, everything, "power-js", HANGZHOU)
        await supervision.put_below(conn, everything, "power-js", "power-zj")
        now, was = await supervision.list_supervision(conn, everything, "power-js")
        under, alone = await supervision.list_parents(conn, everything, "power-js")
    assert (moved.region_code, moved.level) == (HANGZHOU, RegionLevel.CITY)
    assert (was.region_code, was.level, was.valid_to) == (JIANGSU, "province", now.valid_from)
    assert (now.region_code, now.level, now.valid_to) == (HANGZHOU, "city", None)
    assert now.valid_from > before
    assert now.moved_by == everything.actor
    assert (alone.below_another, alone.parent_code) == (False, None)
    assert (under.below_another, under.parent_code, under.valid_to) == (True, "power-zj", None)


async def test_who_moves_a_client_is_above_both_places(pool: Pool) -> None:
    """An operator moves it within the own region; an account manager not at all."""
    operator = Scope.of_role("user:o", Role.OPERATOR, region=RANGES[JIANGSU])
    async with transaction(pool, operator.settings()) as conn:
        moved = await supervision.move(conn, operator, "power-js", NANJING)
        with pytest.raises(ReachExceeded):
            await supervision.move(conn, operator, "power-js", HANGZHOU)
        with pytest.raises(GroupClientNotFound):
            await supervision.put_below(conn, operator, "power-js", "power-zj")
        manager = Scope.of_role("user:m", Role.ACCOUNT_MANAGER, group_clients=frozenset({moved.id}))
        with pytest.raises(RightMissing):
            await supervision.move(conn, manager, "power-js", JIANGSU)
    async with transaction(pool, manager.settings()) as conn:
        told = await supervision.list_supervision(conn, manager, "power-js")
    assert [s.moved_by for s in told] == [None, None]  # whose names are the audit's to tell
    assert [s.region_code for s in told] == [NANJING, JIANGSU]


async def test_of_a_parent_that_is_not_seen_only_that_it_is(pool: Pool) -> None:
    """Zhejiang sees a branch of another's client, and not whose branch it is."""
    async with transaction(pool, everything.settings()) as conn:
        await supervision.put_below(conn, everything, "power-zj", "power-js")
    scope = Scope.of_role("user:s", Role.SUPERVISOR, region=RANGES[ZHEJIANG])

    async with transaction(pool, scope.settings()) as conn:
        parent, none = await supervision.list_parents(conn, scope, "power-zj")

    assert (parent.below_another, parent.parent_code) == (True, None)
    assert none.below_another is False


async def test_of_two_moves_that_would_close_a_circle_one_wins(
    pool: Pool, database: Database
) -> None:
    """Each below the other at the same moment: the second one is told that it cannot be."""

    async def put(code: str, parent: str) -> str:
        async with transaction(pool, everything.settings()) as conn:
            await supervision.put_below(conn, everything, code, parent)
        return code

    outcomes = await at_once(
        database, "group_client", put("power-js", "power-zj"), put("power-zj", "power-js")
    )

    [error] = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    assert isinstance(error, ClientBelowItself)
    assert len(await below(pool, "power-js")) + len(await below(pool, "power-zj")) == 3


numbers = itertools.count(1)
members = st.integers(0, 4)
moves = st.one_of(
    st.tuples(st.just("below"), members, st.none() | members),
    st.tuples(st.just("under"), members, st.sampled_from(list(RANGES))),
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(moves, max_size=12))
async def test_after_any_moves_a_scope_shows_what_a_model_says(
    pool: Pool, steps: list[tuple[str, int, int | None]]
) -> None:
    """Parents and regions in two plain tables, climbed for each question: no lineage, no history.

    The history is the list of what the tables said, one entry for each move that was let through.
    """
    prefix = f"g{next(numbers)}"
    codes = [f"{prefix}-{k}" for k in range(5)]
    parents: dict[str, str | None] = dict.fromkeys(codes)
    regions: dict[str, int] = dict.fromkeys(codes, JIANGSU)
    places_of: dict[str, list[int]] = {code: [JIANGSU] for code in codes}
    above_of: dict[str, list[str | None]] = {code: [None] for code in codes}

    def chain(code: str | None) -> list[str]:
        found = []
        while code is not None:
            found.append(code)
            code = parents[code]
        return found

    async with transaction(pool, everything.settings()) as conn:
        for code in codes:
            await add(conn, code)
        for kind, who, where in steps:
            code = codes[who]
            if kind == "under":
                assert where is not None
                if regions[code] == where:
                    continue
                await supervision.move(conn, everything, code, RegionCode(where))
                regions[code] = where
                places_of[code].append(where)
                continue
            parent = None if where is None else codes[where]
            if parent == parents[code]:
                continue
            if code in chain(parent):
                with pytest.raises(ClientBelowItself):
                    async with attempt(conn):
                        await supervision.put_below(conn, everything, code, parent)
                continue
            await supervision.put_below(conn, everything, code, parent)
            parents[code] = parent
            above_of[code].append(parent)

    for code in codes:
        assert await below(pool, code) == {other for other in codes if code in chain(other)}
        async with transaction(pool, everything.settings()) as conn:
            places = (await supervision.list_supervision(conn, everything, code))[::-1]
            above = (await supervision.list_parents(conn, everything, code))[::-1]
        assert [p.region_code for p in places] == places_of[code]
        assert [p.parent_code for p in above] == above_of[code]
        for told in (places, above):
            assert [i.valid_to for i in told] == [i.valid_from for i in told[1:]] + [None]
    for region, within in RANGES.items():
        scope = Scope.of_role("user:s", Role.SUPERVISOR, region=within)
        mine = {code for code in codes if within.low <= regions[code] <= within.high}
        found = {code for code in await seen(pool, scope) if code.startswith(f"{prefix}-")}
        assert found == mine, region
