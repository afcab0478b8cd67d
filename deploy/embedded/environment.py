"""The checkout's own Python environment, made from the lock files. Standard library alone.

`.venv` is finished when its stamp names the lock files and the interpreter it was made from; what
an interrupted run left is made anew.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.embedded.packages import DownloadBroken, NoNetwork, PrivateApt, unpack
from deploy.embedded.processes import dies_with_parent
from deploy.embedded.progress import Progress
from deploy.embedded.runtime import cache_directory
from deploy.embedded.system import DiskFull, require_space, require_supported_system
from foundation.errors import MusterError, Refused

_STAMP = "muster.json"
_BEGUN = "muster.begun"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_NEEDED_MEGABYTES = {False: 500, True: 1000}
# What would make pip install elsewhere, or not what the lock says.
_UNWANTED = ("PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX",
             "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PIP_NO_BINARY", "PIP_CONSTRAINT",
             "PIP_NO_DEPS")  # fmt: skip


class CheckoutNotWritable(Refused):
    """The checkout cannot be written, and its environment is not set up yet."""

    code = "checkout_not_writable"
    remedy = "Run it as the user who owns the checkout, or clone it to a place of your own."


class NotInstalled(MusterError):
    """The Python packages that are needed could not be installed."""

    code = "not_installed"
    remedy = "Run the same command again; if it persists, report it with these words."


def ensure(checkout: Path, *, for_tests: bool, progress: Progress) -> Path:
    """The environment's interpreter, after installing whatever the lock files name."""
    venv = checkout / ".venv"
    python = venv / "bin" / "python"
    wanted = _wanted(checkout)
    if _is_finished(venv, wanted, for_tests=for_tests):
        return python
    try:
        with _alone(checkout, progress):
            if not _is_finished(venv, wanted, for_tests=for_tests):
                _make(checkout, venv, wanted, progress, for_tests=for_tests)
    except PermissionError as error:
        raise CheckoutNotWritable(f"{checkout} cannot be written ({error.strerror}).") from error
    return python


def _wanted(checkout: Path) -> dict[str, str]:
    """What a finished environment's stamp says."""
    locks = ("requirements.lock", "requirements-dev.lock")
    hashes = {n: hashlib.sha256((checkout / n).read_bytes()).hexdigest() for n in locks}
    interpreter = Path(sys.executable).resolve()
    return {"checkout": str(checkout), "python": f"{interpreter} {sys.version}", **hashes}


def _is_finished(venv: Path, wanted: dict[str, str], *, for_tests: bool) -> bool:
    """Whether its stamp names these locks; the tests' lock counts only for the tests."""
    found = _stamp(venv)
    if not (venv / "bin" / "python").exists() or (venv / _BEGUN).exists():
        return False
    keys = set(wanted) if for_tests else set(wanted) - {"requirements-dev.lock"}
    return all(found.get(key) == wanted[key] for key in keys)


def _stamp(venv: Path) -> dict[str, Any]:
    try:
        stamp: dict[str, Any] = json.loads((venv / _STAMP).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp


def _make(
    checkout: Path, venv: Path, wanted: dict[str, str], progress: Progress, *, for_tests: bool
) -> None:
    require_space(checkout, _NEEDED_MEGABYTES[for_tests])
    found = _stamp(venv)
    same_python = found.get("python") == wanted["python"]
    if (venv / _BEGUN).exists() or (found and not same_python) or not (venv / "bin").exists():
        progress.step("making a Python environment")
        shutil.rmtree(venv, ignore_errors=True)
        _run([sys.executable, "-m", "venv", "--without-pip", str(venv)], progress)
    (venv / _BEGUN).touch()
    locks = ["requirements.lock"]
    if for_tests or found.get("requirements-dev.lock"):
        locks.append("requirements-dev.lock")
    pip = _pip(venv, progress)
    count = sum(len(_names(checkout / lock)) for lock in locks)
    progress.step(f"installing {count} Python packages")
    install = ["install", "--require-hashes", "--only-binary", ":all:", "--no-input"]
    files = [part for lock in locks for part in ("-r", str(checkout / lock))]
    _run([*pip, *install, *files], progress, count)
    _write_stamp(venv, {k: v for k, v in wanted.items() if not k.endswith(".lock") or k in locks})
    (venv / _BEGUN).unlink()
    progress.done()


def _write_stamp(venv: Path, stamp: dict[str, str]) -> None:
    fresh = venv / f"{_STAMP}.new"
    fresh.write_text(json.dumps(stamp, indent=1), "utf-8")
    fresh.rename(venv / _STAMP)


def _pip(venv: Path, progress: Progress) -> list[str]:
    """A pip that installs into `venv`: Python's own copy, or Debian's package of it."""
    python = str(venv / "bin" / "python")
    if importlib.util.find_spec("ensurepip"):
        _run([python, "-m", "ensurepip", "--upgrade", "--default-pip"], progress)
        return [python, "-m", "pip"]
    kept = cache_directory() / "pip"
    if not list(kept.glob("pip-*.whl")):
        _fetch_pip(kept, progress)
    wheel = next(kept.glob("pip-*.whl"))
    certificates = [] if _CERTIFICATES.exists() else ["--cert", str(kept / "certificates.pem")]
    return [python, str(wheel / "pip"), *certificates]


def _fetch_pip(kept: Path, progress: Progress) -> None:
    """pip and the certificate authorities from Debian's packages (bare Debian has neither)."""
    architecture = require_supported_system()
    kept.parent.mkdir(parents=True, exist_ok=True)
    apt = PrivateApt(kept.parent / "apt-pip", architecture)
    left_out = ("openssl", "debconf")
    names = ["python3-pip-whl", "ca-certificates"]
    archives = apt.fetch(names, left_out=left_out, progress=progress)
    scratch = kept.parent / ".unpacking-pip"
    shutil.rmtree(scratch, ignore_errors=True)
    unpack(archives, scratch)
    fresh = scratch / "pip"
    fresh.mkdir()
    for wheel in scratch.glob("usr/share/python-wheels/pip-*.whl"):
        wheel.rename(fresh / wheel.name)
    trusted = sorted(scratch.glob("usr/share/ca-certificates/mozilla/*.crt"))
    (fresh / "certificates.pem").write_bytes(b"\n".join(one.read_bytes() for one in trusted))
    fresh.rename(kept)
    shutil.rmtree(scratch)
    apt.discard()


def _names(lock: Path) -> set[str]:
    return set(re.findall(r"^([\w.-]+)==", lock.read_text("utf-8"), re.MULTILINE))


def _run(command: list[str], progress: Progress, count: int = 0) -> None:
    """Run pip or venv quietly; raise what its words mean when it fails."""
    environment = {name: text for name, text in os.environ.items() if name not in _UNWANTED}
    environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUTF8": "1"}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one prctl, no locks
    ) as running:
        assert running.stdout
        said, collected = [], 0
        for line in running.stdout:
            said.append(line)
            if count and line.startswith("Collecting "):
                collected += 1
                progress.percent(min(99, 100 * collected / count))
    if running.returncode:
        raise _translated("".join(said))


def _translated(said: str) -> MusterError:
    if "No space left" in said:
        return DiskFull()
    if "DO NOT MATCH THE HASHES" in said:
        return DownloadBroken("A Python package is not what the lock file promises.")
    if re.search(r"NewConnectionError|[Tt]imed out|Temporary failure|Connection (refused|reset)"
                 r"|Network is unreachable|ProxyError|NameResolution", said):  # fmt: skip
        return NoNetwork(
            "The Python package index cannot be reached.",
            remedy="Check the network (and pip's index-url, if you set one), then run it again.",
        )
    complaints = [line.strip() for line in said.splitlines() if line.startswith("ERROR")]
    last = "; ".join(complaints[-2:]) or said.strip()[-300:] or "no reason was given"
    return NotInstalled(f"The Python packages could not be installed: {last}")


@contextmanager
def _alone(checkout: Path, progress: Progress) -> Iterator[None]:
    """One set-up at a time in a checkout, by a lock on the directory itself."""
    directory = os.open(checkout, os.O_RDONLY)
    try:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.step("waiting for another run that is setting up")
            fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
