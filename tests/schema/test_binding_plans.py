"""Every list of bindings is walked by an index, whoever asks and however it is narrowed."""

from typing import cast

import psycopg
import pytest

from foundation.database import Connection, Pool, transaction
from registry import binding_lists, binding_requests, bindings, group_clients
from registry.binding_lists import Search
from registry.binding_requests import RequestState
from registry.bindings import Mode, Verdict, Violation
from registry.identifiers import Iccid
from registry.model import GroupClientId, RegionRange
from registry.scope import Role, Scope
from tests.conftest import Database
from tests.country import everything
from tests.schema.explaining import Explaining, scans

SIMS = 20_000
JIANGSU_RANGE, CITY_RANGE = RegionRange(320000, 329999), RegionRange(320100, 320199)
LARGE = {"sim", "installation", "terminal", "binding", "binding_request"}


@pytest.fixture
async def full(pool: Pool, database: Database) -> tuple[Pool, int]:
    """Twenty thousand bound SIMs, nearly all in Hangzhou and of one client; the other's id."""
    async with transaction(pool, everything.settings()) as conn:
        large = (await group_clients.find(conn, everything, "power-zj")).id
        small = (await group_clients.find(conn, everything, "power-js")).id
    with psycopg.connect(database.superuser, autocommit=True) as plain:
        plain.execute(
            "insert into registry.sim (iccid, state, group_client_id, region_code)"
            " select '8986' || lpad(n::text, 16, '0'), 'active',"
            " case when n %% 400 = 0 then %s else %s end,"
            " case when n %% 500 = 0 then 320100 else 330100 end from generate_series(1, %s) n",
            (small, large, SIMS),
        )
        plain.execute(
            "with t as (insert into registry.terminal (code, profile_id, region_code)"
            " select 'm-' || n, p.id, 330100 from generate_series(1, %s) n, registry.profile p"
            " returning id) insert into registry.installation (sim_id, terminal_id, valid_from)"
            " select id, id, now() from t where id %% 10 <> 0",
            (SIMS,),
        )
        plain.execute(
            "insert into registry.binding (sim_id, mode, tacs, set_by)"
            " select id, case when id % 100 = 0 then 'tac' else 'first_seen' end,"
            " case when id % 100 = 0 then '{49015420}'::text[] else '{}' end, 'user:x'"
            " from registry.sim"
        )
        plain.execute(  # rules are judged as they are set, and as terminals speak
            "update registry.binding set verdict = case when sim_id % 200 = 0 then 'violated'"
            " when sim_id % 3 = 0 then 'unproven' else 'ok' end,"
            " violation = case when sim_id % 200 = 0 then 'separation' end"
        )
        plain.execute(
            "insert into registry.binding_request"
            " (sim_id, group_client_id, imei, reason, requested_by, expires_at)"
            " select id, group_client_id, '490154203237518', 'x', 'user:x', now() + '1 d'"
            " from registry.sim"
        )
        for table in LARGE:
            plain.execute(f"vacuum analyze registry.{table}".encode())
    return pool, small


SEARCHES = (
    Search(),
    Search(verdict=Verdict.VIOLATED),
    Search(verdict=Verdict.VIOLATED, violation=Violation.SEPARATION, region=CITY_RANGE),
    Search(verdict=Verdict.UNPROVEN),
    Search(mode=Mode.TAC),
    Search(region=CITY_RANGE),
    Search(iccid="89860"),
    Search(iccid="8986000000000001", verdict=Verdict.OK),
    Search(region=CITY_RANGE, mode=Mode.FIRST_SEEN),
)


def scanned(explaining: Explaining) -> list[str]:
    """What was read from end to end since this was asked last."""
    found = [name for plan in explaining.plans for name in scans(plan)]
    explaining.plans.clear()
    return found


async def test_no_list_reads_all_bindings(full: tuple[Pool, int]) -> None:
    """Not for everything, nor for a region, nor for a client; with any filter."""
    pool, small = full
    scopes = [
        everything,
        Scope.of_role("user:s", Role.SUPERVISOR, region=JIANGSU_RANGE),
        Scope.of_role("user:v", Role.CLIENT_VIEWER, group_clients=frozenset({small})),
    ]
    owned = Search(group_client=GroupClientId(small))
    card = Iccid("89860000000000000400")

    read: list[tuple[str, Search | str, str]] = []
    for scope in scopes:
        async with transaction(pool, scope.settings()) as conn:
            explaining = Explaining(conn)
            asked = cast("Connection", explaining)
            for search in (*SEARCHES, owned):
                await binding_lists.list_page(asked, scope, search)
                read += [(scope.actor, search, name) for name in scanned(explaining)]
            await bindings.list_past(asked, scope, card)
            await binding_requests.list_page(asked, scope, iccid=card)
            await binding_requests.list_page(asked, scope, state=RequestState.OPEN)
            read += [(scope.actor, "of one SIM, requests", name) for name in scanned(explaining)]
            assert (await binding_lists.count_violations(asked, scope)).exact

    assert [line for line in read if line[2] in LARGE] == []


async def test_pages_go_through_everything_once(full: tuple[Pool, int]) -> None:
    """In every order, page by page: each rule that fits, and none twice."""
    pool, small = full
    viewer = Scope.of_role("user:v", Role.CLIENT_VIEWER, group_clients=frozenset({small}))
    jiangsu = Scope.of_role("user:s", Role.SUPERVISOR, region=JIANGSU_RANGE)
    searches: tuple[tuple[Scope, Search, int], ...] = (
        (everything, Search(verdict=Verdict.VIOLATED), 100),
        (everything, Search(mode=Mode.TAC), 200),
        (everything, Search(iccid="89860000000000001"), 1000),
        (everything, Search(region=CITY_RANGE), 40),
        (everything, Search(group_client=GroupClientId(small)), 50),
        (viewer, Search(), 50),
        (jiangsu, Search(), 40 + 40),
    )
    for scope, search, expected in searches:
        found: list[str] = []
        after = None
        while True:
            async with transaction(pool, scope.settings()) as conn:
                page = await binding_lists.list_page(conn, scope, search, after=after, limit=37)
            found += [bound.binding.iccid for bound in page.items]
            after = page.next_key
            if after is None:
                break
        assert len(found) == len(set(found)) == expected, (scope.actor, search)
