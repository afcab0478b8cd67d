"""What is wrong with a deployment, each thing with its remedy: looks, and changes nothing."""

import os
import resource
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import psycopg

from deploy.embedded.home import Home
from deploy.spooled import spooled
from foundation.migrate import schema_is_current, scripts
from foundation.settings import Settings

_PATIENCE_SECONDS = 5
_LEAST_FREE_BYTES = 1024**3
_LEAST_FILES = 4096
_LEAST_LOCKS = 1024


class Verdict(StrEnum):
    """How a part is."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part, how it is, and what to do about it."""

    part: str
    verdict: Verdict
    sentence: str
    remedy: str = ""


def examine(settings: Settings, home: Home) -> list[Finding]:
    """Everything there is to say, in the order in which things depend on each other."""
    return [
        *_machine(home),
        *_processes(home),
        *_spool(home),
        *_database(settings, home),
        *_broker(settings, home),
    ]


def _machine(home: Home) -> Iterator[Finding]:
    place = next(path for path in (home.path, *home.path.parents) if path.exists())
    free = shutil.disk_usage(place).free
    said = f"{free / 1024**3:.1f} GiB are free at {place}."
    if free < _LEAST_FREE_BYTES:
        yield Finding("disk", Verdict.WARN, said, "Free some space before the database needs it.")
    else:
        yield Finding("disk", Verdict.OK, said)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    said = f"A process may have {most} files and connections open; {os.cpu_count()} cores."
    if most < _LEAST_FILES:
        yield Finding("limits", Verdict.WARN, said, "Raise the hard limit (ulimit -Hn 65536).")
    else:
        yield Finding("limits", Verdict.OK, said)


def _processes(home: Home) -> Iterator[Finding]:
    if home.supervisor() is None:
        yield Finding("platform", Verdict.OK, f"Nothing runs in {home.path}.")
        return
    for process in home.read_state().processes:
        said = f"It is {process.state}, restarted {process.restarts} times."
        if process.state == "running":
            yield Finding(process.name, Verdict.OK, said)
        else:
            yield Finding(process.name, Verdict.BAD, said, f"See {home.logs / process.name}.log.")


def _spool(home: Home) -> Iterator[Finding]:
    if home.supervisor() is None:
        return
    waiting = spooled(home.read_state())
    if waiting is None:
        return
    if waiting.is_full:
        remedy = "Bring the database back, or raise MUSTER_SPOOL_MAX_BYTES."
        yield Finding("spool", Verdict.BAD, "It is full: nothing more is acknowledged.", remedy)
    elif waiting.messages:
        remedy = "The database does not take what comes, or is catching up: see the bridge's log."
        yield Finding("spool", Verdict.WARN, waiting.told(), remedy)
    else:
        yield Finding("spool", Verdict.OK, waiting.told())


def _database(settings: Settings, home: Home) -> Iterator[Finding]:
    known = home.path / "secrets" / "muster_inspect.dsn"
    if settings.database_url is not None:
        dsn = settings.database()
    elif home.supervisor() is not None and known.exists():
        dsn = known.read_text("utf-8")
    else:
        yield Finding("database", Verdict.OK, "None is set and none runs here.")
        return
    try:
        with psycopg.connect(dsn, connect_timeout=_PATIENCE_SECONDS, autocommit=True) as conn:
            yield from _server(conn)
            yield _schema(conn)
    except psycopg.Error as error:
        yield Finding(
            "database",
            Verdict.BAD,
            f"It cannot be used: {str(error).strip().splitlines()[0]}.",
            "Start it, or correct MUSTER_DATABASE_URL.",
        )


def _server(conn: psycopg.Connection[Any]) -> Iterator[Finding]:
    row = conn.execute(
        "select current_setting('server_version'), current_setting('max_locks_per_transaction'),"
        " current_setting('timescaledb.license', true),"
        " coalesce((select extversion from pg_extension where extname = 'timescaledb'), '')"
    ).fetchone()
    assert row is not None
    version, locks, edition, extension = row
    if extension:
        said = f"PostgreSQL {version} with TimescaleDB {extension} ({edition} edition)."
        yield Finding("database", Verdict.OK, said)
        yield _edition(conn, edition)
    else:
        yield Finding(
            "database",
            Verdict.BAD,
            f"PostgreSQL {version} has no TimescaleDB in this database.",
            "Install it and run `muster migrate`.",
        )
    if int(locks) < _LEAST_LOCKS:
        yield Finding(
            "locks",
            Verdict.BAD,
            f"max_locks_per_transaction is {locks}, too small for tables of many chunks.",
            f"Set it to {_LEAST_LOCKS} and restart PostgreSQL.",
        )


def _edition(conn: psycopg.Connection[Any], edition: str) -> Finding:
    """What the edition of TimescaleDB can do for us, and what it cannot."""
    if edition == "timescale":
        said = "Old readings are compressed, by the jobs."
        return Finding("edition", Verdict.OK, said)
    row = conn.execute(
        "select count(*) from timescaledb_information.chunks where is_compressed"
    ).fetchone()
    if row is not None and row[0]:
        return Finding(
            "edition",
            Verdict.BAD,
            f"{row[0]} chunks are compressed, which the {edition} edition cannot read.",
            "Run the server with timescaledb.license = 'timescale' again.",
        )
    said = f"The {edition} edition does not compress: old readings keep their whole size."
    return Finding("edition", Verdict.OK, said)


def _schema(conn: psycopg.Connection[Any]) -> Finding:
    found = conn.execute("select to_regclass('foundation.migration') is not null").fetchone()
    if found is None or not found[0]:
        return Finding("schema", Verdict.BAD, "There is none.", "Run `muster migrate`.")
    history = dict(conn.execute("select name, sha256 from foundation.migration").fetchall())
    if set(history) - {script.name for script in scripts("migrations")}:
        return Finding(
            "schema", Verdict.BAD, "A newer Muster wrote it.", "Run that version instead."
        )
    if not schema_is_current(history):
        return Finding("schema", Verdict.BAD, "It is not current.", "Run `muster migrate`.")
    return Finding("schema", Verdict.OK, f"It is current ({max(history)}).")


def _broker(settings: Settings, home: Home) -> Iterator[Finding]:
    if settings.broker_url is not None:
        parts = urlsplit(settings.broker_url)
        host = parts.hostname or ""
        port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    elif home.supervisor() is not None:
        state = home.read_state()
        host, port = state.broker_host, state.broker_port
    else:
        yield Finding("broker", Verdict.OK, "None is set and none runs here.")
        return
    try:
        socket.create_connection((host, port), _PATIENCE_SECONDS).close()
    except OSError as error:
        yield Finding(
            "broker",
            Verdict.BAD,
            f"{host}:{port} does not answer: {error}.",
            "Start it, or correct MUSTER_BROKER_URL.",
        )
    else:
        yield Finding("broker", Verdict.OK, f"{host}:{port} answers.")
