"""Real servers for the tests: one throwaway cluster a worker, a fresh database a test."""

import asyncio
import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import settings
from psycopg.conninfo import make_conninfo

from deploy.embedded import accounts, runtime
from deploy.embedded.mosquitto import Broker, verifier
from deploy.embedded.postgres import Cluster
from deploy.embedded.runtime import Runtime
from foundation.migrate import migrate

if TYPE_CHECKING:
    from tests.api.parted import Parted

# No test is timed: a busy machine proves nothing.
settings.register_profile("muster", deadline=None)
settings.load_profile("muster")

TEMPLATE = "muster_template"
LOGINS = ("muster_owner", "muster_bridge", "muster_jobs", "muster_api", "muster_inspect")


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated, empty database of one test; each attribute is a DSN of that role."""

    name: str
    superuser: str
    owner: str
    bridge: str
    jobs: str
    api: str
    inspect: str


@dataclass(frozen=True, slots=True)
class TestBroker:
    """A Mosquitto with the bridge's account `bridge-1` (and `bridge-2`)."""

    __test__ = False

    server: Broker
    passwords: dict[str, str]

    def admit(self, *codes: str) -> None:
        """Give these terminals a credential (their code is the password) and reload."""
        self.passwords.update({code: code for code in codes})
        self.server.write_accounts({name: verifier(word) for name, word in self.passwords.items()})
        self.server.reload()

    def url(self, user: str) -> str:
        """The broker's address for one of its accounts."""
        return f"mqtt://{user}@{self.server.host}:{self.server.port}"


_ROOM = 8 * 2**30  # bytes free, of which a worker's cluster takes one or two


@pytest.fixture(scope="session")
def servers() -> Runtime:
    """The unpacked PostgreSQL and Mosquitto."""
    return runtime.ensure()


@contextmanager
def reachable_directory(parent: str = "/tmp") -> Iterator[Path]:
    """A directory, gone afterwards, that the servers' unprivileged account can reach."""
    path = Path(tempfile.mkdtemp(prefix="muster-", dir=parent))
    accounts.server_account().make_directory(path)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def server_directory() -> Iterator[Path]:
    """A directory for the servers of one test."""
    with reachable_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def cluster(servers: Runtime) -> Iterator[Cluster]:
    """One throwaway cluster for all tests of a worker, with a migrated template.

    In memory where there is room: thousands of databases of 1,400 files are made and dropped, which
    on ext4 took ever more system time (0.1 s each, then 1 to 3; most likely it looks through the
    inodes of files deleted a moment ago, which it shuns).
    """
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM
    with reachable_directory(str(memory) if roomy else "/tmp") as directory:
        server = Cluster(servers, directory / "pg", throwaway=True)
        server.start()
        try:
            with psycopg.connect(server.dsn(), autocommit=True) as conn:
                conn.execute("alter system set max_wal_size = '512MB'")
                conn.execute("select pg_reload_conf()")
                conn.execute(f"create database {TEMPLATE}")
            migrate(server.dsn(dbname=TEMPLATE))
            for role in LOGINS:
                server.set_password(role)
            yield server
        finally:
            server.stop()


_numbers = itertools.count(1)


@contextmanager
def copy_of(cluster: Cluster, template: str) -> Iterator[Database]:
    """A copy of a database to which nobody is connected, gone afterwards."""
    name = f"muster_{next(_numbers)}"
    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
        conn.execute(f"create database {name} template {template} strategy file_copy")
        conn.execute(
            f"revoke all on database {name} from public; grant connect, temporary on database"
            f" {name} to muster_bridge, muster_jobs, muster_api, muster_inspect, muster_reader;"
            f" grant create, connect, temporary on database {name} to muster_owner"
        )
    roles = {role.removeprefix("muster_"): cluster.dsn(role, name) for role in LOGINS}
    yield Database(name=name, superuser=cluster.dsn(dbname=name), **roles)
    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)")


@pytest.fixture
def licensed_server() -> str:
    """A superuser's address on a server whose edition of TimescaleDB compresses."""
    address = os.environ.get("MUSTER_TEST_TSL_URL")
    if not address:
        pytest.skip("MUSTER_TEST_TSL_URL names no server of TimescaleDB's licensed edition.")
    return address


@pytest.fixture
def licensed_database(licensed_server: str) -> Iterator[Database]:
    """A fresh database there; the passwords of Muster's roles on that server are set anew."""
    name, password = f"muster_{secrets.token_hex(6)}", secrets.token_hex(16)
    with psycopg.connect(licensed_server, autocommit=True) as conn:
        conn.execute(f"create database {name} template template0")
        try:
            superuser = make_conninfo(licensed_server, dbname=name)
            migrate(superuser)
            for role in LOGINS:
                conn.execute(f"alter role {role} login password '{password}'")
            roles = {
                role.removeprefix("muster_"): make_conninfo(superuser, user=role, password=password)
                for role in LOGINS
            }
            yield Database(name=name, superuser=superuser, **roles)
        finally:
            conn.execute(f"drop database {name} with (force)")


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    """A fresh database with the schema of this version and nothing in it."""
    with copy_of(cluster, TEMPLATE) as copy:
        yield copy


@pytest.fixture(scope="session")
def parted_country(cluster: Cluster) -> Iterator["Parted"]:
    """The country of `tests.api.parted`, in which everything says whose it is; only to be read."""
    from tests.api import parted  # stands on this module

    with copy_of(cluster, TEMPLATE) as database:
        yield asyncio.run(parted.build(database))


@pytest.fixture
def broker(servers: Runtime, server_directory: Path) -> Iterator[TestBroker]:
    """A fresh Mosquitto as the embedded stack configures it."""
    server = Broker(servers, server_directory / "mqtt", bridges=("bridge-1", "bridge-2"))
    passwords = {"bridge-1": "bridge-1-secret", "bridge-2": "bridge-2-secret"}
    server.write_accounts({name: verifier(word) for name, word in passwords.items()})
    server.start()
    try:
        yield TestBroker(server, passwords)
    finally:
        server.stop()
