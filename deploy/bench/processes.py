"""Child processes of a benchmark: started with a line protocol, measured in /proc, always ended."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from foundation.errors import MusterError

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_END_SECONDS = 30.0


class RoundFailed(MusterError):
    """A round of the benchmark did not come to its end."""

    code = "round_failed"
    remedy = "See the output above; free the machine of other work and try again."


class Child:
    """`python -m module` in an environment without settings of ours but those given."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        *,
        said: Path | None = None,
    ) -> None:
        """`said` is a file that takes what it writes to its standard error."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")}
        self._module = module
        errors = said.open("ab") if said else None
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=clean | dict(environment or {}),
            text=True,
        )
        if errors is not None:
            errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def has_said(self) -> bool:
        """Whether there is something to `read`, its end included."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def read(self, seconds: float = 120.0) -> dict[str, Any]:
        """The next JSON line that it prints; `RoundFailed` when none comes in time."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            raise RoundFailed(f"{self._module} says nothing for {seconds:.0f} s.")
        line = self._process.stdout.readline()
        if not line:
            raise RoundFailed(f"{self._module} ended with code {self._process.wait()}.")
        document: dict[str, Any] = json.loads(line)
        return document

    def tell(self) -> None:
        """Send it the line that it waits for."""
        self.send(None)

    def send(self, said: object) -> None:
        """Send it a line of JSON; an empty one for None."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n" if said is None else f"{json.dumps(said)}\n")
        self._process.stdin.flush()


def cpu_seconds(pid: int, *, with_children: bool = False) -> float:
    """CPU time of a process so far; with that of its children, living and gone, when asked."""
    used = _ticks(Path(f"/proc/{pid}/stat"), gone=with_children)
    if with_children:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split():
            try:
                used += _ticks(Path(f"/proc/{child}/stat"), gone=True)
            except OSError:
                continue  # ended meanwhile: its time is in its parent's account from now on
    return used / _TICKS_PER_SECOND


def _ticks(stat: Path, *, gone: bool) -> int:
    """Ticks in user and system mode; `gone` adds those of children that were waited for."""
    fields = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if gone else 13]))


def machine_cpu_seconds() -> float:
    """CPU time that anybody used on this machine so far: all but idle and waiting for a disk."""
    user, nice, system, _, _, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text("ascii").split(maxsplit=9)[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / _TICKS_PER_SECOND


def resident_megabytes(pid: int) -> float:
    """Memory that a process holds now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def wait_until(true: Callable[[], bool], child: Child, seconds: float, what: str) -> None:
    """Poll until it is true; `RoundFailed` when the child ends before or time is up."""
    deadline = time.monotonic() + seconds
    while not true():
        if not child.runs():
            raise RoundFailed(f"The process ended before {what}.")
        if time.monotonic() > deadline:
            raise RoundFailed(f"{what} did not come within {seconds:.0f} s.")
        time.sleep(0.1)
