"""The console's browser libraries: fetched by npm from a lock file, copied into an ignored folder.

`api/console/vendor.json` says which files: name in the folder to path below `node_modules`. Nothing
that a package brings is run. Standard library alone.
"""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from deploy.embedded import environment, npm
from deploy.embedded.accounts import make_open
from deploy.embedded.locks import alone
from deploy.embedded.packages import DownloadBroken
from deploy.embedded.progress import Progress
from deploy.embedded.trees import cache_directory


def ensure(checkout: Path, progress: Progress) -> None:
    """Bring every file that vendor.json lists, if it is not there as the lock says."""
    console = checkout / "api" / "console"
    folder = console / "assets" / "vendor"
    wanted = _wanted(console)
    if _is_finished(folder, wanted):
        return
    try:
        with alone(checkout, progress, "setting up"):
            if not _is_finished(folder, wanted):
                _fetch(checkout, console, folder, progress)
                (folder / ".stamp").write_text(wanted, "utf-8")
                progress.done()
    except PermissionError as error:
        raise environment.CheckoutNotWritable(
            f"{folder} cannot be written ({error.strerror})."
        ) from error


def _wanted(console: Path) -> str:
    read = b"".join((console / name).read_bytes() for name in ("package-lock.json", "vendor.json"))
    return hashlib.sha256(read).hexdigest()


def _listed(console: Path) -> dict[str, str]:
    listed: dict[str, str] = json.loads((console / "vendor.json").read_text("utf-8"))
    return listed


def _is_finished(folder: Path, wanted: str) -> bool:
    stamp = folder / ".stamp"
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        return False
    return all((folder / name).exists() for name in _listed(folder.parent.parent))


def _fetch(checkout: Path, console: Path, folder: Path, progress: Progress) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".stamp").unlink(missing_ok=True)
    cache = cache_directory()
    make_open(cache)
    with tempfile.TemporaryDirectory(prefix=".npm-", dir=cache) as made:
        scratch = Path(made)
        _, command = npm.node(checkout, scratch, progress)
        progress.step("fetching the console's browser libraries")
        modules = npm.install(command, console, scratch, progress)
        for name, path in _listed(console).items():
            source = modules / path
            if not source.is_file():
                raise DownloadBroken(
                    f"The console's package has no {path}, which vendor.json lists."
                )
            shutil.copyfile(source, folder / name)
