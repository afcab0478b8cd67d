"""The home: who may have it, what it remembers."""

import json
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded import processes
from deploy.embedded.accounts import make_open
from deploy.embedded.home import (
    AlreadyRunning,
    Home,
    HomeIsAnothers,
    HomeIsNewer,
    PortTaken,
    State,
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home that is open."""
    made = Home(tmp_path / "home")
    made.open()
    yield made
    made.release_ports()


def test_a_home_of_a_newer_version_is_left_alone(home: Home) -> None:
    """Refused, whatever else the newer version wrote."""
    settled = json.loads((home.path / "home.json").read_text("utf-8"))
    (home.path / "home.json").write_text(json.dumps(settled | {"format": 99, "new": []}), "utf-8")

    with pytest.raises(HomeIsNewer, match=r"written by a newer Muster \(format 99"):
        Home(home.path).open()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_home_of_another_user_is_left_alone(home: Home) -> None:
    """Root does not write into a user's home: the user could not use it any more."""
    os.chown(home.path, 12345, 12345)

    with pytest.raises(HomeIsAnothers, match="belongs to user id 12345"):
        Home(home.path).open()


def test_an_erased_home_begins_anew(home: Home) -> None:
    """Whoever removes a home has removed its data, wherever that lies."""
    kept = home.servers("postgres")
    make_open(kept)
    Home(home.path).open()
    assert kept.exists()

    shutil.rmtree(home.path)
    Home(home.path).open()

    assert home.servers("postgres") == kept
    assert not kept.exists()


def test_a_home_has_one_supervisor(home: Home) -> None:
    """The second is told where the first one is."""
    state = State(api="http://127.0.0.1:8080")
    state.supervisor.take(processes.identify(os.getpid()), "running")
    home.write_state(state)
    where = rf"process {os.getpid()}\) at http://127.0.0.1:8080"

    with home.hold(), pytest.raises(AlreadyRunning, match=where), Home(home.path).hold():
        pass
    with Home(home.path).hold():
        pass


def test_a_supervisor_that_died_is_none(home: Home) -> None:
    """A pid alone proves nothing: it may be another process by now."""
    state = State()
    ourselves = processes.identify(os.getpid())
    assert ourselves
    state.supervisor.take(ourselves, "running")
    home.write_state(state)
    assert home.supervisor() == ourselves

    state.supervisor.started_ticks = ourselves.started_ticks - 1
    home.write_state(state)

    assert home.supervisor() is None


def test_ports_stay_where_people_know_them(home: Home) -> None:
    """Chosen once, kept across restarts, and no two the same."""
    names = ("api", "broker", "postgres", "bridge", "jobs")
    first = {name: home.port(name) for name in names}
    home.release_ports()

    assert {name: home.port(name) for name in names} == first
    assert len(set(first.values())) == len(names)


def test_two_homes_that_start_at_once_get_different_ports(home: Home, tmp_path: Path) -> None:
    """A port that another has chosen is not free, though nothing listens on it yet."""
    other = Home(tmp_path / "other")
    other.open()

    chosen = [place.port(name) for place in (home, other) for name in ("api", "broker", "jobs")]

    assert len(set(chosen)) == len(chosen)
    with pytest.raises(PortTaken):
        other.port("api", chosen[0])
    other.release_ports()


@pytest.mark.parametrize("name", ["api", "broker"])
def test_a_port_that_is_asked_for_or_known_is_refused_when_taken(home: Home, name: str) -> None:
    """It is told, not silently changed; an inner port just moves."""
    known = home.port(name)
    home.release_ports()
    with socket.create_server(("127.0.0.1", 0)) as taker:
        asked = taker.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {asked}, on which the"):
            home.port(name, asked)
    assert home.port(name) == known
    home.release_ports()

    with socket.create_server(("127.0.0.1", known)), pytest.raises(PortTaken):
        home.port(name)
    inner = home.port("postgres")
    home.release_ports()
    with socket.create_server(("127.0.0.1", inner)):
        assert home.port("postgres") != inner


def test_secrets_are_random_kept_and_nobody_elses(home: Home) -> None:
    """Made once, readable by the operator only."""
    file = home.secret("muster_api.password")
    first = file.read_text("utf-8")

    assert len(first) >= 24
    assert home.secret("muster_api.password").read_text("utf-8") == first
    assert home.secret("muster_jobs.password").read_text("utf-8") != first
    home.write_credentials("{}")
    for path in (file, home.credentials_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_runs_is_read_as_it_was_written(home: Home) -> None:
    """The state survives the file."""
    state = State(phase="up", api="http://127.0.0.1:1", broker_port=1883, database="postgresql://x")
    state.metrics.append({"process": "api", "url": "http://127.0.0.1:1/metrics"})
    state.supervisor.take(processes.identify(os.getpid()), "running")

    home.write_state(state)

    assert home.read_state() == state
    assert Home(home.path / "nowhere").read_state() == State()
