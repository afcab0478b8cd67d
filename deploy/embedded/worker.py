"""A process of our own (bridge, jobs, API, simulator) as the supervisor runs it."""

import http.client
import os
import ssl
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import deploy
from deploy.embedded.server import Server

_CHECKOUT = Path(deploy.__file__).resolve().parent.parent
_PROBE_SECONDS = 1.0
_LARGEST_LOG_BYTES = 20_000_000

# What the stack decides for its processes; every other MUSTER_* setting is handed on as given.
_DECIDED = ("DATABASE_URL", "BROKER_URL", "BROKER_PASSWORD", "BROKER_CA_FILE", "HOME", "CACHE",
            "API_LISTEN", "API_TLS_CERTIFICATE", "API_TLS_KEY", "METRICS_LISTEN",
            "BRIDGE_NAME")  # fmt: skip


class Worker(Server):
    """`python -m MODULE ARGUMENTS` with `settings` in its environment.

    Ready when `/health/ready` at `health` (host:port) says so, or at once when it has no such door.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        command: Sequence[str | Path],
        settings: Mapping[str, str],
        *,
        health: str | None = None,
        tls: bool = False,
    ) -> None:
        super().__init__(name, directory)
        self._arguments = list(command)
        self._settings = dict(settings)
        self._health = health
        self._tls = tls

    def prepare(self) -> None:
        """Keep one old log, so that none grows for ever."""
        if self.log_file.exists() and self.log_file.stat().st_size > _LARGEST_LOG_BYTES:
            self.log_file.rename(self.log_file.with_suffix(".log.1"))

    def is_ready(self) -> bool:
        """Whether it says that it is."""
        return self._health is None or answers(self._health, "/health/ready", tls=self._tls)

    def _command(self) -> Sequence[str | Path]:
        return [sys.executable, "-m", *self._arguments]

    def _environment(self) -> Mapping[str, str]:
        decided = {f"MUSTER_{name}{suffix}" for name in _DECIDED for suffix in ("", "_FILE")}
        kept = {name: text for name, text in os.environ.items() if name not in decided}
        return kept | {"PYTHONPATH": str(_CHECKOUT)} | self._settings


def answers(listen: str, path: str, *, tls: bool) -> bool:
    """Whether an HTTP GET of `path` on this machine says 200."""
    host, _, port = listen.rpartition(":")
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False  # our own child on our own machine: only liveness is asked
        context.verify_mode = ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host.strip("[]"), int(port), timeout=_PROBE_SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
