"""One process that starts, becomes ready, stops or dies, and logs to a file."""

import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
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
    """One process in a directory of its own, logging to a file there.

    Start it from a thread that lives as long as it shall: the kernel ends it with that thread.
    """

    stop_signal = signal.SIGTERM
    orphan_signal = signal.SIGTERM  # what the kernel sends it when we die without a word

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._said_before = 0

    @property
    def log_file(self) -> Path:
        """What it says."""
        return self.directory / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs, or when it was never started or was stopped by us."""
        return self._process.poll() if self._process else None

    def process_id(self) -> ProcessId | None:
        """Its process, recognisable after we are gone."""
        return processes.identify(self.pid) if self.pid else None

    def start(self, seconds: float = 60) -> None:
        """Return when it is ready; `ServerDidNotStart` with the end of its log if it is not."""
        self.launch()
        process = self._process
        assert process is not None
        answered = processes.wait_until(
            lambda: process.poll() is not None or self.is_ready(), seconds
        )
        if process.poll() is not None or not answered:
            error = self.failure()
            self.kill()
            raise error

    def launch(self) -> None:
        """Start the process and return at once; `is_ready` says when it can be used."""
        self.prepare()
        self.log_file.touch(mode=0o600)
        self._said_before = self.log_file.stat().st_size
        with self.log_file.open("ab") as log:
            self._process = processes.spawn(
                self._command(),
                log=log,
                environment=self._environment(),
                directory=self.directory,
                user=self._user(),
                on_parent_death=self.orphan_signal,
            )

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
        children = processes.children_of(process.pid)
        process.kill()
        for child in children:
            processes.send(child, signal.SIGKILL)
        process.wait()
        processes.wait_gone(children, 10)

    def failure(self) -> MusterError:
        """What is to be said when it did not become ready: the end of its log."""
        said = self.said().strip()
        if "No space left" in said:
            return DiskFull(f"{self.name} did not start: the disk of {self.directory} is full.")
        lines = said.splitlines()
        worst = [line for line in lines if "FATAL" in line or "Error" in line] or lines
        end = "; ".join(worst[-3:]) or "it said nothing"
        return ServerDidNotStart(f"{self.name} did not start ({self.log_file}): {end}")

    def said(self) -> str:
        """What it logged since it was last launched."""
        with self.log_file.open("rb") as log:
            log.seek(self._said_before)
            return log.read().decode("utf-8", "replace")

    @abstractmethod
    def prepare(self) -> None:
        """Make directory and files; called before each start."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it can be used now."""

    @abstractmethod
    def _command(self) -> Sequence[str | Path]: ...

    @abstractmethod
    def _environment(self) -> Mapping[str, str]: ...

    def _user(self) -> tuple[int, int] | None:
        """(uid, gid) to run as; None: ourselves."""
        return None


class UnpackedServer(Server):
    """A server of the unpacked runtime, run by an unprivileged account that owns its directory."""

    def __init__(self, name: str, runtime: Runtime, directory: Path, host: str, port: int) -> None:
        super().__init__(name, directory)
        self.runtime = runtime
        self.account: Account = server_account()
        self.host = host
        self.port = port

    def _environment(self) -> Mapping[str, str]:
        return self.runtime.environment()

    def _user(self) -> tuple[int, int] | None:
        return self.account.switch
