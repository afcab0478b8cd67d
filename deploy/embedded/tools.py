"""Runs the tools of the set-up (venv, pip, npm) quietly, and says what their failures mean.

Standard library alone.
"""

import os
import re
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from deploy.embedded.packages import DownloadBroken, NoNetwork
from deploy.embedded.processes import dies_with_parent
from deploy.embedded.progress import Progress
from deploy.embedded.system import DiskFull
from foundation.errors import MusterError

# What would make pip install elsewhere, or not what the lock says.
_UNWANTED = ("PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX",
             "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PIP_NO_BINARY", "PIP_CONSTRAINT",
             "PIP_NO_DEPS")  # fmt: skip
_UNREACHABLE = (
    "NewConnectionError|NameResol|imed out|Connection (refused|reset)|is unreachable|ProxyError"
    "|Temporary failure|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET"
)
_FAULTS: tuple[tuple[str, MusterError], ...] = (
    (r"No space left|ENOSPC", DiskFull()),
    (
        r"DO NOT MATCH THE HASHES|EINTEGRITY",
        DownloadBroken("A package is not what the lock file promises."),
    ),
    (
        r"SSLError|CERTIFICATE_VERIFY_FAILED|SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)",
        NoNetwork(
            "The certificate of the package index cannot be verified.",
            remedy="Name your company's CA certificates in PIP_CERT and NODE_EXTRA_CA_CERTS.",
        ),
    ),
    (
        _UNREACHABLE,
        NoNetwork(
            "The package index cannot be reached.",
            remedy="Check the network (and index-url or registry, if you set one); run it again.",
        ),
    ),
)


class ToolFailed(MusterError):
    """What is needed could not be installed."""

    code = "tool_failed"
    remedy = "Run the same command again; if it persists, report it with these words."


def run(
    command: Sequence[str | Path],
    progress: Progress,
    *,
    expected: int = 0,
    directory: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> None:
    """Run a tool to its end; raise what its words mean when it fails.

    `expected` is how many packages pip will say it is collecting, for the progress.
    """
    environment = {name: text for name, text in os.environ.items() if name not in _UNWANTED}
    environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUTF8": "1", **(settings or {})}
    with subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=directory,
        preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one prctl, no locks
    ) as running:
        assert running.stdout
        said: list[str] = []
        for line in running.stdout:
            said.append(line)
            if expected:
                progress.percent(min(99.0, 100 * _collected(said) / expected))
    if running.returncode:
        raise _translated(str(command[0]), "".join(said))


def _collected(said: Iterable[str]) -> int:
    return sum(line.startswith("Collecting ") for line in said)


def _translated(tool: str, said: str) -> MusterError:
    for pattern, error in _FAULTS:
        if re.search(pattern, said):
            return error
    complaints = [line.strip() for line in said.splitlines() if "error" in line.lower()]
    last = "; ".join(complaints[-2:]) or said.strip()[-300:] or "no reason was given"
    return ToolFailed(f"{Path(tool).name} could not do its part: {last}")
