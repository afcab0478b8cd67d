"""Every list of terminals is walked by an index, whoever asks and however it is narrowed."""

from typing import Any, cast

import psycopg
import pytest

from foundation.database import Connection, Pool, transaction
from registry import enrolment, group_clients, profiles, terminals
from registry.enrolment import Draft
from registry.identifiers import TerminalCode
from registry.model import RegionCode, RegionRange, TerminalState
from registry.scope import Role, Scope
from tests.conftest import Database
from tests.country import HANGZHOU, NANJING, everything

TERMINALS = 20_000
JIANGSU_RANGE, CITY_RANGE = RegionRange(320000, 329999), RegionRange(320100, 320199)


@pytest.fixture
async def full(pool: Pool, database: Database) -> tuple[Pool, int]:
    """Twenty thousand terminals, nearly all in Hangzhou and of one client; the other's id."""
    async with transaction(pool, everything.settings()) as conn:
        meter = await profiles.find(conn, everything, "meter")
        large = (await group_clients.find(conn, everything, "power-zj")).id
        small = (await group_clients.find(conn, everything, "power-js")).id
        await enrolment.enrol(
            conn,
            everything,
            (
                Draft(
                    code=TerminalCode(f"m-{n:06d}"),
                    profile_id=meter.id,
                    region_code=RegionCode(NANJING if n % 500 == 0 else HANGZHOU),
                    group_client_id=small if n % 400 == 0 else large,
                    secret="",
                )
                for n in range(TERMINALS)
            ),
        )
    with psycopg.connect(database.superuser, autocommit=True) as conn_:
        conn_.execute("vacuum analyze registry.terminal")
        conn_.execute("vacuum analyze registry.ownership")
    return pool, small


class Explaining:
    """A connection that keeps the plan of every query it is given."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.plans: list[dict[str, Any]] = []

    async def execute(self, query: str, params: dict[str, Any]) -> Any:
        cursor = await self._conn.execute(f"explain (format json) {query}".encode(), params)
        row = await cursor.fetchone()
        assert row is not None
        self.plans.append(row["QUERY PLAN"][0]["Plan"])
        return await self._conn.execute(query.encode(), params)


def scans(plan: dict[str, Any]) -> list[str]:
    """The tables of the registry that a plan reads from end to end."""
    own = [plan["Relation Name"]] if plan["Node Type"] == "Seq Scan" else []
    return own + [name for part in plan.get("Plans", ()) for name in scans(part)]


FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"prefix": "m-0123"},
    {"region": CITY_RANGE},
    {"state": TerminalState.RETIRED},
    {"prefix": "m-0", "region": CITY_RANGE},
    {"profile": "kettle"},
)


async def test_no_list_reads_the_whole_roll(full: tuple[Pool, int]) -> None:
    """Not for everything, nor for a region, nor for a client; with any filter."""
    pool, small = full
    scopes = [
        everything,
        Scope.of_role("user:s", Role.SUPERVISOR, region=JIANGSU_RANGE),
        Scope.of_role("user:v", Role.CLIENT_VIEWER, group_clients=frozenset({small})),
    ]

    read = []
    for scope in scopes:
        async with transaction(pool, scope.settings()) as conn:
            explaining = Explaining(conn)
            for filters in FILTERS:
                await terminals.list_page(cast("Connection", explaining), scope, **filters)
        read += [(scope.actor, name) for plan in explaining.plans for name in scans(plan)]

    assert [actor for actor, name in read if name == "terminal"] == []
