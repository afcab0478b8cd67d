"""Every list of SIMs is walked by an index, whoever asks and however it is narrowed."""

from datetime import UTC, datetime, timedelta
from typing import cast

import psycopg
import pytest

from foundation.database import Connection, Pool, transaction
from registry import group_clients, sim_lists, sims
from registry.identifiers import Iccid
from registry.model import GroupClientId, RegionRange, SimState
from registry.scope import Right, Role, Scope
from registry.sim_lists import Search
from tests.conftest import Database
from tests.country import everything
from tests.schema.explaining import Explaining, scans

SIMS = 20_000
JIANGSU_RANGE, CITY_RANGE = RegionRange(320000, 329999), RegionRange(320100, 320199)
LARGE = {"sim", "installation", "terminal", "sim_state_change"}


@pytest.fixture
async def full(pool: Pool, database: Database) -> tuple[Pool, int]:
    """Twenty thousand SIMs, nearly all in Hangzhou and of one client; the other's id."""
    async with transaction(pool, everything.settings()) as conn:
        large = (await group_clients.find(conn, everything, "power-zj")).id
        small = (await group_clients.find(conn, everything, "power-js")).id
    with psycopg.connect(database.superuser, autocommit=True) as plain:
        plain.execute(
            "insert into registry.sim (iccid, imsi, msisdn, state, plan, apn, order_ref,"
            " silent_until, group_client_id, region_code) select '8986' || lpad(n::text, 16, '0'),"
            " '46004' || lpad(n::text, 10, '0'), '1440' || lpad(n::text, 9, '0'),"
            " case when n %% 100 = 0 then 'silent' when n %% 300 = 1 then 'suspended'"
            " else 'active' end, 'plan-' || n %% 50, 'apn-' || n %% 50, 'SO-' || n %% 50,"
            " now() + n * interval '1 hour', case when n %% 400 = 0 then %s else %s end,"
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
            "insert into registry.sim_state_change"
            " (sim_id, at, from_state, to_state, set_by, actor)"
            " select id, now(), 'active', 'suspended', 'operator', 'user:x' from registry.sim"
        )
        for table in LARGE:
            plain.execute(f"vacuum analyze registry.{table}".encode())
    return pool, small


SOON = datetime.now(UTC) + timedelta(days=30)
SEARCHES = (
    Search(),
    Search(iccid="8986000000000001"),
    Search(iccid="89860"),
    Search(imsi="46004000001"),
    Search(msisdn="1440000012345"),
    Search(state=SimState.SUSPENDED),
    Search(plan="plan-7"),
    Search(apn="apn-7", installed=False),
    Search(region=CITY_RANGE),
    Search(installed=False),
    Search(ends_before=SOON),
    Search(activates_before=SOON),
    Search(region=CITY_RANGE, activates_before=SOON, installed=True),
)


ORDERED = Search(order_ref="SO-7", installed=False)


async def test_no_list_reads_all_sims(full: tuple[Pool, int]) -> None:
    """Not for everything, nor for a region, nor for a client; with any filter."""
    pool, small = full
    scopes = [
        everything,
        Scope.of_role("user:s", Role.SUPERVISOR, region=JIANGSU_RANGE),
        Scope.of_role("user:o", Role.OPERATOR, region=JIANGSU_RANGE),
        Scope.of_role("user:v", Role.CLIENT_VIEWER, group_clients=frozenset({small})),
    ]

    read = []
    for scope in scopes:
        async with transaction(pool, scope.settings()) as conn:
            explaining = Explaining(conn)
            ordered = [ORDERED] if Right.IMPORTS_READ in scope.rights else []
            for search in (*SEARCHES, *ordered, Search(group_client=GroupClientId(small))):
                await sim_lists.list_page(cast("Connection", explaining), scope, search)
            await sims.activations_ahead(cast("Connection", explaining), scope)
            card = Iccid("89860000000000000400")
            for verb in (sims.list_states, sims.list_stays):
                await verb(cast("Connection", explaining), scope, card)
        read += [(scope.actor, name) for plan in explaining.plans for name in scans(plan)]

    assert [(actor, name) for actor, name in read if name in LARGE] == []


async def test_pages_go_through_everything_once(full: tuple[Pool, int]) -> None:
    """In every order, page by page: each SIM that fits, and none twice."""
    pool, small = full
    viewer = Scope.of_role("user:v", Role.CLIENT_VIEWER, group_clients=frozenset({small}))
    jiangsu = Scope.of_role("user:s", Role.SUPERVISOR, region=JIANGSU_RANGE)
    searches: tuple[tuple[Scope, Search, int], ...] = (
        (everything, Search(iccid="89860000000000001"), 1000),
        (everything, Search(imsi="46004000000"), 9_999),
        (everything, Search(msisdn="144000001234"), 10),
        (everything, Search(state=SimState.SUSPENDED), 67),
        (everything, Search(plan="plan-7"), 400),
        (everything, Search(order_ref="SO-7"), 400),
        (everything, Search(apn="apn-7", state=SimState.ACTIVE), 400),
        (everything, Search(region=CITY_RANGE), 40),
        (everything, Search(region=CITY_RANGE, installed=False), 40),
        (everything, Search(activates_before=SOON), 7),
        (everything, Search(group_client=GroupClientId(small)), 50),
        (viewer, Search(), 50),
        (viewer, Search(state=SimState.SILENT), 50),
        (jiangsu, Search(), 40 + 40),
    )
    for scope, search, expected in searches:
        found: list[str] = []
        after: str | None = None
        async with transaction(pool, scope.settings()) as conn:
            while True:
                page = await sim_lists.list_page(
                    conn, scope, search, after=after, limit=97 if expected < 5000 else 997
                )
                found += [str(sim.iccid) for sim in page.items]
                after = page.next_key
                if after is None:
                    break
        assert len(found) == len(set(found)) == expected, (search, len(found))
