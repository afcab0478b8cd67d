"""`muster up`, `status`, `down`: each situation has an exit code and a first sentence."""

import json
import os
import pwd
import signal
import socket
import ssl
import stat
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from deploy.embedded import processes, runtime
from deploy.embedded.mosquitto import Broker, verifier
from deploy.embedded.postgres import Cluster
from deploy.embedded.runtime import Runtime
from registry.scope import Role
from tests.conftest import reachable_directory
from tests.embedded import mirror
from tests.system.commands import (
    Muster,
    first_words,
    may_run_as_others,
    remedy,
)

STRANGER = pwd.getpwnam("nobody").pw_uid


@pytest.fixture(scope="module")
def platform() -> Iterator[Muster]:
    """The whole platform with a small fleet, running."""
    runtime.ensure()
    with reachable_directory() as directory:
        muster = Muster(directory / "home")
        up = muster.run("up", "--detach", "--fleet", "12")
        try:
            assert up.returncode == 0, up.stderr
            yield muster
        finally:
            muster.clean_up()


@pytest.fixture
def muster(server_directory: Path) -> Iterator[Muster]:
    """A home where nothing ran yet."""
    made = Muster(server_directory / "home")
    yield made
    made.clean_up()


def uid_of(pid: int) -> int:
    """The user that runs a process."""
    return Path(f"/proc/{pid}").stat().st_uid


def is_healthy(muster: Muster) -> bool:
    """Whether `status` finds all well within some seconds."""
    return processes.wait_until(lambda: muster.run("status").returncode == 0, 60)


def test_status_says_what_runs_where_and_how_well(platform: Muster) -> None:
    """All that the contract promises to programs, and each address answers."""
    assert is_healthy(platform)
    status = platform.status()

    assert status["healthy"] is True
    assert status["home"] == str(platform.home)
    names = [one["name"] for one in status["processes"]]
    assert sorted(names) == [
        "api", "bridge", "jobs", "mosquitto", "postgres", "simulator", "supervisor",
    ]  # fmt: skip
    assert {one["state"] for one in status["processes"]} == {"running"}
    with urllib.request.urlopen(status["api"] + "/health/ready") as answer:
        assert answer.status == 200
    for metrics in status["metrics"]:
        with urllib.request.urlopen(metrics["url"]) as answer:
            assert b"muster_" in answer.read()
    with socket.create_connection((status["broker"]["host"], status["broker"]["port"])):
        pass


def test_the_database_may_be_looked_at_and_not_touched(platform: Muster) -> None:
    """The DSN of `status` carries no password, reads everything of interest, writes nothing."""
    dsn = platform.status()["database"]

    assert "password" not in dsn
    assert "passfile=" in dsn
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute("select count(*) from registry.terminal").fetchone()
        assert found == (13,)  # the fleet, and the demo terminal
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from registry.terminal")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select verifier from registry.credential")


def test_first_passwords_are_complete_random_and_private(platform: Muster) -> None:
    """The credentials file has what the contract lists, for its owner alone."""
    file = Path(platform.status()["credentials"])
    found = json.loads(file.read_text("utf-8"))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert found["admin"]["name"]
    assert len(found["admin"]["password"]) >= 12
    assert found["bridge"].keys() == {"username", "password"}
    assert found["terminal"].keys() >= {"code", "password", "profile", "metric"}
    assert {"role", "name", "password", "scope"} <= found["users"][0].keys()
    assert found["api_key"] != found["scraper_key"]


def test_every_first_user_signs_in_and_may_have_a_second_factor(platform: Muster) -> None:
    """One of each role, with the password alone; an app of codes can be enrolled, its key kept."""
    status = platform.status()
    found = json.loads(Path(status["credentials"]).read_text("utf-8"))
    opened, begun = {}, {}
    for user in found["users"]:
        with httpx.Client(base_url=f"{status['api']}/api/v1") as client:
            who = {"name": user["name"], "password": user["password"]}
            opened[user["role"]] = client.post("/sessions", json=who).json().get("awaits", "?")
            begun[user["role"]] = client.post("/me/second-factor").status_code

    listed = platform.run("user", "list")

    roles = [role.value for role in Role]
    assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 1 + len(roles))
    assert opened == dict.fromkeys(roles)
    assert begun == dict.fromkeys(roles, 201)
    assert stat.S_IMODE((platform.home / "secrets" / "sealing.key").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="it was not started by root")
def test_root_hands_the_servers_to_somebody_else(platform: Muster) -> None:
    """PostgreSQL and Mosquitto run unprivileged, and keep their data where they can reach it."""
    status = platform.status()

    uids = {one["name"]: uid_of(one["pid"]) for one in status["processes"]}

    assert uids["postgres"] != 0
    assert uids["mosquitto"] == uids["postgres"]
    assert uids["supervisor"] == 0


@pytest.mark.parametrize("detach", [[], ["--detach"]])
def test_a_second_up_is_refused(platform: Muster, detach: list[str]) -> None:
    """Exit 3, naming the one that runs; nothing happens to it."""
    assert is_healthy(platform)
    before = platform.living()

    second = platform.run("up", *detach)

    assert second.returncode == 3
    assert first_words(second).startswith(f"Muster runs in {platform.home} already (process ")
    assert "./muster down" in remedy(second)
    assert platform.living() == before


@pytest.mark.parametrize("name", ["bridge", "postgres", "mosquitto"])
def test_a_child_that_is_killed_comes_back(platform: Muster, name: str) -> None:
    """Kill -9: `status` shows the new process, how often and how the old one ended."""
    assert is_healthy(platform)
    before = next(one for one in platform.status()["processes"] if one["name"] == name)

    os.kill(before["pid"], signal.SIGKILL)

    def is_back() -> bool:
        now = next(one for one in platform.status()["processes"] if one["name"] == name)
        assert now["restarts"] >= before["restarts"]
        return bool(now["restarts"] == before["restarts"] + 1 and now["state"] == "running")

    assert processes.wait_until(is_back, 60)
    after = next(one for one in platform.status()["processes"] if one["name"] == name)
    assert after["last_exit"] == -signal.SIGKILL
    assert after["pid"] != before["pid"]
    assert is_healthy(platform)


def test_control_c_stops_everything_and_the_next_up_goes_on(muster: Muster) -> None:
    """Exit 0, no process left; then kill -9 of the supervisor, and again no process left."""
    with muster.start("--no-fleet") as up:
        assert up.stdout
        said = list(iter(up.stdout.readline, "Ctrl-C stops everything.\n"))
        assert any(line.startswith("  console    http://127.0.0.1:") for line in said)
        living, first = muster.living(), muster.status()
        assert len(living) == 6
        up.send_signal(signal.SIGINT)
        up.communicate(timeout=120)
    assert up.returncode == 0
    assert not any(map(processes.is_running, living))
    assert muster.strays() == []

    assert muster.run("up", "--detach", "--no-fleet").returncode == 0
    living, second = muster.living(), muster.status()
    assert (second["api"], second["broker"]) == (first["api"], first["broker"])
    os.kill(second["processes"][0]["pid"], signal.SIGKILL)
    assert processes.wait_gone(living, 60)
    assert muster.strays() == []

    down = muster.run("status")
    assert down.returncode == 3
    assert first_words(down) == f"Muster does not run in {muster.home}."


def test_down_stops_everything_and_may_be_repeated(muster: Muster) -> None:
    """Exit 0 both times; a home that does not exist is not made."""
    nothing = muster.run("down")
    assert (nothing.returncode, first_words(nothing)) == (0, f"nothing runs in {muster.home}")
    assert not muster.home.exists()
    assert muster.run("up", "--detach", "--no-fleet").returncode == 0
    living = muster.living()

    stopped = muster.run("down")

    assert (stopped.returncode, first_words(stopped)) == (0, "stopped")
    assert len(living) == 6
    assert not any(map(processes.is_running, living))
    assert muster.strays() == []


@pytest.mark.parametrize("option", ["--listen", "--broker-listen"])
def test_a_taken_port_is_refused(muster: Muster, option: str) -> None:
    """Exit 3 before anything starts, with the port and the way out."""
    with socket.create_server(("127.0.0.1", 0)) as taker:
        port = taker.getsockname()[1]
        up = muster.run("up", "--no-fleet", option, f"127.0.0.1:{port}")

    assert up.returncode == 3
    assert first_words(up).startswith(f"Port {port}, on which the ")
    assert first_words(up).endswith("is taken by another program.")
    assert option in remedy(up)
    assert muster.strays() == []


def test_a_shell_manages_nobody_where_nothing_runs(muster: Muster) -> None:
    """Exit 3, and how to start it."""
    refused = muster.run("user", "list")

    assert refused.returncode == 3
    assert first_words(refused).startswith("Muster does not run in")


def test_a_newer_home_is_refused(muster: Muster) -> None:
    """Exit 3 for every command, and the home stays as it was."""
    muster.home.mkdir()
    newer = '{"format": 99, "servers": "/nonexistent"}'
    (muster.home / "home.json").write_text(newer, "utf-8")

    for command in ("up", "status", "down"):
        refused = muster.run(command)
        assert refused.returncode == 3
        assert "was written by a newer Muster" in first_words(refused)
    assert [path.name for path in muster.home.iterdir()] == ["home.json"]
    assert (muster.home / "home.json").read_text("utf-8") == newer


def test_settings_are_refused_all_at_once(muster: Muster) -> None:
    """Exit 2, every fault in one sentence, before anything is made."""
    wrong = {"MUSTER_NONSENSE": "1", "MUSTER_SESSION": "carrier-pigeon"}

    up = Muster(muster.home, settings=wrong).run("up")

    assert up.returncode == 2
    assert "MUSTER_NONSENSE" in first_words(up)
    assert "MUSTER_SESSION" in first_words(up)
    assert not muster.home.exists()


def test_wrong_usage_is_exit_2(muster: Muster) -> None:
    """An option that there is not, and an address that is none."""
    assert muster.run("up", "--fleeet", "3").returncode == 2
    wrong = muster.run("up", "--listen", "nowhere:port")
    assert wrong.returncode == 2
    assert first_words(wrong) == "'nowhere:port' is not an address to listen on."


@pytest.mark.parametrize("detach", [[], ["--detach"]])
def test_no_network_at_the_first_start(muster: Muster, detach: list[str]) -> None:
    """Exit 1 with the mirror's name and what to do; the same command goes on later."""
    directory = muster.home.parent
    settings = {"MUSTER_CACHE": str(directory / "cache")}
    settings["APT_CONFIG"] = str(mirror.unreachable(directory))

    up = Muster(muster.home, settings=settings).run("up", *detach)

    assert up.returncode == 1
    assert first_words(up) == "The package mirror 127.0.0.1:9 cannot be reached."
    assert "network" in remedy(up)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("place", ["cache", "home"])
def test_a_full_disk_at_the_first_start(muster: Muster, place: str) -> None:
    """Exit 1 and one sentence, whether the servers or the home find no room."""
    full = muster.home.parent / place
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "muster-test", full], check=True)
    try:
        (full / "filling").write_bytes(bytes(60_000))
        settings = {"MUSTER_CACHE": str(full)} if place == "cache" else {}
        up = Muster(muster.home, settings=settings).run("up", "--no-fleet")
    finally:
        subprocess.run(["umount", full], check=True)

    assert up.returncode == 1
    assert "disk" in first_words(up)
    assert "space" in remedy(up)
    assert muster.strays() == []


@pytest.mark.skipif(not may_run_as_others(), reason="needs root and an interpreter for others")
def test_a_user_runs_it_without_root(server_directory: Path) -> None:
    """Everything runs as that user, and its data is in the home."""
    place = server_directory / "stranger"
    place.mkdir()
    for path in (server_directory, place):
        os.chown(path, STRANGER, STRANGER)
    muster = Muster(place / "home", uid=STRANGER)

    try:
        up = muster.run("up", "--detach", "--no-fleet")
        assert up.returncode == 0, up.stderr
        assert {uid_of(one.pid) for one in muster.living()} == {STRANGER}
        assert (muster.home / "servers/postgres/data/PG_VERSION").exists()
        as_root = Muster(muster.home).run("up")
        assert as_root.returncode == 3
        assert first_words(as_root).startswith(f"The home {muster.home} belongs to user id")
    finally:
        muster.run("down")
    assert muster.strays() == []


def test_servers_that_are_given_are_used(
    muster: Muster, servers: Runtime, server_directory: Path
) -> None:
    """MUSTER_DATABASE_URL and MUSTER_BROKER_URL: nothing is unpacked or started in their place."""
    cluster = Cluster(servers, server_directory / "pg", throwaway=True)
    broker = Broker(servers, server_directory / "mqtt", bridges=("bridge-x",))
    broker.write_accounts({"bridge-x": verifier("given")})
    cluster.start()
    broker.start()
    settings = {
        "MUSTER_DATABASE_URL": cluster.dsn(),
        "MUSTER_BROKER_URL": f"mqtt://bridge-x@127.0.0.1:{broker.port}",
        "MUSTER_BROKER_PASSWORD": "given",
        "MUSTER_CACHE": str(server_directory / "unused"),
    }
    given = Muster(muster.home, settings=settings)
    try:
        up = given.run("up", "--detach", "--no-fleet")
        assert up.returncode == 0, up.stderr
        assert is_healthy(given)
        status = given.status()
    finally:
        given.run("down")
        broker.stop()
        cluster.stop()

    assert [one["name"] for one in status["processes"]] == ["supervisor", "jobs", "api", "bridge"]
    assert status["broker"]["port"] == broker.port
    assert f":{cluster.port}/postgres?" in status["database"]
    credentials = json.loads((given.home / "credentials.json").read_text("utf-8"))
    assert credentials["bridge"] == {"username": "bridge-x", "password": "given"}
    assert not (server_directory / "unused").exists()


def test_the_network_is_served_with_tls(muster: Muster) -> None:
    """`--listen` and `--broker-listen` beyond loopback: certificates of a CA in the home."""
    up = muster.run(
        "up", "--detach", "--no-fleet", "--listen", "0.0.0.0", "--broker-listen", "0.0.0.0"
    )
    assert up.returncode == 0, up.stderr
    status = muster.status()

    trusting = ssl.create_default_context(cafile=status["ca_file"])
    with urllib.request.urlopen(status["api"] + "/health/live", context=trusting) as answer:
        assert (answer.status, status["api"][:8]) == (200, "https://")
    host, _, port = status["broker"]["tls"].rpartition(":")
    assert host == "0.0.0.0"
    with (
        socket.create_connection(("127.0.0.1", int(port)), 10) as plain,
        trusting.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        assert secured.version() == "TLSv1.3"
