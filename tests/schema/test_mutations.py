"""The mutation check: each wall taken down alone, and a probe that notices.

A probe that stays the same without a wall would prove nothing with it. The probe looks from both
provinces and both clients, from nowhere and from everywhere, as the API's role with every grant
there is, so that only policies, scope functions and ownership intervals stand between it and rows.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from foundation.migrate import scripts
from registry.model import RegionRange
from registry.scope import Role, Scope
from tests.api.parted import CLIENTS, REGIONS, Parted

Plain = psycopg.Connection[tuple[Any, ...]]
Found = dict[tuple[str, str], object]

MORE_ROWS = (
    "Put rows of both clients into tests/api/parted.py, so that the probe can tell the policies of"
)

# Asked of the jobs process alone; `tests/registry/test_imports_told.py` misses it.
OF_THE_JOBS = "registry.acts_for_muster"

OPENED = sql.SQL("alter policy {} using (true)")
CHECKLESS = sql.SQL("alter policy {} with check (true)")
DROPPED = sql.SQL("drop policy {}")


@pytest.fixture(scope="module")
def scopes(parted_country: Parted) -> dict[str, Scope]:
    """The scopes to look from, by name; one that sees everything would miss its own policies."""
    found = {
        view: Scope.of_role(
            f"user:operator.{view}", Role.OPERATOR, region=RegionRange(code, code + 9999)
        )
        for view, code in REGIONS.items()
    }
    found["everything"] = Scope.of_role("user:admin", Role.ADMIN)
    found["nothing"] = Scope.of_role("key:mk_nothing", Role.SCRAPER)
    with psycopg.connect(parted_country.world.database.superuser) as conn:
        for name, code in CLIENTS.items():
            query = "select id from registry.group_client where code = %s"
            [client] = conn.execute(query, (code,)).fetchall()
            found[name] = Scope.of_role(
                "probe", Role.CLIENT_VIEWER, group_clients=frozenset(client)
            )
    return found


@contextmanager
def undone(parted_country: Parted) -> Iterator[Plain]:
    """A superuser's transaction that leaves nothing behind."""
    with (
        psycopg.connect(parted_country.world.database.superuser) as conn,
        conn.transaction(force_rollback=True),
    ):
        conn.execute("grant all on all tables in schema registry to muster_api")
        conn.execute(
            "grant all on telemetry.rule, telemetry.alarm, telemetry.alarm_note,"
            " telemetry.maintenance_window, telemetry.storm_threshold, telemetry.profile_storage,"
            " telemetry.notification_channel, telemetry.channel_state,"
            " telemetry.notification_delivery to muster_api"
        )
        yield conn


@contextmanager
def looking(conn: Plain, scope: Scope) -> Iterator[None]:
    """As the API's role under a scope, for a while."""
    with conn.transaction(force_rollback=True):
        for name, value in scope.settings().items():
            conn.execute("select set_config(%s, %s, true)", (name, value))
        conn.execute("set local role muster_api")
        yield


def rows(conn: Plain, relation: str) -> frozenset[str]:
    """Everything that a relation shows, as text."""
    query = sql.SQL("select r::text from {} r").format(sql.Identifier(*relation.split(".")))
    return frozenset(row[0] for row in conn.execute(query).fetchall())


def attempted(conn: Plain, query: sql.Composed, parameters: Sequence[object] = ()) -> int | str:
    """How many rows a statement touches, or the SQLSTATE of its refusal."""
    try:
        with conn.transaction(force_rollback=True):
            return conn.execute(query, parameters).rowcount
    except psycopg.Error as error:
        return error.sqlstate or "no state"


def probe_of_table(conn: Plain, scopes: dict[str, Scope], relation: str) -> Found:
    """What each scope reads, changes, deletes and puts into a table."""
    name = sql.Identifier(*relation.split("."))
    written = conn.execute(
        "select attname, attidentity from pg_attribute where attrelid = %s::regclass"
        " and attnum > 0 and not attisdropped and attgenerated = '' order by attnum",
        (relation,),
    ).fetchall()
    columns = sql.SQL(", ").join(sql.Identifier(column) for column, _ in written)
    last = [column for column, identity in written if not identity][-1]
    change = sql.SQL("update {t} set {c} = {c}").format(t=name, c=sql.Identifier(last))
    put = sql.SQL(
        "insert into {t} ({columns}) overriding system value"
        " select {columns} from jsonb_populate_record(null::{t}, %s::jsonb)"
    ).format(t=name, columns=columns)
    everything = conn.execute(
        sql.SQL("select r::text, to_jsonb(r)::text from {} r order by 1").format(name)
    ).fetchall()
    found: Found = {}
    for view, scope in scopes.items():
        with looking(conn, scope):
            seen = rows(conn, relation)
            all_ = [row for _, row in everything]
            foreign = [row for text, row in everything if text not in seen] or all_ or ["{}"]
            found[view, "read"] = seen
            found[view, "changed"] = attempted(conn, change)
            found[view, "put"] = attempted(conn, put, (foreign[0],))
    return found


def probe_of_all(conn: Plain, scopes: dict[str, Scope], relations: Sequence[str]) -> Found:
    """What each scope reads of everything."""
    found: Found = {}
    for view, scope in scopes.items():
        with looking(conn, scope):
            found |= {(view, relation): rows(conn, relation) for relation in relations}
    return found


def policies(conn: Plain) -> list[tuple[str, str, str, str]]:
    """Table, name, command and rule of each policy that keeps something from the API's role."""
    return conn.execute(
        "select schemaname || '.' || tablename, policyname, cmd, qual from pg_policies"
        " where (roles @> '{muster_api}' or roles @> '{muster_reader}' or roles @> '{public}')"
        " and qual is distinct from 'true' order by 1, 2"
    ).fetchall()


def guarded(conn: Plain) -> list[str]:
    """Every relation whose rows are somebody's: under policies, or a view over such."""
    found = conn.execute(
        "select relnamespace::regnamespace || '.' || relname from pg_class"
        " where relnamespace::regnamespace::text in ('registry', 'telemetry') and relrowsecurity"
        " or relnamespace = 'visible'::regnamespace order by 1"
    ).fetchall()
    return [name for (name,) in found]


def test_each_policy_is_missed_when_it_lets_everything_through(
    parted_country: Parted, scopes: dict[str, Scope]
) -> None:
    """`using (true)`, `with check (true)`, no policy at all: each changes what somebody can do."""
    unnoticed = set()
    with undone(parted_country) as conn:
        for table, policy, command, rule in policies(conn):
            intact = probe_of_table(conn, scopes, table)
            where = sql.SQL("{} on {}").format(
                sql.Identifier(policy), sql.Identifier(*table.split("."))
            )
            for weakened in (OPENED, CHECKLESS, DROPPED):
                if (weakened, rule) == (DROPPED, "false"):
                    continue  # nobody's with it, nobody's without it
                if (weakened, command) == (CHECKLESS, "SELECT"):
                    continue  # nothing is written under it
                with conn.transaction(force_rollback=True):
                    conn.execute(weakened.format(where))
                    if probe_of_table(conn, scopes, table) == intact:
                        unnoticed.add((table, weakened.as_string()))

    assert unnoticed == set(), f"{MORE_ROWS} {sorted({table for table, _ in unnoticed})}."


def test_each_policy_is_forced(parted_country: Parted, scopes: dict[str, Scope]) -> None:
    """Row-level security switched off on a table shows rows to somebody who had none of them."""
    unnoticed = set()
    with undone(parted_country) as conn:
        for table in sorted({table for table, *_ in policies(conn)}):
            intact = probe_of_table(conn, scopes, table)
            with conn.transaction(force_rollback=True):
                off = sql.SQL("alter table {} disable row level security")
                conn.execute(off.format(sql.Identifier(*table.split("."))))
                if probe_of_table(conn, scopes, table) == intact:
                    unnoticed.add(table)

    assert unnoticed == set()


def test_each_function_of_the_scope_is_missed_when_it_says_yes(
    parted_country: Parted, scopes: dict[str, Scope]
) -> None:
    """What policies ask of the scope, answered for everything and everybody."""
    answers = {"boolean": "true", "text": "'user:operator.jiangsu'",
               "SETOF integer": "c.id from registry.group_client c",
               "integer[]": "array(select c.id from registry.group_client c)"}  # fmt: skip
    with undone(parted_country) as conn:
        asked = conn.execute(
            "select p.oid::regproc::text, pg_get_function_arguments(p.oid),"
            " pg_get_function_result(p.oid), p.prosecdef from pg_proc p where exists ("
            "  select from pg_depend d where d.refclassid = 'pg_proc'::regclass"
            "  and d.refobjid = p.oid and (d.classid = 'pg_policy'::regclass or d.classid ="
            "   'pg_proc'::regclass and d.objid in (select x.refobjid from pg_depend x"
            "    where x.classid = 'pg_policy'::regclass and x.refclassid = 'pg_proc'::regclass)))"
            " and p.pronamespace = 'registry'::regnamespace and p.oid::regproc::text <> %s"
            " order by 1",
            (OF_THE_JOBS,),
        ).fetchall()
        relations = guarded(conn)
        intact = probe_of_all(conn, scopes, relations)
        unnoticed = set()
        for name, arguments, result, definer in asked:
            limit = "-1" if name.endswith("low") else "1000000"
            if name == "registry.own_user_id":
                limit = "id from registry.user_account where name = 'operator.jiangsu'"
            with conn.transaction(force_rollback=True):
                conn.execute(
                    f"create or replace function {name}({arguments}) returns {result} language sql"
                    f" stable {'security definer' if definer else ''}"
                    f" as $$ select {answers.get(result, limit)} $$".encode()
                )
                if probe_of_all(conn, scopes, relations) == intact:
                    unnoticed.add(name)

    assert len(asked) >= 8
    assert unnoticed == set()


# How a view over telemetry keeps to the owner of the moment.
_INTERVAL = re.compile(
    r"\n\s+and \w\.\w+ >= o\.valid_from and \(o\.valid_to is null or \w\.\w+ < o\.valid_to\)"
)


def test_each_ownership_interval_is_missed(
    parted_country: Parted, scopes: dict[str, Scope]
) -> None:
    """A view that forgets when its owner owned shows somebody another one's moments."""
    with undone(parted_country) as conn:
        relations = [name for name in guarded(conn) if name.startswith("visible.")]
        intact = probe_of_all(conn, scopes, relations)
        cut, unnoticed = 0, set()
        for script in scripts("routines"):
            for interval in _INTERVAL.finditer(script.text):
                cut += 1
                forgetful = script.text[: interval.start()] + script.text[interval.end() :]
                with conn.transaction(force_rollback=True):
                    conn.execute("set local role muster_owner")
                    conn.execute(forgetful.encode())
                    conn.execute("select telemetry.ensure_profile_table(id) from registry.profile")
                    conn.execute("reset role")
                    if probe_of_all(conn, scopes, relations) == intact:
                        unnoticed.add((script.name, interval.start()))

    assert cut >= 4
    assert unnoticed == set()
