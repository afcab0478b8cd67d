"""The house rules of the database: indexes, policies, named constraints, queries that are true."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

import foundation.database
import registry.errors  # noqa: F401 - registers what it translates
from foundation import queries
from foundation.migrate import scripts
from tests.conftest import Database

ROOT = Path(__file__).parent.parent.parent
QUERY_FILES = sorted(
    path.relative_to(ROOT)
    for package in ("registry", "telemetry", "broker_bridge", "api", "deploy")
    for path in (ROOT / package).rglob("*.sql")
)

# Tables without row-level security, and why.
OPEN = {
    "region": "reference data, the same for everybody",
    "industry": "reference data, the same for everybody",
    "network": "reference data, the same for everybody",
    "number_range": "reference data, the same for everybody",
    "change": "ids and times only, for our own processes",
}


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.superuser) as conn:
        return conn.execute(query.encode()).fetchall()


def test_every_foreign_key_is_indexed(database: Database) -> None:
    """What refers to a row is found from it; otherwise each delete and join reads the table."""
    bare = rows(
        database,
        """select c.conrelid::regclass::text, c.conname from pg_constraint c
        where c.contype = 'f' and c.connamespace::regnamespace::text in ('registry', 'telemetry')
        and not exists (select from pg_index i where i.indrelid = c.conrelid
            and (i.indkey::int2[])[0:array_length(c.conkey, 1) - 1] @> c.conkey
            and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) like '%is not null%'
                or pg_get_expr(i.indpred, i.indrelid) like '%IS NOT NULL%'))""",
    )

    assert bare == []


def test_every_table_is_under_forced_policies_or_explained(database: Database) -> None:
    """Row-level security binds the owner, too; what is open is the same for everybody."""
    unguarded = rows(
        database,
        "select relname from pg_class where relnamespace = 'registry'::regnamespace"
        " and relkind in ('r', 'p') and not (relrowsecurity and relforcerowsecurity)",
    )

    assert {name for (name,) in unguarded} == set(OPEN)


def test_every_guarded_table_has_a_policy_for_the_door(database: Database) -> None:
    """A table without a policy for the API is either not granted to it or forgotten."""
    forgotten = rows(
        database,
        """select c.relname from pg_class c where relnamespace = 'registry'::regnamespace
        and relkind = 'r' and relrowsecurity and not exists (select from pg_policies p
            where p.schemaname = 'registry' and p.tablename = c.relname
            and (p.roles @> '{muster_api}' or p.roles @> '{public}'))""",
    )

    assert forgotten == []


def test_every_view_of_telemetry_is_a_barrier_owned_by_the_reader(database: Database) -> None:
    """So that no function in a query sees a row before ownership was checked."""
    leaking = rows(
        database,
        """select relname from pg_class where relnamespace = 'visible'::regnamespace
        and (relkind <> 'v' or pg_get_userbyid(relowner) <> 'muster_reader'
             or not coalesce(reloptions @> '{security_barrier=true}', false))""",
    )

    assert leaking == []


def test_definer_functions_cannot_be_led_astray(database: Database) -> None:
    """Each has a fixed search path, so that no object of a caller's stands in for ours."""
    loose = rows(
        database,
        """select p.proname from pg_proc p
        where p.pronamespace::regnamespace::text in ('registry', 'telemetry') and p.prosecdef
        and p.proconfig is distinct from '{"search_path=pg_catalog, pg_temp"}'""",
    )

    assert loose == []


def test_every_translated_constraint_exists(database: Database) -> None:
    """A renamed constraint would silently lose its sentence."""
    known = rows(
        database,
        "select conname from pg_constraint union select relname from pg_class where relkind = 'i'"
        " union select tgname from pg_trigger",
    )

    assert set(foundation.database._refusals) - {name for (name,) in known} == set()


@pytest.mark.parametrize("file", QUERY_FILES, ids=str)
def test_every_named_query_prepares(database: Database, file: Path) -> None:
    """Each query is true of the migrated schema: its tables, columns and types exist."""
    named = queries.parse((ROOT / file).read_text("utf-8"))

    refused = {}
    for name in named.names():
        try:
            _prepare(database, getattr(named, name))
        except psycopg.Error as error:
            refused[name] = str(error)
    assert refused == {}


def _prepare(database: Database, query: str) -> None:
    names: list[str] = []

    def numbered(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    text = re.sub(r"%\((\w+)\)[sbt]", numbered, query).replace("%%", "%").rstrip("; \n")
    with psycopg.connect(database.superuser) as conn:
        conn.execute(f"prepare checked as {text}".encode())


def test_no_table_is_rewritten_below_a_function_that_takes_its_rows() -> None:
    """PostgreSQL refuses that where the version before has been: the function is dropped first."""
    taken = set()
    for script in scripts("routines"):
        for arguments in re.findall(r"create or replace function \S+?\(([^)]*)\)", script.text):
            taken |= set(re.findall(r"\b((?:registry|telemetry)\.\w+)\b", arguments))
    rewriting = re.compile(r"generated always as \(|alter column \w+ (?:set data )?type\b")

    assert "telemetry.rule" in taken
    for script in scripts("migrations"):
        for table, change in re.findall(r"alter table (\w+\.\w+)\b(.*?);", script.text, re.DOTALL):
            if table in taken and rewriting.search(change):
                assert f"({table}" in script.text.partition(f"alter table {table}")[0], script.name
