"""The checkout's own Python environment, made from the lock files. Standard library alone.

`.venv` is finished when its stamp names the lock files and the interpreter it was made from; what
an interrupted run left is made anew.
"""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from deploy.embedded import tools
from deploy.embedded.accounts import make_open
from deploy.embedded.locks import alone
from deploy.embedded.packages import PrivateApt, unpack
from deploy.embedded.progress import Progress
from deploy.embedded.system import require_space, require_supported_system
from deploy.embedded.trees import cache_directory
from foundation.errors import Refused

FROM_LOCK = ("--require-hashes", "--only-binary", ":all:", "--no-input")
_STAMP = "muster.json"
_BEGUN = "muster.begun"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_NEEDED_MEGABYTES = {False: 500, True: 1000}
# Debian's pip reads the system's certificates while it is imported, and bare Debian has none.
_PIP_WITHOUT_SYSTEM_CERTIFICATES = """
import sys
wheel, trusted = sys.argv[1:3]
sys.path.insert(0, wheel)
from pip._vendor import certifi
certifi.where = lambda: trusted
from pip._internal.cli.main import main
sys.exit(main(sys.argv[3:]))
"""


class CheckoutNotWritable(Refused):
    """The checkout cannot be written, and its environment is not set up yet."""

    code = "checkout_not_writable"
    remedy = "Run it as the user who owns the checkout, or clone it to a place of your own."


def ensure(checkout: Path, *, for_tests: bool, progress: Progress) -> Path:
    """The environment's interpreter, after installing whatever the lock files name."""
    venv = checkout / ".venv"
    python = venv / "bin" / "python"
    wanted = _wanted(checkout)
    if _is_finished(venv, wanted, for_tests=for_tests):
        return python
    if not os.access(checkout, os.W_OK):
        raise CheckoutNotWritable(f"{checkout} cannot be written.")
    try:
        with alone(checkout, progress, "setting up"):
            if not _is_finished(venv, wanted, for_tests=for_tests):
                _make(checkout, venv, wanted, progress, for_tests=for_tests)
    except PermissionError as error:
        raise CheckoutNotWritable(f"{checkout} cannot be written ({error.strerror}).") from error
    return python


def _wanted(checkout: Path) -> dict[str, str]:
    """What a finished environment's stamp says, besides its interpreter."""
    locks = ("requirements.lock", "requirements-dev.lock")
    hashes = {n: hashlib.sha256((checkout / n).read_bytes()).hexdigest() for n in locks}
    return {"checkout": str(checkout), **hashes}


def _is_finished(venv: Path, wanted: dict[str, str], *, for_tests: bool) -> bool:
    """Whether its stamp names these locks; the tests' lock counts only for the tests."""
    found = _stamp(venv)
    if not _still_has_its_python(venv, found) or (venv / _BEGUN).exists():
        return False
    keys = set(wanted) if for_tests else set(wanted) - {"requirements-dev.lock"}
    return all(found.get(key) == wanted[key] for key in keys)


def _still_has_its_python(venv: Path, stamp: dict[str, Any]) -> bool:
    """Whether its interpreter is the one it was made from: an upgrade of the system changes it.

    Which Python runs the bootstrap does not matter: that may change with the user and the PATH.
    """
    python = venv / "bin" / "python"
    return python.exists() and stamp.get("interpreter") == str(python.resolve())


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
    runs = _still_has_its_python(venv, found) if found else (venv / "bin" / "python").exists()
    if not runs or (venv / _BEGUN).exists():
        progress.step("making a Python environment")
        shutil.rmtree(venv, ignore_errors=True)
        tools.run([sys.executable, "-m", "venv", "--without-pip", venv], progress)
    (venv / _BEGUN).touch()
    locks = ["requirements.lock"]
    if for_tests or found.get("requirements-dev.lock"):
        locks.append("requirements-dev.lock")
    pip = pip_of(venv, progress)
    count = sum(len(_names(checkout / lock)) for lock in locks)
    progress.step(f"installing {count} Python packages")
    install = ["install", *FROM_LOCK]
    files = [part for lock in locks for part in ("-r", str(checkout / lock))]
    tools.run([*pip, *install, *files], progress, expected=count)
    stamp = {k: v for k, v in wanted.items() if not k.endswith(".lock") or k in locks}
    _write_stamp(venv, stamp | {"interpreter": str((venv / "bin" / "python").resolve())})
    (venv / _BEGUN).unlink()
    progress.done()


def _write_stamp(venv: Path, stamp: dict[str, str]) -> None:
    fresh = venv / f"{_STAMP}.new"
    fresh.write_text(json.dumps(stamp, indent=1), "utf-8")
    fresh.rename(venv / _STAMP)


def pip_of(venv: Path, progress: Progress) -> list[str]:
    """A pip that installs into `venv`: Python's own copy, or Debian's package of it."""
    python = str(venv / "bin" / "python")
    if importlib.util.find_spec("ensurepip"):
        tools.run([python, "-m", "ensurepip", "--upgrade", "--default-pip"], progress)
        return [python, "-m", "pip"]
    kept = cache_directory() / "pip"
    if not list(kept.glob("pip-*.whl")):
        _fetch_pip(kept, progress)
    wheel = next(kept.glob("pip-*.whl"))
    if _CERTIFICATES.exists():
        return [python, str(wheel / "pip")]
    trusted = os.environ.get("PIP_CERT") or str(kept / "certificates.pem")
    return [python, "-c", _PIP_WITHOUT_SYSTEM_CERTIFICATES, str(wheel), trusted, "--cert", trusted]


def _fetch_pip(kept: Path, progress: Progress) -> None:
    """pip and the certificate authorities from Debian's packages (bare Debian has neither)."""
    architecture = require_supported_system()
    make_open(kept.parent)
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
