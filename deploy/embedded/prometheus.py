"""A Prometheus for the tests to be scraped by, unpacked into the cache like the servers."""

import subprocess
from pathlib import Path

from deploy.embedded import trees
from deploy.embedded.progress import Progress
from deploy.embedded.trees import ProgramsDoNotRun, Recipe

_RECIPE = Recipe(
    name="prometheus",
    wanted=("prometheus",),
    left_out=(
        "adduser", "debconf", "fonts-glyphicons-halflings", "init-system-helpers",
        "libjs-bootstrap", "libjs-bootstrap4", "libjs-d3",
        "libjs-eonasdan-bootstrap-datetimepicker",
        "libjs-jquery", "libjs-jquery-hotkeys", "libjs-moment", "libjs-moment-timezone",
        "libjs-mustache", "libjs-popper.js", "libjs-rickshaw", "libpam-modules",
        "libpam-modules-bin", "node-jquery", "perl", "perl-base", "prometheus-node-exporter",
        "promtool", "sysvinit-utils", "tzdata", "ucf",
    ),
    unused=("etc", "usr/share", "usr/sbin"),
    programs=("usr/bin/prometheus",),
    megabytes=400,
)  # fmt: skip


def ensure(cache: Path | None = None, progress: Progress | None = None) -> Path:
    """The program, fetched and unpacked first if it is not there yet."""
    return _program(trees.ensure(_RECIPE, _check, cache, progress).root)


def _program(root: Path) -> Path:
    return root / "usr/bin/prometheus"


def _check(root: Path) -> None:
    done = subprocess.run(
        [_program(root), "--version"], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise ProgramsDoNotRun(f"{root} does not run: {done.stderr.strip()[-300:]}")
