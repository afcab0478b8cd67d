"""`muster accounts`: a Mosquitto that runs elsewhere gets its files from here."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg

from deploy.embedded.processes import wait_until
from tests.conftest import Database


def test_the_files_follow_the_registry(database: Database, tmp_path: Path) -> None:
    """Configuration and ACL are written at once; a new terminal's account appears by itself."""
    environment = {
        "MUSTER_DATABASE_URL": database.jobs,
        "MUSTER_BROKER_PASSWORD": "bridge-secret",
        "MUSTER_BRIDGE_NAME": "bridge-7",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "accounts", str(tmp_path)],
        env={k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")} | environment,
    )
    passwords = tmp_path / "passwords"
    try:
        assert wait_until(passwords.exists, 30)
        assert [line.split(":")[0] for line in passwords.read_text().splitlines()] == ["bridge-7"]
        assert passwords.stat().st_mode & 0o777 == 0o600
        assert "user bridge-7" in (tmp_path / "acl").read_text()
        assert f"acl_file {tmp_path / 'acl'}" in (tmp_path / "mosquitto.conf").read_text()
        with psycopg.connect(database.superuser) as conn:
            conn.execute(
                "insert into registry.region values (0, 9, 'headquarters', null, 'H', 'H');"
                "insert into registry.profile (code, sector, title_zh, title_en, codec,"
                " expected_interval_seconds) values ('p', 'power', 'p', 'p', 'json', 60);"
                "insert into registry.terminal (code, state, profile_id, region_code)"
                " values ('METER-1', 'testing', 1, 0);"
                "insert into telemetry.bridge (name, session_established_at)"
                " values ('bridge-7', now());"
                "insert into registry.credential (terminal_id, verifier) values (1, '$7$1$a$b')"
            )

        assert wait_until(lambda: "METER-1:$7$1$a$b\n" in passwords.read_text(), 10)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
