"""`muster migrate, bridge, api, jobs, openapi, doctor` as people start them."""

import json
import os
import subprocess
import sys

import psycopg
import pytest

from deploy.embedded.ports import free_port
from deploy.embedded.postgres import Cluster
from tests.conftest import Database


def muster(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")}
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_migrate_brings_an_empty_database_up_to_date(cluster: Cluster) -> None:
    """From nothing to the schema of this version, and a second time to the same."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
        conn.execute("create database to_migrate")
    dsn = cluster.dsn(dbname="to_migrate")

    first = muster("migrate", MUSTER_DATABASE_URL=dsn)
    second = muster("migrate", MUSTER_DATABASE_URL=dsn)

    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
        conn.execute("drop database to_migrate with (force)")
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines()[0] == "applied 0001_registry"
    assert second.stdout == "The schema is up to date.\n"


@pytest.mark.parametrize("command", ["migrate", "bridge", "api", "jobs"])
def test_a_process_without_its_settings_says_so(command: str) -> None:
    """Exit 2 and a sentence that names the variable, before anything starts."""
    ended = muster(command)

    assert ended.returncode == 2
    assert "MUSTER_DATABASE_URL is not set" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_refused_database_is_one_sentence_and_a_remedy(database: Database) -> None:
    """Exit 3 for a database that a newer Muster wrote."""
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute("insert into foundation.migration values ('9999_future', 'x')")

    ended = muster("migrate", MUSTER_DATABASE_URL=database.superuser)

    assert ended.returncode == 3
    assert "newer Muster" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_openapi_prints_the_description() -> None:
    """What the API serves at /openapi.json can be had without starting it."""
    printed = muster("openapi")

    assert printed.returncode == 0
    description = json.loads(printed.stdout)
    assert description["openapi"].startswith("3.1")
    assert "/api/v1/terminals" in description["paths"]


def test_the_doctor_exits_by_what_it_finds(database: Database, tmp_path: object) -> None:
    """0 where nothing is wrong, 1 where something is."""
    home = f"--home={tmp_path}"

    well = muster("doctor", home, MUSTER_DATABASE_URL=database.bridge)
    ill = muster("doctor", home, MUSTER_DATABASE_URL=f"postgresql://127.0.0.1:{free_port()}/x")

    assert (well.returncode, ill.returncode) == (0, 1)
    assert "ok    schema: It is current" in well.stdout
    assert "bad   database:" in ill.stdout
