"""Who the servers run as: PostgreSQL refuses root, so root hands them to an unprivileged user.

Standard library alone.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from foundation.errors import Refused


class DirectoryOutOfReach(Refused):
    """The unprivileged user that runs the servers cannot reach this directory."""

    code = "directory_out_of_reach"
    remedy = "Name a directory every part of whose path is open to others (chmod o+x)."


@dataclass(frozen=True, slots=True)
class Account:
    """The user that runs the servers; `switch` is what to change to, None when we are that user."""

    uid: int
    gid: int
    name: str
    switch: tuple[int, int] | None

    def make_directory(self, path: Path) -> Path:
        """`path`, made if need be, owned by this account and closed to all others.

        Raises `DirectoryOutOfReach` when an ancestor is closed to the account.
        """
        make_open(path.parent)
        path.mkdir(exist_ok=True)
        if self.switch:
            os.chown(path, self.uid, self.gid)
            self.require_reach(path)
        path.chmod(0o700)
        return path

    def give(self, path: Path, mode: int = 0o600) -> Path:
        """`path` (a file), handed to this account."""
        path.chmod(mode)
        if self.switch:
            os.chown(path, self.uid, self.gid)
        return path

    def require_reach(self, path: Path) -> None:
        """Raise `DirectoryOutOfReach` unless the account may pass through all that leads here."""
        for ancestor in path.resolve().parents:
            found = ancestor.stat()
            needed = (
                stat.S_IXUSR if found.st_uid == self.uid
                else stat.S_IXGRP if found.st_gid == self.gid
                else stat.S_IXOTH
            )  # fmt: skip
            if self.uid and not found.st_mode & needed:
                raise DirectoryOutOfReach(
                    f"The user {self.name}, who runs the servers, cannot pass {ancestor}"
                    f" on the way to {path}."
                )


def make_open(directory: Path) -> None:
    """Make `directory` and what leads to it, where missing, open to pass whatever the umask."""
    for one in [*reversed(directory.parents), directory]:
        if not one.exists():
            one.mkdir(exist_ok=True)
            one.chmod(0o755)


def server_account() -> Account:
    """Ourselves; as root the user behind sudo, else `nobody`."""
    if os.geteuid():
        return Account(os.geteuid(), os.getegid(), _name(os.geteuid()), None)
    behind_sudo = int(os.environ.get("SUDO_UID") or 0)
    entry = pwd.getpwuid(behind_sudo) if behind_sudo else pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name, (entry.pw_uid, entry.pw_gid))


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
