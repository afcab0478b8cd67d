"""`muster migrate` as production runs it: roles let in, one administrator, nothing of a demo."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg

from registry.credentials import random_secret
from tests.conftest import Database


def migrate(database: Database, directory: Path) -> subprocess.CompletedProcess[str]:
    """The command with both its options."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "deploy.cli", "migrate", "--passwords", str(directory)),
            *("--first-admin", str(directory / "admin")),
        ],
        env={k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")}
        | {"MUSTER_DATABASE_URL": database.superuser},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_new_database_gets_its_first_administrator_once(
    database: Database, tmp_path: Path
) -> None:
    """Run twice with another password: the first one stays, and there is no demonstration."""
    (tmp_path / "admin").write_text(random_secret())
    first = migrate(database, tmp_path)
    with psycopg.connect(database.superuser) as conn:
        before = conn.execute(
            "select name, role, must_change_password, password_hash from registry.user_account"
        )
        users = before.fetchall()
        terminals = conn.execute("select count(*) from registry.terminal").fetchone()
        profiles = conn.execute("select count(*) from registry.profile").fetchone()
    (tmp_path / "admin").write_text(random_secret())
    second = migrate(database, tmp_path)
    with psycopg.connect(database.superuser) as conn:
        after = conn.execute(
            "select name, role, must_change_password, password_hash from registry.user_account"
        )

        assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
        assert [user[:3] for user in users] == [("admin", "admin", True)]
        assert after.fetchall() == users
        assert (terminals, profiles) == ((0,), (5,))
