"""Keeps processes running: restarts what dies, with back-off, and stops all in order.

Plain and synchronous on purpose: children must be started from the main thread (the kernel ends a
child with the thread that started it), and there are seven of them.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

from deploy.embedded import processes
from deploy.embedded.home import Home, ProcessState, State
from deploy.embedded.processes import ProcessId
from deploy.embedded.server import Server
from foundation.errors import MusterError

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # the last: a closed terminal
_TICK_SECONDS = 0.1
_PROBE_SECONDS = 1.0
_FIRST_BACK_OFF_SECONDS = 0.5
_LONGEST_BACK_OFF_SECONDS = 30.0
_HOPELESS_FAILURES = 3
_STEADY_SECONDS = 60.0  # after which a process has earned a quick restart again


class StopAsked(BaseException):
    """SIGTERM, Ctrl-C, or a terminal that was closed."""


@dataclass(slots=True)
class Child:
    """A process under watch and how it has fared."""

    server: Server
    shown: ProcessState
    launched_at: float = 0.0
    probe_at: float = 0.0
    restart_at: float | None = None
    failures: int = field(default=0)

    def back_off_seconds(self) -> float:
        """How long to wait before the next start: doubling from half a second to thirty."""
        return min(_LONGEST_BACK_OFF_SECONDS, _FIRST_BACK_OFF_SECONDS * 2.0**self.failures)


class Supervisor:
    """Runs children for a home whose lock we hold; `say` tells the operator what happened."""

    def __init__(self, home: Home, state: State, say: Callable[[str], None]) -> None:
        self._home = home
        self.state = state
        self._say = say
        self._children: list[Child] = []
        self._launching = False
        self._stop_pending = False

    @contextmanager
    def signals(self) -> Iterator[None]:
        """SIGTERM, SIGINT, SIGHUP raise `StopAsked` in the block, once; later ones do nothing."""
        kept = {number: signal.signal(number, self._on_signal) for number in _STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)

    def start(self, server: Server, seconds: float = 60) -> None:
        """Start a child that others need: returns when it is ready, raises when it is not."""
        child = self._add(server)
        self._launch(child)
        ready = processes.wait_until(
            lambda: server.exit_code is not None or server.is_ready(), seconds
        )
        if server.exit_code is not None or not ready:
            raise server.failure()
        child.shown.state = "running"
        self._tell()

    def launch(self, server: Server) -> None:
        """Start a child and go on; `watch` sees to it."""
        self._launch(self._add(server))

    def wait_ready(self, seconds: float) -> list[str]:
        """Watch until every child is ready, at most `seconds`; returns the names that are not.

        Does not wait for one that cannot stay up.
        """
        deadline = time.monotonic() + seconds
        while any(child.failures < _HOPELESS_FAILURES for child in self._late()):
            if time.monotonic() > deadline:
                break
            self.watch_once()
            time.sleep(_TICK_SECONDS)
        return [child.shown.name for child in self._late()]

    def watch(self) -> None:
        """Keep the children running until `StopAsked`."""
        while True:
            self.watch_once()
            time.sleep(_TICK_SECONDS)

    def watch_once(self) -> None:
        """Notice who died, start who is due, see who became ready."""
        now = time.monotonic()
        for child in self._children:
            if child.restart_at is not None:
                if now >= child.restart_at:
                    self._launch_again(child, now)
            elif child.server.exit_code is not None:
                self._note_death(child, now)
            elif child.shown.state == "starting" and now >= child.probe_at:
                child.probe_at = now + _PROBE_SECONDS / 4
                if child.server.is_ready():
                    child.shown.state = "running"
                    self._tell()
            elif child.failures and now - child.launched_at > _STEADY_SECONDS:
                child.failures = 0

    def ignore_signals(self) -> None:
        """From here on `StopAsked` is not raised any more: a stop is not interrupted."""
        self._stop_pending = True

    def stop_all(self) -> None:
        """Stop every child cleanly, the last started first."""
        self.state.phase = "stopping"
        for child in reversed(self._children):
            child.restart_at = None
            child.server.stop()
            child.shown.take(None, "stopped")
            self._tell()

    def _late(self) -> list[Child]:
        return [child for child in self._children if child.shown.state != "running"]

    def _add(self, server: Server) -> Child:
        child = Child(server, ProcessState(server.name))
        self._children.append(child)
        self.state.processes.append(child.shown)
        return child

    def _launch(self, child: Child) -> None:
        self._launching = True
        child.server.launch()
        self._launching = False
        child.restart_at = None
        child.launched_at = time.monotonic()
        child.shown.take(child.server.process_id(), "starting")
        self._tell()
        if self._stop_pending:
            raise StopAsked

    def _launch_again(self, child: Child, now: float) -> None:
        try:
            self._launch(child)
        except (OSError, MusterError) as error:  # a full disk, for one: it may pass
            self._launching = False
            self._back_off(child, now, f"{child.shown.name} cannot be started ({error})")

    def _note_death(self, child: Child, now: float) -> None:
        child.shown.last_exit = child.server.exit_code
        what = f"{child.shown.name} ended with code {child.shown.last_exit}"
        self._back_off(child, now, f"{what}; its log is {child.server.log_file}")

    def _back_off(self, child: Child, now: float, what: str) -> None:
        wait = child.back_off_seconds()
        child.failures += 1
        child.restart_at = now + wait
        child.shown.restarts += 1
        self._say(f"{what}; starting it again in {wait:g} s")
        child.shown.take(None, "restarting")
        self._tell()

    def _tell(self) -> None:
        with suppress(OSError):  # on a full disk the platform goes on; `status` is late
            self._home.write_state(self.state)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._launching or self._stop_pending:
            self._stop_pending = True
            return
        self._stop_pending = True
        raise StopAsked


def end_leftovers(state: State, seconds: float = 30) -> list[ProcessId]:
    """End what a supervisor that was killed has left behind; returns what was still running."""
    left = [one for one in state.living() if processes.is_running(one)]
    for one in left:  # those that drain first, the database last, as in a clean stop
        processes.send(one, signal.SIGINT if _is_postgres(state, one) else signal.SIGTERM)
    if not processes.wait_gone(left, seconds):
        for one in left:
            processes.send(one, signal.SIGKILL)
        processes.wait_gone(left, 10)
    return left


def _is_postgres(state: State, process: ProcessId) -> bool:
    return any(one.name == "postgres" and one.process_id() == process for one in state.processes)
