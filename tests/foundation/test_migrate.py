"""Migrations: once, frozen, safe to repeat, refused where they cannot hold."""

import psycopg
import pytest

from deploy.embedded.postgres import Cluster
from foundation.migrate import SchemaRefused, migrate, scripts
from tests.conftest import Database


def test_a_second_run_applies_nothing(database: Database) -> None:
    """Migrating a current database changes nothing and fails nothing."""
    assert migrate(database.superuser) == []


def test_a_changed_migration_is_refused(database: Database) -> None:
    """History is frozen by hash: an edit of a released file is told by name."""
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute("update foundation.migration set sha256 = 'x' where name = '0001_registry'")

    with pytest.raises(SchemaRefused, match="0001_registry was changed"):
        migrate(database.superuser)


def test_a_newer_database_is_refused(database: Database) -> None:
    """An old Muster never touches what a newer one wrote."""
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute("insert into foundation.migration values ('9999_future', 'x')")

    with pytest.raises(SchemaRefused, match="newer Muster"):
        migrate(database.superuser)


def test_a_database_that_cannot_search_chinese_is_refused(cluster: Cluster) -> None:
    """Under the locale C, Chinese text has no trigrams."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
        conn.execute("create database plain_c template template0 locale 'C' encoding 'UTF8'")

    with pytest.raises(SchemaRefused, match="locale is C"):
        migrate(cluster.dsn(dbname="plain_c"))

    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
        conn.execute("drop database plain_c with (force)")


def test_migrations_are_numbered_without_a_gap() -> None:
    """0001, 0002, ...: the order is the name."""
    names = [script.name for script in scripts("migrations")]

    assert names == sorted(names)
    assert [int(n[:4]) for n in names] == list(range(1, len(names) + 1))


def test_the_inspector_reads_everything_and_changes_nothing(database: Database) -> None:
    """The account of `status --json` sees plain numbers of all terminals, and may write nowhere."""
    migrate(database.superuser)
    with psycopg.connect(database.superuser) as conn:
        conn.execute(
            "insert into registry.region values (0, 9, 'headquarters', null, 'H', 'H');"
            "insert into registry.profile (code, sector, title_zh, title_en, codec,"
            " expected_interval_seconds) values ('meter', 'power', 'm', 'm', 'json', 60);"
            "insert into registry.profile_metric (profile_id, name, position, type, decimals,"
            " title_zh, title_en) values (1, 'energy', 1, 'double', 2, 'e', 'e');"
            "select telemetry.ensure_profile_table(1);"
            "insert into registry.terminal (code, profile_id, region_code) values ('M-1', 1, 0);"
            "insert into registry.ownership values (1, 'M-1', null, '-infinity', null);"
            "insert into telemetry.meter values (now(), 1, 0, 12345)"
        )

    with psycopg.connect(database.inspect, autocommit=True) as conn:
        assert conn.execute("select terminal, energy from visible.meter").fetchall() == [
            ("M-1", 123.45)
        ]
        for change in ("delete from telemetry.meter", "update registry.terminal set name = 'x'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(change.encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select verifier from registry.credential")
