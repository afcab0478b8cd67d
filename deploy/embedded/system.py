"""What the embedded servers need of the machine. Standard library alone."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from foundation.errors import Refused, Unavailable

SUPPORTED_RELEASES = ("12", "13")
SUPPORTED_ARCHITECTURES = ("amd64", "arm64")


class UnsupportedSystem(Refused):
    """The embedded servers run on Debian 12 and 13 (x86-64, arm64) only, and this is another."""

    code = "unsupported_system"
    remedy = "Use Docker instead: see deploy/compose."


class DiskFull(Unavailable):
    """There is no room left on the disk."""

    code = "disk_full"
    remedy = "Free some space, or name another directory in MUSTER_CACHE, and run it again."


def require_supported_system(os_release: Path = Path("/etc/os-release")) -> str:
    """The machine's Debian architecture, or `UnsupportedSystem`."""
    try:
        text = os_release.read_text("utf-8")
    except OSError:
        text = ""
    fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE))
    found = fields.get("PRETTY_NAME", "an unknown system")
    if fields.get("ID") != "debian" or fields.get("VERSION_ID") not in SUPPORTED_RELEASES:
        raise UnsupportedSystem(
            f"The embedded servers run on Debian 12 and 13 only, and this is {found}."
        )
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise UnsupportedSystem("The embedded servers need apt and dpkg, which are not here.")
    architecture = output_of(["dpkg", "--print-architecture"])
    if architecture not in SUPPORTED_ARCHITECTURES:
        raise UnsupportedSystem(
            f"The embedded servers run on x86-64 and arm64 only, and this is {architecture}."
        )
    return architecture


def require_space(directory: Path, megabytes: int) -> None:
    """Raise `DiskFull` unless the file system of `directory` has this much room for us."""
    free = shutil.disk_usage(directory).free // 1_000_000
    if free < megabytes:
        raise DiskFull(
            f"The disk of {directory} has {free} MB left, and {megabytes} MB are needed."
        )


def output_of(command: Sequence[str]) -> str:
    """What a command says on stdout, stripped."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()
