"""`python -m api` as a process: how it starts, refuses to, and stops."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from deploy.embedded import certificates
from deploy.embedded.ports import free_port
from deploy.embedded.processes import wait_until
from tests.conftest import Database

CHECKOUT = Path(__file__).parents[2]


@contextmanager
def process(**settings: str) -> Iterator[subprocess.Popen[str]]:
    """The API with these `MUSTER_*` settings and no others; ended afterwards."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")}
    environment: Mapping[str, str] = inherited | {f"MUSTER_{k}": v for k, v in settings.items()}
    with subprocess.Popen(
        [sys.executable, "-m", "api"], cwd=CHECKOUT, env=environment, text=True,
        stderr=subprocess.PIPE,
    ) as started:  # fmt: skip
        try:
            yield started
        finally:
            started.kill()


def is_ready(url: str) -> bool:
    """Whether the process answers that it can serve."""
    try:
        return httpx.get(f"{url}/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def test_sigterm_ends_the_process_with_0(database: Database) -> None:
    """It serves, and after SIGTERM it is gone within seconds, without a traceback."""
    listen = f"127.0.0.1:{free_port()}"
    with process(DATABASE_URL=database.api, API_LISTEN=listen) as api:
        assert wait_until(lambda: is_ready(f"http://{listen}"), 60)
        api.send_signal(signal.SIGTERM)
        _, said = api.communicate(timeout=20)
    assert api.returncode == 0
    assert "Traceback" not in said
    assert "second factors are asked for and cannot be enrolled" in said


def test_settings_that_are_missing_or_wrong_are_all_told(tmp_path: Path) -> None:
    """Exit 2, every fault in one sentence."""
    with process(API_LISTEN="nowhere", LOG_LEVEL="loud") as api:
        _, said = api.communicate(timeout=20)
    assert api.returncode == 2
    assert all(name in said for name in ("MUSTER_API_LISTEN", "MUSTER_LOG_LEVEL"))
    with process() as api:
        _, said = api.communicate(timeout=20)
    assert (api.returncode, "MUSTER_DATABASE_URL is not set" in said) == (2, True)


def test_a_certificate_that_does_not_work_is_a_bad_setting(
    database: Database, tmp_path: Path
) -> None:
    """Exit 2 before anything is listened on."""
    (tmp_path / "not.pem").write_text("not a certificate")
    pem = str(tmp_path / "not.pem")
    with process(
        DATABASE_URL=database.api, API_TLS_CERTIFICATE=pem, API_TLS_KEY=pem
    ) as api:  # fmt: skip
        _, said = api.communicate(timeout=20)
    assert (api.returncode, "MUSTER_API_TLS_CERTIFICATE" in said) == (2, True)


def test_a_taken_address_is_refused_with_3(database: Database) -> None:
    """Exit 3 with a sentence and what to do about it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with process(DATABASE_URL=database.api, API_LISTEN=listen) as api:
            _, said = api.communicate(timeout=20)
    assert api.returncode == 3
    assert "MUSTER_API_LISTEN" in said
    assert "Traceback" not in said


def test_a_database_that_is_away_ends_the_process_with_1() -> None:
    """One sentence and a remedy, no traceback; whoever watches it starts it again."""
    url = f"postgresql://muster_api@127.0.0.1:{free_port()}/muster"
    with process(DATABASE_URL=url, API_LISTEN=f"127.0.0.1:{free_port()}") as api:
        _, said = api.communicate(timeout=40)
    assert api.returncode == 1
    assert "The database does not answer." in said
    assert "Traceback" not in said


def test_with_a_certificate_it_serves_tls(database: Database, tmp_path: Path) -> None:
    """HTTPS on the same address, with a cookie that wants it."""
    made = certificates.ensure(tmp_path, ["127.0.0.1"], datetime.now(UTC))
    trust = ssl.create_default_context(cafile=str(made.ca))
    port = free_port()

    def answers() -> bool:
        try:
            url = f"https://127.0.0.1:{port}/health/live"
            return httpx.get(url, verify=trust).status_code == 200
        except httpx.TransportError:
            return False

    with process(
        DATABASE_URL=database.api, API_LISTEN=f"127.0.0.1:{port}",
        API_TLS_CERTIFICATE=str(made.chain), API_TLS_KEY=str(made.key),
    ) as api:  # fmt: skip
        assert wait_until(answers, 60)
        api.send_signal(signal.SIGTERM)
        api.communicate(timeout=20)
    assert api.returncode == 0
