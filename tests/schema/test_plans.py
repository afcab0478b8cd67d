"""Every list of terminals is walked by an index, whoever asks and however it is narrowed."""

from typing import Any, cast

import psycopg
import pytest
from psycopg.types.json import Jsonb

from deploy.reference import numbering
from foundation.database import Connection, Pool, transaction
from registry import enrolment, group_clients, profiles
from registry.enrolment import Draft, InstalledSim
from registry.identifiers import Iccid, Imsi, TerminalCode
from registry.model import RegionCode, RegionRange, Sector, TerminalState
from registry.scope import Right, Role, Scope
from telemetry import presence
from telemetry.model import SessionState
from telemetry.presence import Heard
from tests.conftest import Database
from tests.country import HANGZHOU, NANJING, everything
from tests.schema.explaining import scans

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
                    name=f"华远{n}号电表" if n % 300 == 0 else f"西湖{n}号电表",
                    imei=numbering.imei(n, 1, 0),
                    sim=InstalledSim(Iccid(f"8986{n:016d}"), Imsi(f"46000{n:010d}")),
                    secret="",
                )
                for n in range(TERMINALS)
            ),
        )
    with psycopg.connect(database.superuser, autocommit=True) as conn_:
        conn_.execute("update registry.terminal set tags = '{pilot}' where id % 200 = 0")
        conn_.execute("update registry.terminal set order_ref = 'SO-' || id % 200")
        conn_.execute(
            "insert into telemetry.presence (terminal_id, data_at, silent_since, session_up,"
            " session_since) select id, now(), case when id % 100 = 0 then now() end, true, now()"
            " from registry.terminal where id % 150 <> 0"
        )
        conn_.execute(
            "insert into registry.wire_name (terminal_id, kind, value)"
            " select id, 'meter_address', lpad(id::text, 12, '0') from registry.terminal"
        )
        conn_.execute("update telemetry.roll_call_clock set complete = true")
        conn_.execute("select telemetry.call_roll((select array_agg(id) from registry.terminal))")
        conn_.execute("vacuum analyze")
    return pool, small


class Asking:
    """A connection that keeps what each list and search was asked."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.asked: list[tuple[str, Jsonb]] = []

    async def execute(self, query: str, params: dict[str, Any]) -> Any:
        if "wanted" in params:
            self.asked.append((query, params["wanted"]))
        return await self._conn.execute(query.encode(), params)


def plan_of(conn: psycopg.Connection[Any], query: str, wanted: Jsonb) -> dict[str, Any]:
    """The plan of what is run as the owner for a list or search, in the transaction's scope."""
    text = "registry.search_query(%(wanted)s)"
    if "search" not in query:
        text = "registry.terminal_list(%(wanted)s, telemetry.presence_conditions(%(wanted)s))"
    [(written,)] = conn.execute(f"select {text}".encode(), {"wanted": wanted}).fetchall()
    conn.execute("set local role muster_owner")
    [(plan,)] = conn.execute(f"explain (format json) {written}".encode()).fetchall()
    conn.execute("reset role")
    return cast("dict[str, Any]", plan[0]["Plan"])


FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"prefix": "m-0123"},
    {"region": CITY_RANGE},
    {"state": TerminalState.RETIRED},
    {"prefix": "m-0", "region": CITY_RANGE},
    {"state": TerminalState.RETIRED, "region": CITY_RANGE},
    {"profile": "kettle"},
    {"sector": Sector.SECURITY},
    {"tag": "pilot"},
    {"order_ref": "SO-7"},
    {"order_ref": "SO-7", "data": Heard.SILENT, "region": CITY_RANGE},
    {"tag": "pilot", "state": TerminalState.IN_SERVICE, "region": CITY_RANGE},
    {"q": "华远"},
    {"q": "m-01234"},
    {"q": "4901542032"},
    {"imei": "4901542032"},
    {"iccid": "8986001234"},
    {"imsi": "4600012345"},
    {"msisdn": "1440012345"},
    {"wire_name": "0000123"},
    {"data": Heard.SILENT},
    {"data": Heard.NEVER, "region": CITY_RANGE},
    {"data": Heard.ABSENT, "state": TerminalState.IN_SERVICE},
    {"session": SessionState.ONLINE},
)
LARGE = {"terminal", "hardware", "sim", "installation", "ownership", "wire_name", "presence"}


async def test_no_list_reads_the_whole_roll(full: tuple[Pool, int], database: Database) -> None:
    """Not for everything, nor for a region, nor for a client; with any filter.

    What is planned is what runs: the query that the list's function writes, as its owner.
    """
    pool, small = full
    scopes = [
        everything,
        Scope.of_role("user:s", Role.SUPERVISOR, region=JIANGSU_RANGE),
        Scope.of_role("user:o", Role.OPERATOR, region=JIANGSU_RANGE),
        Scope.of_role("user:v", Role.CLIENT_VIEWER, group_clients=frozenset({small})),
    ]

    read = set()
    for scope in scopes:
        for filters in FILTERS:
            if "order_ref" in filters and Right.IMPORTS_READ not in scope.rights:
                continue
            async with transaction(pool, scope.settings()) as conn:
                asking = Asking(conn)
                await presence.list_terminals(cast("Connection", asking), scope, **filters)
            with psycopg.connect(database.superuser) as owner:
                for name, value in scope.settings().items():
                    owner.execute("select set_config(%s, %s, true)", (name, value))
                for query, wanted in asking.asked:
                    names = LARGE & set(scans(plan_of(owner, query, wanted)))
                    read |= {(scope.actor, str(filters), name) for name in names}

    assert read == set()
