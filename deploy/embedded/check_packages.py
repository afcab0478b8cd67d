"""What only the tests need of npm: an identity provider to sign in at, the schema of AsyncAPI.

Kept in the user's cache, one folder for each lock file.
"""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded import npm
from deploy.embedded.accounts import make_open
from deploy.embedded.locks import alone
from deploy.embedded.progress import Progress
from deploy.embedded.trees import cache_directory

_LEAST_NODE = 22


@dataclass(frozen=True, slots=True)
class CheckPackages:
    """Where the packages are, and the command that runs Node.js."""

    modules: Path
    node: list[str]


def ensure(
    checkout: Path, cache: Path | None = None, progress: Progress | None = None
) -> CheckPackages:
    """The packages that `tests/node` locks, fetched first if they are not there yet."""
    wanted = checkout / "tests" / "node"
    lock = hashlib.sha256((wanted / "package-lock.json").read_bytes()).hexdigest()
    kept = (cache or cache_directory()) / f"npm-{lock[:16]}"
    progress = progress or Progress()
    make_open(kept.parent)
    if not kept.exists():
        with alone(checkout, progress, "setting up"):
            if not kept.exists():
                _fetch(checkout, wanted, kept, progress)
    node, _ = npm.node(checkout, kept, progress, least=_LEAST_NODE)
    return CheckPackages(kept / "node_modules", node)


def _fetch(checkout: Path, wanted: Path, kept: Path, progress: Progress) -> None:
    scratch = Path(tempfile.mkdtemp(prefix=".npm-", dir=kept.parent))
    try:
        _, command = npm.node(checkout, scratch, progress, least=_LEAST_NODE)
        progress.step("fetching an identity provider for the tests")
        npm.install(command, wanted, scratch, progress)
        scratch.chmod(0o755)
        scratch.rename(kept)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    progress.done()
