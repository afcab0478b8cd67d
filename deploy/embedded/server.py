"""What both embedded servers share: a directory, a log, one process that starts, stops and dies."""

import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from deploy.embedded import processes
from deploy.embedded.accounts import Account, server_account
from deploy.embedded.processes import ProcessId
from deploy.embedded.runtime import Runtime
from deploy.embedded.system import DiskFull
from foundation.errors import MusterError


class ServerDidNotStart(MusterError):
    """An embedded server did not start."""

    code = "server_did_not_start"
    remedy = "Read the end of its log, which is named here."


class Server(ABC):
    """One server process in a directory of its own, which its account owns.

    Start it from a thread that lives as long as it shall: the kernel ends it with that thread.
    """

    name: str
    stop_signal: signal.Signals
    orphan_signal: signal.Signals

    def __init__(self, runtime: Runtime, directory: Path, host: str, port: int) -> None:
        self.runtime = runtime
        self.account: Account = server_account()
        self.directory = directory
        self.host = host
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log_file(self) -> Path:
        """What the server says."""
        return self.directory / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def process_id(self) -> ProcessId | None:
        """Its process, recognisable after we are gone."""
        return processes.identify(self.pid) if self.pid else None

    def start(self, seconds: float = 60) -> None:
        """Return when it takes connections; `ServerDidNotStart` with the end of its log if not."""
        self.prepare()
        self.log_file.touch(mode=0o600)
        said_before = self.log_file.stat().st_size
        with self.log_file.open("ab") as log:
            self._process = processes.spawn(
                self._command(),
                log=log,
                environment=self.runtime.environment(),
                directory=self.directory,
                user=self.account.switch,
                on_parent_death=self.orphan_signal,
            )
        process = self._process
        answers = processes.wait_until(
            lambda: process.poll() is not None or self._is_ready(said_before), seconds
        )
        if process.poll() is not None or not answers:
            if process.poll() is None:
                self.kill()
            raise self._failure(said_before)

    def stop(self, seconds: float = 60) -> None:
        """End it cleanly; after `seconds` by force."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(self.stop_signal)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End it as a power cut would, with every process that it started."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        children = _children(process.pid)
        process.kill()
        for child in children:
            processes.send(child, signal.SIGKILL)
        process.wait()
        processes.wait_gone(children, 10)

    @abstractmethod
    def prepare(self) -> None:
        """Make directory and files; called before each start."""

    @abstractmethod
    def _command(self) -> Sequence[str | Path]: ...

    @abstractmethod
    def _is_ready(self, said_before: int) -> bool: ...

    def _said_since(self, offset: int) -> str:
        with self.log_file.open("rb") as log:
            log.seek(offset)
            return log.read().decode("utf-8", "replace")

    def _failure(self, said_before: int) -> MusterError:
        said = self._said_since(said_before).strip()
        if "No space left" in said:
            return DiskFull(f"{self.name} did not start: the disk of {self.directory} is full.")
        end = "; ".join(said.splitlines()[-3:]) or "it said nothing"
        return ServerDidNotStart(f"{self.name} did not start ({self.log_file}): {end}")


def _children(pid: int) -> list[ProcessId]:
    """The processes whose parent is `pid`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text("utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found.append(ProcessId(int(entry.name), int(fields[19])))
    return found
