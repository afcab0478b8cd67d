"""Several bridges on one machine: one process each, with a name, a session and a spool of its own.

They share the messages by a shared subscription. The names stay the same from run to run: what the
broker keeps for a worker that died is there for the one that comes back under its name.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType
from urllib.parse import quote, urlsplit

from deploy.embedded.processes import dies_with_parent
from foundation.errors import Refused
from foundation.logs import get_logger
from foundation.settings import Settings

log = get_logger(__name__)

_TICK_SECONDS = 0.1
_BACK_OFF_SECONDS = (0.5, 30.0)
_STEADY_SECONDS = 60.0
_WRONG_SETTINGS = 2


class WorkersWithoutShare(Refused):
    """More than one worker needs a shared subscription: each would get every message."""

    code = "workers_without_share"
    remedy = "Set MUSTER_SHARED_GROUP to a name, the same for all bridges of this broker."


@dataclass(slots=True)
class _Worker:
    """One bridge process and how it fared."""

    name: str
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    due_at: float = 0.0

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "broker_bridge"],
            env=dict(self.environment),
            preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
        )

    def note_end(self, code: int) -> None:
        first, longest = _BACK_OFF_SECONDS
        if time.monotonic() - self.started_at > _STEADY_SECONDS:
            self.failures = 0
        wait = min(longest, first * 2.0**self.failures)
        self.failures += 1
        self.process, self.due_at = None, time.monotonic() + wait
        log.warning("a worker ended", name=self.name, code=code, restart_seconds=wait)


def environments(
    settings: Settings, workers: int, given: Mapping[str, str]
) -> list[dict[str, str]]:
    """The environment of each worker: its name, account, spool and door for metrics, else as given.

    `bridge-1` and three workers are `bridge-1`, `bridge-2` and `bridge-3`, each its own account at
    the broker with the same password; metrics are served on ports in a row, and each spool is a
    directory in the one that was named.
    """
    if workers > 1 and settings.shared_group is None:
        raise WorkersWithoutShare
    settings.require("broker_url")
    url = urlsplit(settings.broker_url or "")
    stem = re.sub(r"-\d+$", "", settings.bridge_name)
    host, _, port = settings.metrics_listen.rpartition(":")
    found = []
    for number in range(1, workers + 1):
        name = f"{stem}-{number}"
        where = url.netloc.rpartition("@")[2]
        own = {
            "MUSTER_BRIDGE_NAME": name,
            "MUSTER_BROKER_URL": url._replace(netloc=f"{quote(name)}@{where}").geturl(),
            "MUSTER_METRICS_LISTEN": f"{host}:{int(port) + number - 1}",
        }
        if settings.spool is not None:
            own["MUSTER_SPOOL"] = str(settings.spool / name)
        found.append(dict(given) | own)
    return found


def run(settings: Settings, workers: int) -> int:
    """Keep so many bridges running until SIGTERM or SIGINT; returns the exit code."""
    each = environments(settings, workers, os.environ)
    crew = [_Worker(one["MUSTER_BRIDGE_NAME"], one) for one in each]
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    code = 0
    while not stopping:
        for worker in crew:
            if worker.process is None:
                if time.monotonic() >= worker.due_at:
                    worker.start()
            elif (ended := worker.process.poll()) is not None:
                worker.note_end(ended)
                if ended == _WRONG_SETTINGS:
                    stopping, code = True, ended
        time.sleep(_TICK_SECONDS)
    running = [worker.process for worker in crew if worker.process is not None]
    for process in running:
        process.terminate()
    for process in running:
        code = process.wait(settings.stop_deadline_seconds + 10) or code
    return code
