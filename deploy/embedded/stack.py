"""The whole platform on one machine: which processes, with which settings, in which order.

Started: database, schema, first data, broker, jobs, API, bridge, simulator. Stopped the other way
round: what sends first, then what stores, then what it is stored in.
"""

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from deploy.embedded import addresses, certificates, processes, roles, runtime
from deploy.embedded.addresses import Address
from deploy.embedded.certificates import Certificates
from deploy.embedded.credentials import CredentialFollower
from deploy.embedded.home import LOOPBACK, Home, State
from deploy.embedded.mosquitto import Broker, TlsListener, verifier
from deploy.embedded.postgres import Cluster
from deploy.embedded.progress import Progress
from deploy.embedded.supervisor import StopAsked, Supervisor, end_leftovers
from deploy.embedded.worker import Worker
from foundation import migrate
from foundation.settings import Settings
from registry.authority import Authority

BRIDGE = "bridge-1"
_RECOVERY_SECONDS = 300  # of a database after a crash
_READY_SECONDS = 40
_MQTT_PORTS = {"mqtt": 1883, "mqtts": 8883}
_HISTORY_SECONDS = 7200  # of the simulated fleet at first start, so that no chart begins empty


@dataclass(frozen=True, slots=True)
class Plan:
    """What the operator asked for; `fleet` 0 means no simulator."""

    settings: Settings
    fleet: int
    listen: Address
    broker_listen: Address
    certificate_listen: Address

    @property
    def is_open(self) -> bool:
        """Whether console or broker are open to the network."""
        return not (self.listen.is_loopback and self.broker_listen.is_loopback)


class Stack:
    """One run of the platform in a home that is open and held by us."""

    def __init__(
        self, home: Home, plan: Plan, progress: Progress, say: Callable[[str], None]
    ) -> None:
        self.state = State(phase="starting")
        self._home = home
        self._plan = plan
        self._settings = plan.settings
        self._progress = progress
        self._say = say
        self._supervisor = Supervisor(home, self.state, say)
        self._ports: dict[str, int] = {}
        self._api_near = ""  # where this machine reaches the API
        self._follower: CredentialFollower | None = None
        self._certificates: Certificates | None = None
        self._is_first = not home.credentials_file.exists()

    def run(self, announce: Callable[[State], None]) -> None:
        """Start everything, `announce` it, keep it running; returns after a clean stop.

        Raises `MusterError` when something essential does not start; all is stopped then, too.
        """
        end_leftovers(self._home.read_state())
        ourselves = processes.identify(os.getpid())
        self.state.supervisor.take(ourselves, "running")
        self._home.write_state(self.state)
        with self._supervisor.signals():
            try:
                self._start()
                self._wait_ready()
                announce(self.state)
                self._supervisor.watch()
            except StopAsked:
                self._progress.done()
            finally:
                self._stop()

    def _start(self) -> None:
        self._choose_ports()
        self._make_certificates()
        admin_dsn = self._start_database()
        self._progress.step("bringing the schema up to date")
        migrate.migrate(admin_dsn)
        roles.give_passwords(self._home, admin_dsn)
        self.state.database = roles.inspection_uri(self._home, admin_dsn)
        self._progress.step("loading reference data and the demonstration")
        self._seed(admin_dsn)
        self._start_broker()
        self._progress.step("starting jobs, API, bridge and simulator")
        self._launch_jobs()
        self._launch_api()
        self._launch_bridge()
        self._launch_simulator()

    def _wait_ready(self) -> None:
        late = self._supervisor.wait_ready(_READY_SECONDS)
        self._progress.done()
        for name in late:
            self._say(f"{name} is not ready yet; its log is {self._home.logs / name}.log")
        self.state.phase = "up"
        self._home.write_state(self.state)

    def _stop(self) -> None:
        self._supervisor.ignore_signals()
        if self._follower:
            self._follower.stop()
        self._supervisor.stop_all()
        self.state.phase = "down"
        self.state.supervisor.take(None, "stopped")
        self._home.write_state(self.state)

    def _choose_ports(self) -> None:
        """Before anything starts, so that a taken one costs nothing."""
        asked, broker = self._plan.listen, self._plan.broker_listen
        ports = self._ports
        for name in ("postgres", "jobs", "bridge"):
            ports[name] = self._home.port(name)
        ports["api"] = self._home.port("api", asked.port, asked.host)
        self.state.metrics = [
            {"process": name, "url": f"http://{LOOPBACK}:{ports[name]}/metrics"}
            for name in ("bridge", "jobs")
        ]
        scheme = "http" if asked.is_loopback else "https"
        self._api_near = addresses.joined(
            LOOPBACK if asked.is_everywhere else asked.host, ports["api"]
        )
        self.state.api = f"{scheme}://{self._api_near}"
        self.state.metrics.append({"process": "api", "url": f"{self.state.api}/metrics"})
        if self._settings.broker_url is not None:
            given = urlsplit(self._settings.broker_url)
            self.state.broker_host = given.hostname or LOOPBACK
            self.state.broker_port = given.port or _MQTT_PORTS[given.scheme]
            return
        self.state.broker_host = LOOPBACK
        self.state.broker_port = self._home.port(
            "broker", broker.port if broker.is_loopback else None
        )
        if not broker.is_loopback:
            port = self._home.port("broker_tls", broker.port, broker.host)
            self.state.broker_tls = addresses.joined(broker.host, port)
        certified = self._plan.certificate_listen
        port = self._home.port("broker_certificates", certified.port, certified.host)
        self.state.broker_certificates = addresses.joined(certified.host, port)

    def _make_certificates(self) -> None:
        now, plan = datetime.now(UTC), self._plan
        hosts = {plan.listen.host, plan.broker_listen.host, plan.certificate_listen.host}
        self._certificates = certificates.ensure(self._home.path / "tls", sorted(hosts), now)
        if plan.is_open:
            self.state.ca_file = str(self._certificates.ca)
        if self._settings.terminal_ca is None and not (self._home.authority / "ca.pem").exists():
            Authority.make(self._home.authority, now)

    def _start_database(self) -> str:
        """An administrator's connection string."""
        if self._settings.database_url is not None:
            return self._settings.database()
        servers = runtime.ensure(progress=self._progress)
        self._progress.step("starting the database")
        directory = self._home.servers("postgres")
        cluster = Cluster(servers, directory, port=self._ports["postgres"])
        self._supervisor.start(cluster, _RECOVERY_SECONDS)
        return roles.ensure_database(cluster)

    def _seed(self, admin_dsn: str) -> None:
        from deploy.seed import seed

        first = asyncio.run(seed(admin_dsn, self._home.path, fleet=self._plan.fleet))
        name, file = self._bridge_login()
        password = file.read_text("utf-8")
        known = dict(first) | {"bridge": {"username": name, "password": password}}
        self._home.write_credentials(json.dumps(known, indent=1, ensure_ascii=False))

    def _start_broker(self) -> None:
        if self._settings.broker_url is not None:
            return
        servers = runtime.ensure(progress=self._progress)
        self._progress.step("starting the broker")
        broker = Broker(
            servers,
            self._home.servers("mosquitto"),
            port=self.state.broker_port,
            prefix=self._settings.topic_prefix,
            bridges=(BRIDGE,),
            tls=self._tls_listeners(),
        )
        name, file = self._bridge_login()
        own = {name: verifier(file.read_text("utf-8"))}
        dsn = roles.dsn_file(self._home, "muster_jobs").read_text("utf-8")
        authority = Authority.load(self._authority())
        self._follower = CredentialFollower(dsn, broker, own, authority)
        self._follower.write()
        self._supervisor.start(broker)
        self._follower.start()

    def _tls_listeners(self) -> list[TlsListener]:
        """That of passwords, if it is open to the network, and that of certificates."""
        assert self._certificates is not None
        listeners = []
        ca = self._authority() / "ca.pem"
        for told, shown in ((self.state.broker_tls, None), (self.state.broker_certificates, ca)):
            if told is not None:
                at = addresses.parse(told)
                assert at.port is not None
                files = (self._certificates.chain, self._certificates.key)
                listeners.append(TlsListener(at.host, at.port, *files, shown))
        return listeners

    def _authority(self) -> Path:
        """Directory of what signs terminals' certificates."""
        return self._settings.terminal_ca or self._home.authority

    def _bridge_login(self) -> tuple[str, Path]:
        """The bridge's account at the broker: its name, and the file of its password."""
        given = self._settings
        if given.broker_url is None:
            return BRIDGE, self._home.secret(f"{BRIDGE}.password")
        password = given.broker_password.get_secret_value() if given.broker_password else ""
        name = urlsplit(given.broker_url).username or given.bridge_name
        return name, self._home.secret("broker.password", password)

    def _launch_jobs(self) -> None:
        listen = f"{LOOPBACK}:{self._ports['jobs']}"
        settings = {"MUSTER_METRICS_LISTEN": listen} | self._database_of("muster_jobs")
        settings |= self._sealing()
        self._launch("jobs", ["deploy.jobs"], settings, health=listen)

    def _launch_api(self) -> None:
        listen = addresses.joined(self._plan.listen.host, self._ports["api"])
        settings = {"MUSTER_API_LISTEN": listen} | self._database_of("muster_api")
        settings |= self._identity() | {"MUSTER_TERMINAL_CA": str(self._authority())}
        tls = not self._plan.listen.is_loopback
        if tls and self._certificates:
            settings["MUSTER_API_TLS_CERTIFICATE"] = str(self._certificates.chain)
            settings["MUSTER_API_TLS_KEY"] = str(self._certificates.key)
        self._launch("api", ["api"], settings, health=self._api_near, tls=tls)

    def _identity(self) -> dict[str, str]:
        """Nobody needs a second factor here unless that was asked for; who likes may have one."""
        given = self._settings
        settings = {}
        if "second_factor" not in given.model_fields_set:
            settings["MUSTER_SECOND_FACTOR"] = "off"
        return settings | self._sealing()

    def _sealing(self) -> dict[str, str]:
        """What jobs seal and the API opens: both have the key."""
        if self._settings.secret_key is not None:
            return {}
        return {"MUSTER_SECRET_KEY_FILE": str(self._home.secret("sealing.key"))}

    def _launch_bridge(self) -> None:
        listen = f"{LOOPBACK}:{self._ports['bridge']}"
        settings = {"MUSTER_METRICS_LISTEN": listen} | self._database_of("muster_bridge")
        name, password = self._bridge_login()
        settings |= self._broker_of(name) | {"MUSTER_BROKER_PASSWORD_FILE": str(password)}
        settings["MUSTER_BRIDGE_NAME"] = name
        self._launch("bridge", ["broker_bridge"], settings, health=listen)

    def _launch_simulator(self) -> None:
        fleet = self._home.path / "fleet.jsonl"
        if self._plan.fleet and fleet.exists():
            history = str(_HISTORY_SECONDS if self._is_first else 0)
            command = ["deploy.simulator", str(fleet), history]
            self._launch("simulator", command, self._broker_of(None))

    def _broker_of(self, user: str | None) -> dict[str, str]:
        """Where a process finds the broker; terminals bring their own accounts."""
        given = self._settings
        login = f"{user}@" if user else ""
        near = f"mqtt://{login}{addresses.joined(LOOPBACK, self.state.broker_port)}"
        settings = {"MUSTER_BROKER_URL": given.broker_url or near}
        if given.broker_ca_file is not None:
            settings["MUSTER_BROKER_CA_FILE"] = str(given.broker_ca_file)
        return settings

    def _database_of(self, role: str) -> dict[str, str]:
        return {"MUSTER_DATABASE_URL_FILE": str(roles.dsn_file(self._home, role))}

    def _launch(
        self,
        name: str,
        module: Sequence[str | Path],
        settings: dict[str, str],
        *,
        health: str | None = None,
        tls: bool = False,
    ) -> None:
        settings["MUSTER_HOME"] = str(self._home.path)
        worker = Worker(name, self._home.logs, module, settings, health=health, tls=tls)
        self._supervisor.launch(worker)
