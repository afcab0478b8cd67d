"""Child processes that never outlive us: started, recognised and ended by id and start time.

Standard library alone. Linux only: a child asks the kernel for a signal when its parent dies
(prctl(2), PR_SET_PDEATHSIG), so that even `kill -9` of the parent leaves nothing behind. The kernel
counts the *thread* that started the child as its parent: start children from a thread that stays.
"""

import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_MOST_FILES = 1_048_576  # some programs walk through all that they may open
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process for all time: a pid may be given again, a pid with its start time may not."""

    pid: int
    started_ticks: int


def identify(pid: int) -> ProcessId | None:
    """The process that has this pid now; None when there is none, or only its unread exit code."""
    try:
        # The command name in field 2 may hold spaces and brackets: read after its last ')'.
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in {"Z", "X"} else ProcessId(pid, int(fields[19]))


def is_running(process: ProcessId) -> bool:
    """Whether exactly this process still runs."""
    return identify(process.pid) == process


def send(process: ProcessId, number: signal.Signals) -> None:
    """Signal exactly this process; nothing happens when it is gone."""
    if is_running(process):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return


def wait_gone(processes: Sequence[ProcessId], seconds: float) -> bool:
    """Whether all of them ended within `seconds`."""
    return wait_until(lambda: not any(map(is_running, processes)), seconds)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether `condition` became true within `seconds`; asked every 20 ms, and at least once."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def children_of(pid: int) -> list[ProcessId]:
    """The processes whose parent is `pid`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text("utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found.append(ProcessId(int(entry.name), int(fields[19])))
    return found


def dies_with_parent(number: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` that has the kernel send `number` to the child when this process dies."""
    parent = os.getpid()

    def ask_for_signal() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return ask_for_signal


def spawn(
    command: Sequence[str | Path],
    *,
    log: IO[bytes] | int,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    user: tuple[int, int] | None = None,
    on_parent_death: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command` in a process group of its own (Ctrl-C reaches only us), output to `log`.

    `user` is (uid, gid) to change to, for root only. It may open as many files, and so take as many
    connections, as the machine lets it.
    """
    uid, gid = user or (None, None)
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = _MOST_FILES if allowed == resource.RLIM_INFINITY else min(allowed, _MOST_FILES)
    die_with_us = dies_with_parent(on_parent_death)

    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        die_with_us()

    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=dict(environment) if environment is not None else None,
        cwd=directory,
        user=uid,
        group=gid,
        extra_groups=[] if user else None,
        process_group=0,
        preexec_fn=prepare,  # noqa: PLW1509 - two system calls, no locks
    )
