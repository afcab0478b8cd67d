"""PostgreSQL 17 with TimescaleDB (Apache edition), run from the unpacked runtime."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from deploy.embedded.ports import free_port
from deploy.embedded.runtime import Runtime
from deploy.embedded.server import ServerDidNotStart, UnpackedServer
from deploy.embedded.system import DiskFull

SUPERUSER = "postgres"
_LONGEST_SOCKET_PATH = 107  # sockaddr_un less its final zero
_MEGABYTE = 1024 * 1024


class Cluster(UnpackedServer):
    """A database cluster in `directory`; `start` initialises it if it is not there yet.

    Listens on loopback TCP and on a Unix socket in a private directory, with SCRAM on both.
    `throwaway` is for tests: no fsync, and no background workers, so that a database that was just
    used can be a template.
    """

    stop_signal = signal.SIGINT  # "fast shutdown": ends sessions, writes a checkpoint
    orphan_signal = signal.SIGINT

    def __init__(
        self,
        runtime: Runtime,
        directory: Path,
        *,
        port: int | None = None,
        throwaway: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("postgres", runtime, directory, "127.0.0.1", port or free_port())
        self.data = directory / "data"
        self._throwaway = throwaway
        self._given = dict(settings or {})
        self._socket_directory: Path | None = None
        self._passwords: dict[str, str] = {}

    @property
    def superuser_password(self) -> str:
        """Made at random when the cluster was; kept in a file that only we can read."""
        return self._password_file.read_text("utf-8")

    def dsn(self, user: str = SUPERUSER, dbname: str = "postgres") -> str:
        """A connection URI over TCP, with the password where it is known (`set_password`)."""
        password = self.superuser_password if user == SUPERUSER else self._passwords.get(user)
        login = quote(user) + (f":{quote(password)}" if password else "")
        return f"postgresql://{login}@{self.host}:{self.port}/{quote(dbname)}"

    def set_password(self, role: str, password: str | None = None) -> str:
        """Give a login role this password, or a random one; `dsn(role)` carries it from then on."""
        chosen = password or secrets.token_urlsafe(24)
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            statement = sql.SQL("alter role {} login password {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(chosen)))
        self._passwords[role] = chosen
        return chosen

    def stop(self, seconds: float = 60) -> None:
        """Shut down fast and cleanly: what was committed needs no recovery at the next start."""
        super().stop(seconds)
        self._remove_socket_directory()

    def kill(self) -> None:
        """Kill -9 of the postmaster and every backend, as a power cut of the machine would."""
        super().kill()
        self._remove_socket_directory()

    def prepare(self) -> None:
        """Make directories, and the cluster itself if there is none."""
        self.account.make_directory(self.directory)
        if not (self.data / "PG_VERSION").exists() or not self._password_file.exists():
            self._initialise()
        self._socket_directory = self._make_socket_directory()

    @property
    def _password_file(self) -> Path:
        return self.directory / "superuser.password"

    def _initialise(self) -> None:
        """initdb, in a directory beside the final one, so that an interrupted run leaves none."""
        scratch = self.directory / "data.new"
        for leftover in (scratch, self.data):
            shutil.rmtree(leftover, ignore_errors=True)
        password = secrets.token_urlsafe(32)
        with tempfile.NamedTemporaryFile("w", dir=self.directory) as given:
            given.write(password)
            given.flush()
            self.account.give(Path(given.name))
            command: list[str | Path] = [self.runtime.postgres("initdb"), "--pgdata", scratch]
            command += ["--username", SUPERUSER, "--pwfile", given.name, "--encoding", "UTF8"]
            command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
            command += ["--locale", "C.UTF-8", "--auth", "scram-sha-256", "--no-instructions"]
            command += ["--no-sync"] if self._throwaway else ["--data-checksums"]
            user, group = self.account.switch or (None, None)
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                env=self.runtime.environment(),
                cwd=self.directory,
                user=user,
                group=group,
                extra_groups=[] if self.account.switch else None,
            )
        if done.returncode:
            shutil.rmtree(scratch, ignore_errors=True)
            if "No space left" in done.stdout:
                raise DiskFull(f"The disk of {self.directory} is full.")
            raise ServerDidNotStart(f"initdb failed: {done.stdout.strip()[-400:]}")
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(password, "utf-8")
        scratch.rename(self.data)

    def _make_socket_directory(self) -> Path:
        near = self.directory / "socket"
        if len(os.fsencode(near / ".s.PGSQL.65535")) <= _LONGEST_SOCKET_PATH:
            return self.account.make_directory(near)
        return self.account.make_directory(Path(tempfile.mkdtemp(prefix="muster-", dir="/tmp")))

    def _remove_socket_directory(self) -> None:
        if self._socket_directory:
            shutil.rmtree(self._socket_directory, ignore_errors=True)

    def _command(self) -> Sequence[str | Path]:
        settings = _settings(throwaway=self._throwaway) | self._given
        settings |= {"listen_addresses": self.host, "port": str(self.port)}
        settings["unix_socket_directories"] = str(self._socket_directory)
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [self.runtime.postgres("postgres"), "-D", self.data, *arguments]

    def is_ready(self) -> bool:
        """The last line of postmaster.pid says so, and it is of this process."""
        try:
            lines = (self.data / "postmaster.pid").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"


def _settings(*, throwaway: bool) -> dict[str, str]:
    """Modest on memory, generous with WAL: a small machine with steady inserts."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MEGABYTE
    chosen = {
        "shared_preload_libraries": "timescaledb",
        "timescaledb.telemetry_level": "off",
        "timescaledb.max_background_workers": "4",
        "max_locks_per_transaction": "1024",  # two transactions over thousands of chunks
        "max_connections": "100",
        "shared_buffers": f"{min(1024, max(128, memory // 8))}MB",
        "effective_cache_size": f"{max(256, memory // 2)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "lz4",
        "synchronous_commit": "on",
        "default_toast_compression": "lz4",
        "random_page_cost": "1.1",
        "jit": "off",  # LLVM is not brought along
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %u@%d ",
        "log_lock_waits": "on",
        "log_checkpoints": "off",
    }
    if throwaway:
        chosen |= {
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "autovacuum": "off",
            "shared_buffers": "128MB",
            "max_worker_processes": "0",
            "max_parallel_workers": "0",
            "max_logical_replication_workers": "0",
            "log_min_messages": "error",  # else one warning a database for the missing launcher
        }
    return chosen
