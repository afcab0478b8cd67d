"""A disk that can be full or lose its power: ext4 in a file, mounted by way of a loop device.

Power loss is FS_IOC_SHUTDOWN without a flush of the journal [linux/fs.h, ext4]: what was not synced
is gone, as on a machine whose plug was pulled. Needs root and a kernel with loop devices.
"""

import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path

from deploy.embedded.processes import wait_until
from foundation.errors import Refused

_SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN
_WITHOUT_FLUSH = 2  # EXT4_GOING_FLAGS_NOLOGFLUSH
_BALLAST = "ballast"
_UMOUNT_SECONDS = 20.0


class DiskBusy(Refused):
    """Somebody still uses the disk."""

    code = "disk_busy"
    remedy = "Look with `fuser -vm` who it is."


class Disk:
    """`size_megabytes` of ext4 at `path`; the file that holds it lies beside it."""

    def __init__(self, path: Path, size_megabytes: int) -> None:
        self.path = path
        self._image = path.with_suffix(".ext4")
        with self._image.open("wb") as image:
            image.truncate(size_megabytes * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        path.mkdir()
        self._mount()
        path.chmod(0o755)

    def fill(self) -> None:
        """Leave no room, for anybody."""
        ballast = self.path / _BALLAST
        with ballast.open("wb") as file:
            for size in (2**24, 2**20, 2**12):  # what is given back meanwhile is taken, too
                end = file.seek(0, os.SEEK_END)
                while True:
                    try:
                        os.posix_fallocate(file.fileno(), end, size)
                    except OSError:
                        break
                    end += size

    def free(self) -> None:
        """Give the room back."""
        (self.path / _BALLAST).unlink(missing_ok=True)

    def lose_power(self) -> None:
        """From now on every write fails, and what was not synced will be gone after `restore`."""
        handle = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _WITHOUT_FLUSH))
        finally:
            os.close(handle)

    def restore(self) -> None:
        """Mount it anew, as after a boot; whoever used it must be gone."""
        self._umount()
        self._mount()

    def remove(self) -> None:
        """Take it away for good."""
        self._umount()
        self._image.unlink()
        self.path.rmdir()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.path))

    def _umount(self) -> None:
        if not wait_until(lambda: _succeeds("umount", str(self.path)), _UMOUNT_SECONDS):
            raise DiskBusy(f"{self.path} cannot be unmounted.")


def is_available(directory: Path) -> bool:
    """Whether this machine lets us have such a disk below `directory`."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("mkfs.ext4", "mount", "umount"))):
        return False
    try:
        Disk(directory / "trial", 16).remove()
    except (subprocess.CalledProcessError, OSError):
        shutil.rmtree(directory / "trial", ignore_errors=True)
        (directory / "trial.ext4").unlink(missing_ok=True)
        return False
    return True


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
