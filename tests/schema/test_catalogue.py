"""The catalogue of the database: what the API's role can reach, in every schema there is."""

import re
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.api.parted import Parted
from tests.conftest import Database
from tests.country import everything

# What the API's role reads without a scope, and why it may.
THE_SAME_FOR_ALL = {
    "visible.presence_clock": "until when presence is known, of nobody in particular",
    "visible.roll_call_clock": "until when the sums of the fleet are known",
    "foundation.migration": "which migrations ran",
    "registry.region": "reference data",
    "registry.industry": "reference data",
    "visible.supervision_clock": "until when bindings are counted",
    "registry.tier": "global to read, the headquarters' to change",
    "telemetry.storm_threshold": "global to read, the headquarters' to change",
    "registry.network": "reference data",
    "registry.number_range": "reference data",
    "registry.profile": "global to read, the headquarters' to define",
    "registry.profile_metric": "global to read, the headquarters' to define",
}
# The extension's own: names of tables, times and sizes of chunks, which everybody may read; never
# a chunk itself.
_OF_THE_EXTENSION = re.compile(r"_?timescaledb_\w+\.(?!_hyper|compress_hyper|_materialized)")
# Schemas in which readings and their roll-ups lie.
_UNDERNEATH = ("telemetry.", "rolled.", "_timescaledb")
# What the API's role takes away for good; all else it ends, and it stays on record.
DELETED = {
    "registry.assignment": "what has not begun yet is called off",
    "registry.package_profile": "a package is made of others",
    "registry.wire_name": "a name is given to another terminal",
    "registry.collection": "a set is taken apart, and its terminals stay",
    "registry.collection_member": "a terminal is taken out of a set",
    "registry.import_secret": "passwords are handed out once",
}


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(query.encode()).fetchall()


def relations(database: Database) -> list[tuple[str, str]]:
    """Schema and name of every table, view, chunk and sequence that is not PostgreSQL's own."""
    return rows(
        database.superuser,
        "select relnamespace::regnamespace::text, relname from pg_class where relkind in"
        " ('r', 'p', 'v', 'm', 'f', 'S') and relnamespace::regnamespace::text not in"
        " ('pg_catalog', 'information_schema', 'pg_toast') and relpersistence <> 't'",
    )


def can_read(database: Database, settings: dict[str, str]) -> set[str]:
    """The relations from which the API's role gets a row under these settings."""
    found = set()
    with psycopg.connect(database.api, autocommit=True) as conn:
        for name, value in settings.items():
            conn.execute("select set_config(%s, %s, false)", (name, value))
        for schema, name in relations(database):
            query = sql.SQL("select from {} limit 1").format(sql.Identifier(schema, name))
            try:
                if conn.execute(query).fetchone() is not None:
                    found.add(f"{schema}.{name}")
            except psycopg.errors.InsufficientPrivilege:
                continue
    return found


# Tables of telemetry that are no hypertables, and are guarded as the registry's are.
UNDER_POLICIES = {
    "telemetry.rule", "telemetry.alarm", "telemetry.alarm_note", "telemetry.storm_threshold",
    "telemetry.maintenance_window", "telemetry.profile_storage", "telemetry.notification_channel",
    "telemetry.channel_state", "telemetry.notification_delivery",
}  # fmt: skip


def is_the_extensions(relation: str) -> bool:
    return _OF_THE_EXTENSION.match(relation) is not None


def test_without_a_scope_the_api_reads_what_is_the_same_for_all(parted_country: Parted) -> None:
    """Of every relation in every schema: no row but the reference data's."""
    seen = {
        name for name in can_read(parted_country.world.database, {}) if not is_the_extensions(name)
    }

    assert seen == set(THE_SAME_FOR_ALL)


def test_telemetry_is_out_of_reach_but_through_ownership(parted_country: Parted) -> None:
    """With the widest scope no hypertable, chunk or roll-up answers, only the views over them."""
    found = can_read(parted_country.world.database, everything.settings())
    seen = {name for name in found if not is_the_extensions(name)}

    assert {name for name in seen if name.startswith(_UNDERNEATH)} == UNDER_POLICIES
    assert {"visible.smart_meter", "visible.event", "visible.latest", "visible.quarantine"} <= seen


@pytest.mark.parametrize("setting", ["muster.everything", "muster.region_high"])
def test_a_scope_that_is_no_scope_fails_closed(parted_country: Parted, setting: str) -> None:
    """A setting that cannot be read is an error or nothing, never everything."""
    with psycopg.connect(parted_country.world.database.api, autocommit=True) as conn:
        conn.execute("select set_config('muster.region_low', '0', false)")
        conn.execute("select set_config(%s, 'nonsense', false)", (setting,))
        try:
            seen = conn.execute("select code from registry.terminal").fetchall()
        except psycopg.errors.DataError:
            seen = []

    assert seen == []


def test_our_roles_own_nothing_and_pass_nothing(parted_country: Parted) -> None:
    """No login is a superuser, above policies, a maker of roles, another role, or an owner."""
    above = rows(
        parted_country.world.database.superuser,
        "select rolname from pg_roles where rolname like 'muster\\_%' and (rolsuper or rolbypassrls"
        " or rolcreaterole or rolcreatedb or rolreplication)",
    )
    members = rows(
        parted_country.world.database.superuser,
        "select member::regrole::text, roleid::regrole::text from pg_auth_members"
        " where member::regrole::text like 'muster\\_%'",
    )
    owners = rows(
        parted_country.world.database.superuser,
        "select distinct refobjid::regrole::text from pg_shdepend where deptype = 'o'"
        " and dbid = (select oid from pg_database where datname = current_database())",
    )

    assert above == []
    # Of statistics it shows what others' connections do, to who sees everything (decision 28).
    assert set(members) == {
        ("muster_owner", "muster_reader"),
        ("muster_owner", "pg_read_all_stats"),
    }
    assert {name for (name,) in owners} <= {"muster_owner", "muster_reader"}


def test_the_api_makes_no_objects(parted_country: Parted) -> None:
    """It cannot create in any schema, and neither truncates nor hangs triggers on any relation."""
    creates = rows(
        parted_country.world.database.superuser,
        "select nspname from pg_namespace where has_schema_privilege('muster_api', oid, 'create')"
        " and nspname !~ '^pg_(toast_)?temp'",
    )
    bends = rows(
        parted_country.world.database.superuser,
        "select oid::regclass::text from pg_class where relkind in ('r', 'p', 'v', 'm', 'f')"
        " and has_table_privilege('muster_api', oid, 'truncate, references, trigger')"
        " and relnamespace::regnamespace::text !~ '^pg_'",
    )

    assert creates == []
    assert bends == []


def test_the_api_deletes_hardly_anything(parted_country: Parted) -> None:
    """What people did stays on record; each exception says why."""
    deletes = rows(
        parted_country.world.database.superuser,
        "select oid::regclass::text from pg_class where relkind in ('r', 'p', 'v')"
        " and has_table_privilege('muster_api', oid, 'delete')"
        " and relnamespace::regnamespace::text !~ '^pg_'",
    )

    assert {name for (name,) in deletes} == set(DELETED)


def test_no_policy_of_the_api_lets_everything_through(parted_country: Parted) -> None:
    """Each of its policies asks something of the scope; what is open is what all may read."""
    open_ = rows(
        parted_country.world.database.superuser,
        "select schemaname || '.' || tablename, cmd from pg_policies"
        " where (roles @> '{muster_api}' or roles @> '{muster_reader}' or roles @> '{public}')"
        " and (qual = 'true' or with_check = 'true')",
    )

    assert {(name, cmd) for name, cmd in open_} == {
        ("registry.profile", "SELECT"),
        ("registry.profile_metric", "SELECT"),
        ("registry.tier", "SELECT"),
        ("telemetry.storm_threshold", "SELECT"),
    }


def test_what_runs_as_the_owner_is_not_everybodys_to_call(parted_country: Parted) -> None:
    """A definer function is granted by name; left unsaid, PostgreSQL grants it to everybody."""
    callable_ = rows(
        parted_country.world.database.superuser,
        "select p.oid::regprocedure::text from pg_proc p where p.prosecdef"
        " and p.pronamespace::regnamespace::text in ('registry', 'telemetry', 'visible')"
        " and (p.proacl is null or exists (select from aclexplode(p.proacl) a"
        "      where a.grantee = 0 and a.privilege_type = 'EXECUTE'))",
    )

    assert callable_ == []
