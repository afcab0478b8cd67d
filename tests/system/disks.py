"""Small disks for the tests: one that fills up, one whose power fails. Root only."""

import ctypes
import fcntl
import os
import subprocess
from pathlib import Path
from typing import Self

import pytest

_SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN
_WITHOUT_LOG = ctypes.c_uint32(2)  # what is not on the disk yet is gone, the journal's too


class Disk:
    """A file system of so many megabytes at `place`; the test is skipped where none can be made."""

    def __init__(self, image: Path, place: Path, megabytes: int) -> None:
        self._image = image
        self.place = place
        if os.geteuid() != 0:
            pytest.skip("only root can mount a disk of its own")
        with image.open("wb") as file:
            file.truncate(megabytes * 2**20)
        place.mkdir(parents=True)
        self._run("mkfs.ext4", "-q", "-F", "-m", "0", str(image))

    def _run(self, *command: str) -> None:
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"this machine mounts no disk of its own: {error}")

    def __enter__(self) -> Self:
        self._run("mount", "-o", "loop", str(self._image), str(self.place))
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.place)], check=False)

    def lose_power(self) -> None:
        """Nothing more reaches the disk; come back with what had."""
        directory = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(directory, _SHUTDOWN, bytes(_WITHOUT_LOG))
        finally:
            os.close(directory)

    def come_back(self) -> None:
        """Mount it again, as at the next start of the machine."""
        subprocess.run(["umount", str(self.place)], check=True)
        self._run("mount", "-o", "loop", str(self._image), str(self.place))

    def fill(self) -> Path:
        """Take all that is free; give it back by removing this file."""
        taken = self.place / "filler"
        with taken.open("wb") as file:
            while True:
                try:
                    os.posix_fallocate(file.fileno(), file.tell(), 2**20)
                    file.seek(2**20, os.SEEK_CUR)
                except OSError:
                    return taken
