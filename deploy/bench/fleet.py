"""Fleets by the million for benchmarks: planned as the demo's is, put on the roll by COPY.

Codes, numbers and names are those of `deploy.reference.fleet`: all provinces but one, clients in a
long tail and a tree, numbers with valid check digits. Nobody is told of it: neither audit nor
feed hears of a fleet that was always there.
"""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice

import psycopg
from psycopg import sql

from deploy import reference
from deploy.reference.fleet import Fleet, FleetTerminal
from foundation.database import open_pool, transaction
from registry import profiles, regions
from registry.scope import Scope
from telemetry.roll_call import RollCall

_SCOPE = Scope.system("bench")
_STAGED = """create unlogged table planned (id int4, code text, name text, tags text[],
    profile text, client text, region int4, state text, imei text, iccid text, imsi text,
    msisdn text)"""
_SETTLED = """
insert into registry.terminal
    (id, code, name, tags, state, profile_id, group_client_id, region_code)
    overriding system value
    select p.id, p.code, p.name, p.tags, p.state, k.id, c.id, p.region
    from planned p join registry.profile k on k.code = p.profile
    join registry.group_client c on c.code = p.client;
insert into registry.ownership (terminal_id, terminal_code, group_client_id, valid_from)
    select t.id, t.code, t.group_client_id, '-infinity'
    from planned p join registry.terminal t using (id);
insert into registry.terminal_profile (terminal_id, profile_id, valid_from)
    select t.id, t.profile_id, '-infinity' from planned p join registry.terminal t using (id);
insert into registry.hardware (terminal_id, imei, valid_from) select id, imei, now() from planned;
insert into registry.sim (id, iccid, imsi, msisdn, state, group_client_id, region_code)
    overriding system value
    select p.id, p.iccid, p.imsi, p.msisdn, 'active', t.group_client_id, p.region
    from planned p join registry.terminal t using (id);
insert into registry.installation (sim_id, terminal_id, valid_from)
    select id, id, now() from planned;
insert into telemetry.presence (terminal_id, data_at, silent_since, session_up, session_since)
    select id, now(), case when id % 50 = 7 then now() end, id % 50 <> 7, now()
    from planned where id % 100 <> 3;
drop table planned;
select setval('registry.terminal_id_seq', (select max(id) from registry.terminal)),
    setval('registry.sim_id_seq', (select max(id) from registry.sim));
"""
_LINEAGE = """
with recursive line (ancestor_id, group_client_id) as (
    select id, id from registry.group_client union all
    select c.parent_id, l.group_client_id
    from line l join registry.group_client c on c.id = l.ancestor_id
    where c.parent_id is not null)
insert into registry.group_client_lineage select * from line on conflict do nothing"""


class Growing:
    """A planned fleet of `most` terminals, of which `grow` puts ever more on the roll."""

    def __init__(self, dsn: str, most: int, clients: int | None = None) -> None:
        """`dsn` is a superuser's, of a database that may have terminals and profiles of its own.

        There are as many clients as in a demo of that size, unless `clients` says how many.
        """
        self._dsn = dsn
        self._country = reference.load()
        self._kinds = reference.profiles()
        self._plan = Fleet(self._country, self._kinds, terminals=most, clients=clients)
        self._rest: Iterator[FleetTerminal] = self._plan.terminals()
        asyncio.run(self._prepare())
        with self._unheard() as conn:
            self._settle_clients(conn)

    def grow(self, count: int, tell: Callable[[str], None]) -> int:
        """Put so many more on the roll; returns how many there are in all."""
        with self._unheard() as conn:
            [(last,)] = conn.execute(
                "select coalesce(max(id), 0) from registry.terminal"
            ).fetchall()
            conn.execute(_STAGED)
            with conn.cursor().copy("copy planned from stdin") as copy:
                for number, terminal in enumerate(islice(self._rest, count), last + 1):
                    copy.write_row(_row(number, terminal))
                    if number % 50_000 == 0:
                        tell(f"{number:,} terminals planned")
            tell(f"putting {count:,} terminals on the roll")
            conn.execute(_SETTLED.encode())
            conn.execute("update telemetry.roll_call_clock set position = null")
            conn.commit()
            conn.autocommit = True
            conn.execute("vacuum analyze")
            tell("calling the roll")
            asyncio.run(self._call())
            conn.execute("vacuum analyze telemetry.tally, telemetry.roll_call")
            [(total,)] = conn.execute("select count(*) from registry.terminal").fetchall()
        return int(total)

    def _unheard(self) -> psycopg.Connection[tuple[int]]:
        """A connection of which no trigger hears."""
        return psycopg.connect(self._dsn, options="-c session_replication_role=replica")

    async def _prepare(self) -> None:
        country = self._country
        async with await open_pool(self._dsn, name="bench") as pool, transaction(pool) as conn:
            await regions.put(conn, _SCOPE, country.regions, country.industries, country.tiers)
            known = {profile.code for profile in await profiles.list_all(conn, _SCOPE)}
            for profile in self._kinds:
                if profile.code not in known:
                    await profiles.define(conn, _SCOPE, profile)

    def _settle_clients(self, conn: psycopg.Connection[tuple[int]]) -> None:
        numbers = {client.code: number for number, client in enumerate(self._plan.clients, 1)}
        columns = ("id", "code", "name", "parent_id", "region_code", "level", "industry_code",
                   "tier_code", "file_state", "standing", "value_grade", "watched")  # fmt: skip
        into = sql.SQL(", ").join(map(sql.Identifier, columns))
        statement = sql.SQL("copy registry.group_client ({}) from stdin").format(into)
        with conn.cursor().copy(statement) as copy:
            for client in self._plan.clients:
                parent = numbers[client.parent_code] if client.parent_code else None
                copy.write_row(
                    (
                        numbers[client.code],
                        client.code,
                        client.name,
                        parent,
                        client.region_code,
                        client.level.value,
                        client.industry_code,
                        client.tier_code,
                        client.file_state.value,
                        client.standing.value,
                        client.value_grade.value,
                        client.watched,
                    )
                )
        conn.execute(_LINEAGE)
        conn.execute(
            "select setval('registry.group_client_id_seq', max(id)) from registry.group_client"
        )

    async def _call(self) -> None:
        """Add the fleet up, as the jobs would within the next minutes."""
        caller, some_are_left = RollCall(), True
        async with await open_pool(self._dsn, name="bench", statement_timeout_seconds=600) as pool:
            while some_are_left:
                async with transaction(pool, _SCOPE.settings()) as conn:
                    some_are_left = await caller.turn(conn)


def _row(number: int, terminal: FleetTerminal) -> tuple[object, ...]:
    return (
        number,
        str(terminal.code),
        terminal.name,
        list(terminal.tags),
        terminal.profile_code,
        terminal.client_code,
        terminal.region_code,
        terminal.state.value,
        str(terminal.imei),
        str(terminal.iccid),
        str(terminal.imsi),
        str(terminal.msisdn),
    )
