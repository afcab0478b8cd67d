"""A wrong clock for processes that we start, however they ask for the time.

A library of a few lines of C, preloaded, adds to the machine's time what a file says, while they
run. Needs a C compiler, and programs that are linked dynamically.
"""

import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

_SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long *ahead;

__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("LEDGER_CLOCK"), O_RDONLY);
    void *found = mmap(0, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    ahead = found == MAP_FAILED ? 0 : found;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && ahead && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *ahead;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *told) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (told) *told = precise.tv_sec;
    return precise.tv_sec;
}
"""
_COMPILER = "cc"


class Clock:
    """How many seconds the processes started with its `environment` are ahead of the machine."""

    def __init__(self, directory: Path) -> None:
        library, self._file = directory / "clock.so", directory / "clock"
        command = (_COMPILER, "-shared", "-fPIC", "-O1", "-x", "c", "-", "-o", str(library))
        subprocess.run(command, input=_SOURCE.encode(), check=True, capture_output=True)
        self.set(0)
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": str(library),
            "LEDGER_CLOCK": str(self._file),
        }

    def set(self, seconds: int) -> None:
        """From now on; also for those that run."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("l", seconds))


def is_available() -> bool:
    """Whether there is a compiler."""
    return shutil.which(_COMPILER) is not None
