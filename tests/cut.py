"""A database that nobody reaches for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tests.conftest import Database


@contextmanager
def out_of_reach(database: Database) -> Iterator[None]:
    """Nobody of ours is connected to it, or can be."""
    with psycopg.connect(database.superuser, dbname="postgres", autocommit=True) as conn:
        allow = sql.SQL("alter database {} allow_connections {}")
        name = sql.Identifier(database.name)
        conn.execute(allow.format(name, sql.SQL("false")))
        try:
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = %s and application_name like 'muster%%'",
                (database.name,),
            )
            yield
        finally:
            conn.execute(allow.format(name, sql.SQL("true")))
