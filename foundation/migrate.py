"""Bring a database to the schema of this version: roles, migrations once, routines each time.

Migrations (`schema/migrations/NNNN_name.sql`) are history: plain SQL, forward only, frozen by hash
once released, each in its own transaction with lock and statement timeouts. Routines
(`schema/routines/*.sql`) are the present: functions, views, policies, replaced on every run.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import psycopg
from psycopg import sql

from foundation.errors import Refused

ROLES = ("muster_owner", "muster_reader", "muster_bridge", "muster_jobs", "muster_api",
         "muster_inspect")  # fmt: skip
_LOCK = 0x6D757374  # one migration at a time in a database ("must")
_LEAST_LOCKS = 1024
Plain = psycopg.Connection[tuple[str, str]]
_HISTORY = """
create schema if not exists foundation authorization muster_owner;
create table if not exists foundation.migration (
    name text primary key,
    sha256 text not null,
    applied_at timestamptz not null default clock_timestamp()
);
alter table foundation.migration owner to muster_owner;
grant usage on schema foundation to muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on foundation.migration to muster_bridge, muster_jobs, muster_api, muster_inspect;
"""


class SchemaRefused(Refused):
    """The database cannot carry Muster's schema."""

    code = "schema_refused"


@dataclass(frozen=True, slots=True)
class Script:
    """One SQL file of the schema."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Hash of the text, by which a released migration is frozen."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def scripts(kind: str) -> list[Script]:
    """All files of `migrations` or `routines`, in the order of their names."""
    folder = files("foundation") / "schema" / kind
    found = [f for f in folder.iterdir() if f.name.endswith(".sql")]
    return [
        Script(f.name.removesuffix(".sql"), f.read_text("utf-8"))
        for f in sorted(found, key=lambda f: f.name)
    ]


def migrate(dsn: str) -> list[str]:
    """Apply what is missing and return the names; safe to interrupt, to repeat and to race.

    Connects as a superuser, or as a role that may create roles and the extension. Raises
    `SchemaRefused` when the server lacks TimescaleDB, locks or the right locale, when a released
    migration was changed, or when the database is newer than this version.
    """
    with psycopg.connect(dsn, autocommit=True, application_name="muster migrate") as conn:
        conn.execute("select pg_advisory_lock(%s)", (_LOCK,))
        _check_server(conn)
        _prepare(conn)
        history: dict[str, str] = dict(
            conn.execute("select name, sha256 from foundation.migration").fetchall()
        )
        wanted = scripts("migrations")
        _check_history(history, wanted)
        applied = [s.name for s in wanted if s.name not in history and _apply(conn, s)]
        with conn.transaction():
            conn.execute("set local role muster_owner")
            for script in scripts("routines"):
                conn.execute(script.text.encode())
    return applied


def set_passwords(dsn: str, directory: Path) -> list[str]:
    """Let each role in of which `directory` has a file, named as the role, with its password."""
    found = [role for role in ROLES if (directory / role).is_file()]
    with psycopg.connect(dsn, autocommit=True, application_name="muster migrate") as conn:
        for role in found:
            password = (directory / role).read_text("utf-8").strip()
            statement = sql.SQL("alter role {} login password {}")
            conn.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
    return found


def schema_is_current(history: dict[str, str]) -> bool:
    """Whether every migration of this version is in `history` (name to hash)."""
    return all(history.get(s.name) == s.sha256 for s in scripts("migrations"))


def _apply(conn: Plain, script: Script) -> bool:
    with conn.transaction():
        conn.execute("set local lock_timeout = '5s'; set local statement_timeout = '10min'")
        conn.execute("set local role muster_owner")
        conn.execute(script.text.encode())
        conn.execute(
            "insert into foundation.migration (name, sha256) values (%s, %s)",
            (script.name, script.sha256),
        )
    return True


def _check_history(history: dict[str, str], wanted: list[Script]) -> None:
    known = {s.name: s.sha256 for s in wanted}
    if newer := sorted(set(history) - set(known)):
        raise SchemaRefused(
            f"The database was written by a newer Muster (it has {newer[-1]}).",
            remedy="Run the newer version, or restore a backup made by this one.",
        )
    if changed := sorted(n for n, h in history.items() if known[n] != h):
        raise SchemaRefused(
            f"Migration {changed[0]} was changed after it was applied.",
            remedy="Put its text back and write a new migration instead.",
        )


def _prepare(conn: Plain) -> None:
    database = conn.info.dbname
    with conn.transaction():
        for role in ROLES:
            exists = conn.execute("select from pg_roles where rolname = %s", (role,)).fetchone()
            if exists is None:
                login = "nologin" if role == "muster_reader" else "login"
                conn.execute(sql.SQL(f"create role {{}} {login}").format(sql.Identifier(role)))
        conn.execute("create extension if not exists timescaledb")
        conn.execute("grant muster_reader to muster_owner")
        conn.execute("grant muster_owner to current_user")
        _let_see_statistics(conn)
        conn.execute("revoke create on schema public from public")
        conn.execute(
            sql.SQL(
                "revoke all on database {db} from public;"
                "grant connect, temporary on database {db} to muster_bridge, muster_jobs,"
                " muster_api, muster_inspect, muster_reader;"
                "grant create, connect, temporary on database {db} to muster_owner;"
                # Looks at everything, and at plain numbers: visible.* without a scope is empty.
                "alter role muster_inspect in database {db} set muster.everything = 'on'"
            ).format(db=sql.Identifier(database))
        )
        conn.execute(_HISTORY)


def _let_see_statistics(conn: Plain) -> None:
    """What connections do is the owner's to see where whoever migrates may say so."""
    may_not = "select where not pg_has_role('muster_owner', 'pg_read_all_stats', 'member')"
    if conn.execute(may_not).fetchone() is not None:
        with suppress(psycopg.errors.InsufficientPrivilege), conn.transaction():
            conn.execute("grant pg_read_all_stats to muster_owner")


def _check_server(conn: Plain) -> None:
    available = conn.execute(
        "select from pg_available_extensions where name = 'timescaledb'"
    ).fetchone()
    if available is None:
        raise SchemaRefused(
            "This PostgreSQL has no TimescaleDB.",
            remedy="Install its package (Debian 13: postgresql-17-timescaledb) and set"
            " shared_preload_libraries = 'timescaledb'.",
        )
    row = conn.execute(
        "select current_setting('max_locks_per_transaction'), datcollate"
        " from pg_database where datname = current_database()"
    ).fetchone()
    assert row is not None
    if int(row[0]) < _LEAST_LOCKS:
        raise SchemaRefused(
            f"max_locks_per_transaction is {row[0]}, too small for tables of many chunks.",
            remedy=f"Set max_locks_per_transaction = {_LEAST_LOCKS} and restart PostgreSQL.",
        )
    if row[1] not in {"C.UTF-8", "C.UTF8", "C.utf8"} and "UTF-8" not in row[1]:
        raise SchemaRefused(
            f"The database's locale is {row[1]}, under which Chinese text cannot be searched.",
            remedy="Create it with LOCALE 'C.UTF-8' (initdb --locale=C.UTF-8).",
        )
