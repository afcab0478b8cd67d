"""One at a time on a directory, across processes. Standard library alone."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.embedded.progress import Progress


@contextmanager
def alone(lock_file: Path, progress: Progress, waiting_for: str) -> Iterator[None]:
    """Hold `lock_file` for the block, waiting for whoever has it; the kernel frees it if we die."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.step(f"waiting for another run that is {waiting_for}")
            fcntl.flock(file, fcntl.LOCK_EX)
            progress.done()
        yield
