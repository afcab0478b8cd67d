"""The supervisor: restarts with back-off, stops in order, leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from deploy.embedded import processes
from deploy.embedded.home import Home, ProcessState, State
from deploy.embedded.processes import ProcessId
from deploy.embedded.server import Server, ServerDidNotStart
from deploy.embedded.supervisor import StopAsked, Supervisor, end_leftovers

STEADY = """
import signal, sys, time
def end(*_):
    print("ended", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True:
    time.sleep(1)
"""
FLEETING = "import sys; sys.exit(7)"
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""


class Script(Server):
    """A few lines of Python as a server; ready when it says so."""

    def __init__(self, name: str, directory: Path, text: str) -> None:
        super().__init__(name, directory)
        self.text = text

    def prepare(self) -> None:
        """Nothing to make."""

    def is_ready(self) -> bool:
        return "ready" in self.said()

    def _command(self) -> Sequence[str | Path]:
        return [sys.executable, "-c", self.text]

    def _environment(self) -> Mapping[str, str]:
        return os.environ


class Stage:
    """A home, a supervisor and what it said."""

    def __init__(self, directory: Path) -> None:
        self.home = Home(directory)
        self.home.open()
        self.said: list[str] = []
        self.supervisor = Supervisor(self.home, State(), self.said.append)

    def child(self, name: str, text: str) -> Script:
        """A child of this text, not started yet."""
        return Script(name, self.home.logs, text)

    def shown(self, name: str) -> str:
        """Its state as `status` would read it."""
        return next(one.state for one in self.home.read_state().processes if one.name == name)

    def watch_until(self, name: str, state: str) -> bool:
        """Whether it gets into this state within some seconds."""

        def came() -> bool:
            self.supervisor.watch_once()
            return self.shown(name) == state

        return processes.wait_until(came, 20)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage whose children are ended with the test."""
    made = Stage(tmp_path / "home")
    yield made
    made.supervisor.stop_all()


def test_a_child_that_is_killed_comes_back_and_is_counted(stage: Stage) -> None:
    """Kill -9: restarting, then running again, with the exit code and the count to see."""
    child = stage.child("worker", STEADY)
    stage.supervisor.start(child)
    first = child.process_id()
    assert first

    os.kill(first.pid, signal.SIGKILL)

    assert stage.watch_until("worker", "restarting")
    assert stage.watch_until("worker", "running")
    shown = stage.home.read_state().processes[0]
    assert (shown.restarts, shown.last_exit) == (1, -signal.SIGKILL)
    assert shown.process_id() not in {first, None}
    assert "starting it again in 0.5 s" in stage.said[0]


def test_who_dies_again_and_again_waits_longer_each_time(stage: Stage) -> None:
    """The wait doubles, and a hopeless child does not hold up the others."""
    stage.supervisor.launch(stage.child("fleeting", FLEETING))
    stage.supervisor.launch(stage.child("worker", STEADY))

    late = stage.supervisor.wait_ready(60)

    assert late == ["fleeting"]
    assert stage.shown("worker") == "running"
    waits = [line.rpartition(" in ")[2] for line in stage.said]
    assert waits == ["0.5 s", "1 s", "2 s"]


def test_an_essential_child_that_does_not_start_is_an_error_with_its_last_words(
    stage: Stage,
) -> None:
    """What others need is waited for, and its failure told."""
    child = stage.child("database", "raise SystemExit('no room in the inn')")

    with pytest.raises(ServerDidNotStart, match="no room in the inn"):
        stage.supervisor.start(child)


def test_stopping_goes_from_the_last_to_the_first(stage: Stage, tmp_path: Path) -> None:
    """What was started first is what others stand on."""
    order = tmp_path / "order"
    noting = STEADY.replace('print("ended", flush=True)', f'open("{order}", "a").write(NAME)')
    for name in "abc":
        stage.supervisor.start(stage.child(name, f"NAME = {name!r}\n{noting}"))

    stage.supervisor.stop_all()

    assert order.read_text("utf-8") == "cba"
    assert [one.state for one in stage.home.read_state().processes] == ["stopped"] * 3


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_one_stop_and_no_more(stage: Stage, first: signal.Signals) -> None:
    """The first raises `StopAsked`, those after it do not disturb the stop."""
    with stage.supervisor.signals():
        with pytest.raises(StopAsked):
            os.kill(os.getpid(), first)
        os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_while_a_child_is_being_started_waits_for_it(stage: Stage) -> None:
    """No child is started and then forgotten."""
    child = stage.child("worker", STEADY)
    launch = child.launch

    def interrupted() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        launch()

    child.launch = interrupted  # type: ignore[method-assign]
    with stage.supervisor.signals(), pytest.raises(StopAsked):
        stage.supervisor.start(child)
    assert stage.home.read_state().processes[0].process_id() == child.process_id()


def test_a_child_ends_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    """Kill -9 of the parent: the kernel tells the child."""
    text = (
        "import sys, time; from pathlib import Path\n"
        "from tests.embedded.test_supervisor import Stage, STEADY\n"
        f"stage = Stage(Path({str(tmp_path / 'home')!r}))\n"
        "stage.supervisor.start(stage.child('worker', STEADY))\n"
        "print('up', flush=True); time.sleep(600)\n"
    )
    checkout = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", text], cwd=checkout, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "up\n"
        children = Home(tmp_path / "home").read_state().living()
        assert all(map(processes.is_running, children))
        parent.kill()

    assert len(children) == 1
    assert processes.wait_gone(children, 10)


def test_leftovers_are_ended_and_strangers_are_not(stage: Stage) -> None:
    """A recorded process that still runs is ended, by force if need be; a reused pid is left."""
    left = stage.child("bridge", STUBBORN)
    stage.supervisor.start(left)
    with subprocess.Popen([sys.executable, "-c", STEADY], stdout=subprocess.DEVNULL) as stranger:
        known = processes.identify(stranger.pid)
        assert known
        state = stage.home.read_state()
        reused = ProcessState("mosquitto")
        reused.take(ProcessId(known.pid, known.started_ticks - 1), "running")
        state.processes.append(reused)

        ended = end_leftovers(state, seconds=0.5)

        assert [one.pid for one in ended] == [state.processes[0].pid]
        assert left.exit_code == -signal.SIGKILL
        assert processes.is_running(known)
        stranger.terminate()
