"""The embedded database: what every part of Muster relies on."""

from pathlib import Path

import psycopg
import pytest

from deploy.embedded import processes
from deploy.embedded.postgres import Cluster
from deploy.embedded.runtime import Runtime
from deploy.embedded.server import ServerDidNotStart


def asked(dsn: str, question: str) -> object:
    """The one value that a query answers."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
        assert row is not None
        return row[0]


def test_chinese_text_has_trigrams_and_locks_are_many(cluster: Cluster) -> None:
    """C.UTF-8, TimescaleDB's Apache edition, 1024 locks a transaction, and no telemetry."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute("create extension if not exists pg_trgm")
        connection.execute("create extension if not exists timescaledb")

    assert asked(cluster.dsn(), "select cardinality(show_trgm('中国电力'))") == 5
    assert asked(cluster.dsn(), "show server_encoding") == "UTF8"
    assert asked(cluster.dsn(), "show timescaledb.license") == "apache"
    assert asked(cluster.dsn(), "show timescaledb.telemetry_level") == "off"
    assert asked(cluster.dsn(), "show max_locks_per_transaction") == "1024"
    assert asked(cluster.dsn(), "select now() at time zone 'Asia/Shanghai' is not null") is True


def test_nobody_enters_without_a_password(cluster: Cluster) -> None:
    """Loopback is no proof of who one is: other users of the machine are there, too."""
    address = f"host={cluster.host} port={cluster.port} user=postgres dbname=postgres"

    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(address, passfile="/nonexistent")


def test_what_was_committed_survives_a_power_cut(servers: Runtime, server_directory: Path) -> None:
    """Kill -9 of every process of the durable cluster loses no commit; the port stays."""
    cluster = Cluster(servers, server_directory / "pg")
    cluster.start()
    port = cluster.port
    try:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("create table kept as select 42 as answer")
        backends = processes.children_of(cluster.pid or 0)
        cluster.kill()
        assert backends
        assert not any(map(processes.is_running, backends))

        cluster.start()

        assert asked(cluster.dsn(), "select answer from kept") == 42
        assert cluster.port == port
    finally:
        cluster.stop()


def test_an_interrupted_initialisation_is_begun_again(
    servers: Runtime, server_directory: Path
) -> None:
    """Half a data directory of a run that was killed is no cluster."""
    directory = server_directory / "pg"
    cluster = Cluster(servers, directory, throwaway=True)
    (directory / "data.new" / "base").mkdir(parents=True)
    (directory / "data.new" / "PG_VERSION").write_text("17\n", "utf-8")

    cluster.start()

    assert asked(cluster.dsn(), "select 1") == 1
    cluster.stop()
    assert not (directory / "data.new").exists()


def test_a_home_with_a_long_path_still_has_a_socket(
    servers: Runtime, server_directory: Path
) -> None:
    """A Unix socket's path is short; the cluster finds a place for it and cleans up after it."""
    cluster = Cluster(servers, server_directory / ("long" * 30) / "pg", throwaway=True)
    cluster.start()
    try:
        directory = Path(str(asked(cluster.dsn(), "show unix_socket_directories")))
        assert (directory / f".s.PGSQL.{cluster.port}").exists()
        assert directory.stat().st_mode & 0o077 == 0
    finally:
        cluster.stop()
    assert not directory.exists()


def test_a_port_that_is_taken_is_told_in_the_servers_words(
    cluster: Cluster, servers: Runtime, server_directory: Path
) -> None:
    """Its last fatal words are in the sentence."""
    second = Cluster(servers, server_directory / "pg", port=cluster.port, throwaway=True)

    with pytest.raises(ServerDidNotStart, match=r"FATAL: .*could not create any TCP/IP sockets"):
        second.start()

    assert second.pid is None
