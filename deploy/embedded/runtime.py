"""The tested pair of servers: PostgreSQL 17 with TimescaleDB, and Mosquitto 2.0.

What is not needed to run is left out (perl, LLVM, locales, manuals): about 45 MB to download.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded import trees
from deploy.embedded.accounts import server_account
from deploy.embedded.progress import Progress
from deploy.embedded.trees import ProgramsDoNotRun, Recipe

_POSTGRES = "usr/lib/postgresql/17"
_RECIPE = Recipe(
    name="servers",
    wanted=("mosquitto", "postgresql-17", "postgresql-17-timescaledb", "libc-bin"),
    left_out=(
        "adduser", "base-passwd", "debconf", "init-system-helpers", "libaudit-common",
        "libdebconfclient0", "libipc-run-perl", "libjson-perl", "libllvm19", "libpam-modules",
        "libpam-modules-bin", "libsasl2-modules-db", "locales", "login.defs", "netbase",
        "openssl", "openssl-provider-legacy", "passwd", "perl", "perl-base",
        "postgresql-client-common", "postgresql-common", "procps", "readline-common",
        "sensible-utils", "ssl-cert", "sysvinit-utils", "tzdata", "ucf",
    ),
    unused=(
        "etc", "usr/bin/[!m]*", "usr/sbin/[!m]*", f"{_POSTGRES}/lib/bitcode",
        f"{_POSTGRES}/lib/pgxs", f"{_POSTGRES}/lib/llvmjit*", "usr/share/postgresql/17/man",
    ),
    programs=("usr/bin/mosquitto*", "usr/sbin/mosquitto", f"{_POSTGRES}/bin/*"),
    megabytes=400,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Runtime:
    """Where the unpacked servers are, and which versions they have."""

    root: Path
    versions: dict[str, str]

    @property
    def mosquitto(self) -> Path:
        """The broker's program."""
        return self.root / "usr/sbin/mosquitto"

    def postgres(self, program: str) -> Path:
        """A program of PostgreSQL: `postgres`, `initdb`, `psql`, `pg_dump`, ..."""
        return self.root / _POSTGRES / "bin" / program

    def environment(self) -> dict[str, str]:
        """The whole environment that the servers' programs are run with."""
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "LOCPATH": str(self.root / "usr/lib/locale"),
            "TZ": "UTC",
        }


def ensure(cache: Path | None = None, progress: Progress | None = None) -> Runtime:
    """The servers, fetched and unpacked first if they are not there yet."""
    tree = trees.ensure(_RECIPE, _check, cache, progress)
    return Runtime(tree.root, tree.versions)


def _check(root: Path) -> None:
    """Run both servers once, as the user who will run them."""
    runtime, account = Runtime(root, {}), server_account()
    for program, option, expected in (
        (runtime.postgres("postgres"), "--version", "postgres (PostgreSQL) 17."),
        (runtime.mosquitto, "-h", "mosquitto version 2."),
    ):
        done = subprocess.run(
            [program, option],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env=runtime.environment(),
            user=account.switch[0] if account.switch else None,
        )
        if expected not in done.stdout:
            said = done.stdout.strip()[-300:] or f"exit code {done.returncode}"
            raise ProgramsDoNotRun(f"{program} does not run: {said}")
