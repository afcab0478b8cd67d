"""One at a time in a directory, across processes. Standard library alone."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.embedded.progress import Progress


@contextmanager
def alone(directory: Path, progress: Progress, waiting_for: str) -> Iterator[None]:
    """Hold a lock on `directory` for the block, waiting for whoever has it.

    The kernel frees it if we die; no file is left.
    """
    opened = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.step(f"waiting for another run that is {waiting_for}")
            fcntl.flock(opened, fcntl.LOCK_EX)
            progress.done()
        yield
    finally:
        os.close(opened)
