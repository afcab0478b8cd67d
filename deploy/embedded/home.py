"""The home of one running Muster: which files it has, who holds it, what was running in it.

```
home.json          format, where the servers keep their data, the ports that were chosen
state.json         what runs now: written by the supervisor, read by `status` and `down`
credentials.json   the first passwords (0600)         lock   held while a supervisor lives
secrets/           one connection string or password a file (0600)
tls/  ca/  logs/  servers/
```
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.embedded.ports import claim, claim_one
from deploy.embedded.processes import ProcessId, is_running
from foundation.errors import Refused

FORMAT = 1
LOOPBACK = "127.0.0.1"
_ROOT_STATE = Path("/var/lib/muster")
_PREFERRED_PORTS = {
    "api": 8080, "broker": 1883, "broker_tls": 8883, "broker_certificates": 8884,
    "postgres": 15432, "bridge": 9464, "jobs": 9465,
}  # fmt: skip
# What people and terminals know; the other ports may move at any start.
_ADVERTISED = {
    "api": "--listen", "broker": "--broker-listen", "broker_tls": "--broker-listen",
    "broker_certificates": "--certificate-listen",
}  # fmt: skip
_SPOKEN = {
    "api": "the console", "broker": "the broker", "broker_tls": "the broker",
    "broker_certificates": "the broker",
}  # fmt: skip


class HomeIsNewer(Refused):
    """This home was written by a newer Muster."""

    code = "home_is_newer"
    remedy = "Run the newer version, or name another directory with --home."


class HomeIsAnothers(Refused):
    """This home belongs to another user."""

    code = "home_is_anothers"


class AlreadyRunning(Refused):
    """Muster runs in this home already."""

    code = "already_running"
    remedy = "`./muster status` shows it, `./muster down` stops it; --home names another one."


class PortTaken(Refused):
    """A port is taken by another program."""

    code = "port_taken"


@dataclass(slots=True)
class ProcessState:
    """One process of the platform as `status` shows it."""

    name: str
    state: str = "stopped"  # starting, running, restarting, stopped
    pid: int | None = None
    started_ticks: int | None = None
    restarts: int = 0
    last_exit: int | None = None

    def take(self, process: ProcessId | None, state: str) -> None:
        """It is this process now, or none, and in this state."""
        self.pid = process.pid if process else None
        self.started_ticks = process.started_ticks if process else None
        self.state = state

    def process_id(self) -> ProcessId | None:
        """Its process, if it has one."""
        if self.pid is None or self.started_ticks is None:
            return None
        return ProcessId(self.pid, self.started_ticks)


@dataclass(slots=True)
class State:
    """What runs in a home; `phase` is starting, up, stopping or down."""

    phase: str = "down"
    supervisor: ProcessState = field(default_factory=lambda: ProcessState("supervisor"))
    processes: list[ProcessState] = field(default_factory=list)
    api: str = ""
    broker_host: str = LOOPBACK
    broker_port: int = 0
    broker_tls: str | None = None  # host:port that is open to the network
    broker_certificates: str | None = None  # host:port for terminals that show a certificate
    database: str = ""
    metrics: list[dict[str, str]] = field(default_factory=list)
    ca_file: str | None = None

    def living(self) -> list[ProcessId]:
        """Every process it knows of but the supervisor."""
        return [found for one in self.processes if (found := one.process_id())]


class Home:
    """A home directory; `open` makes it or refuses it, `hold` makes us its supervisor."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._claims: list[socket.socket] = []

    @property
    def credentials_file(self) -> Path:
        """Passwords and keys made at first start, for the operator of this machine."""
        return self.path / "credentials.json"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.path / "logs"

    def exists(self) -> bool:
        """Whether a Muster ever ran here."""
        return (self.path / "home.json").exists()

    def open(self) -> None:
        """Make what is missing; `HomeIsNewer`, `HomeIsAnothers` when it cannot be ours."""
        self.path.mkdir(parents=True, exist_ok=True)
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            raise HomeIsAnothers(
                f"The home {self.path} belongs to user id {owner}, and this is {os.geteuid()}.",
                remedy="Run it as the user who made it, or name another directory with --home.",
            )
        self.check_format()
        for name in ("logs", "secrets", "tls"):
            (self.path / name).mkdir(mode=0o700, exist_ok=True)
        if not self.exists():
            self._write_json("home.json", {"format": FORMAT, "servers": self._new_servers()})

    def check_format(self) -> None:
        """Raise `HomeIsNewer` for a home whose format this version does not know."""
        written = self._settled().get("format", FORMAT)
        if written > FORMAT:
            raise HomeIsNewer(
                f"The home {self.path} was written by a newer Muster (format {written},"
                f" this one knows {FORMAT})."
            )

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Be the supervisor of this home for the block; `AlreadyRunning` if one lives."""
        with (self.path / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise self.already_running() from None
            try:
                yield
            finally:
                self.release_ports()

    def already_running(self) -> AlreadyRunning:
        """What is to be said to a second supervisor."""
        running = self.read_state()
        where = f" at {running.api}" if running.api else ""
        return AlreadyRunning(
            f"Muster runs in {self.path} already (process {running.supervisor.pid}){where}."
        )

    def supervisor(self) -> ProcessId | None:
        """The supervisor that lives in this home."""
        known = self.read_state().supervisor.process_id()
        return known if known and is_running(known) else None

    def servers(self, name: str) -> Path:
        """Directory of an embedded server's data; outside the home where root runs us."""
        return Path(self._settled()["servers"]) / name

    @property
    def authority(self) -> Path:
        """Directory of the CA that signs terminals' certificates, unless the settings name one."""
        return self.path / "ca"

    def port(self, name: str, asked: int | None = None, host: str = LOOPBACK) -> int:
        """The port of this process: as asked, else as in earlier runs, else a free one.

        It is ours until `release_ports`. Raises `PortTaken` for one that was asked for, or that
        terminals and people know.
        """
        settled = self._settled()
        ports: dict[str, int] = settled.setdefault("ports", {})
        known = asked or ports.get(name)
        held = claim(host, known) if known else None
        if known is None or (held is None and not asked and name not in _ADVERTISED):
            known, held = claim_one(host, _PREFERRED_PORTS[name])
        if held is None:
            raise PortTaken(
                f"Port {known}, on which {_SPOKEN[name]} shall listen, is taken by another"
                " program.",
                remedy=f"Stop that program, or choose another port with {_ADVERTISED[name]}"
                " ADDRESS:PORT.",
            )
        self._claims.append(held)
        ports[name] = known
        self._write_json("home.json", settled)
        return known

    def release_ports(self) -> None:
        """Let others have the ports that `port` chose."""
        while self._claims:
            self._claims.pop().close()

    def secret(self, name: str, text: str | None = None) -> Path:
        """The file of a secret; holds `text`, or stays as it is, or gets a random one."""
        path = self.path / "secrets" / name
        if text is not None or not path.exists():
            fresh = path.with_suffix(".new")
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(24) if text is None else text, "utf-8")
            fresh.rename(path)
        return path

    def write_credentials(self, text: str) -> None:
        """Keep the first passwords, readable by the operator only."""
        self.secret("credentials", text).rename(self.credentials_file)

    def read_state(self) -> State:
        """What the supervisor wrote last."""
        found = self._read_json("state.json")
        if not found:
            return State()
        supervisor = ProcessState(**found.pop("supervisor"))
        running = [ProcessState(**one) for one in found.pop("processes")]
        return State(**found, supervisor=supervisor, processes=running)

    def write_state(self, state: State) -> None:
        """Tell `status` and the next run what runs now."""
        document = {name: getattr(state, name) for name in State.__slots__}
        document["supervisor"] = _plain(state.supervisor)
        document["processes"] = [_plain(one) for one in state.processes]
        self._write_json("state.json", document)

    def _new_servers(self) -> str:
        """Where a fresh home keeps its servers' data; what an erased home left there goes."""
        if os.geteuid():
            return str(self.path / "servers")
        # PostgreSQL runs as another user, who may not reach the home.
        place = _ROOT_STATE / hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        shutil.rmtree(place, ignore_errors=True)
        return str(place)

    def _settled(self) -> dict[str, Any]:
        return self._read_json("home.json")

    def _read_json(self, name: str) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads((self.path / name).read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return document

    def _write_json(self, name: str, document: dict[str, Any]) -> None:
        fresh = self.path / f"{name}.new"
        fresh.write_text(json.dumps(document, indent=1), "utf-8")
        fresh.rename(self.path / name)


def _plain(state: ProcessState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in ProcessState.__slots__}
