"""`up --detach`: the same command in a session of its own, watched until it is up."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import BinaryIO, NoReturn

from deploy.embedded import processes
from deploy.embedded.home import Home, State
from foundation.errors import Unavailable

_UP_SECONDS = 900  # a first start with downloads on a slow line


class DidNotComeUp(Unavailable):
    """Muster did not come up in time."""

    code = "did_not_come_up"
    remedy = "Read logs/supervisor.log in its home."


def run(home: Home, arguments: Sequence[str]) -> State:
    """Start it, show its progress, return its state once it is up.

    Exits with its exit code, and its last words, when it does not come up.
    """
    if home.supervisor():
        raise home.already_running()
    log_file = home.logs / "supervisor.log"
    log_file.touch(mode=0o600)
    kept = [one for one in arguments if one != "--detach"]
    with log_file.open("ab") as log, log_file.open("rb") as words:
        words.seek(0, 2)
        child = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", *kept, "--silent"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            return _wait_up(home, child, words)
        except BaseException:
            child.terminate()
            child.wait()
            raise


def _wait_up(home: Home, child: subprocess.Popen[bytes], words: BinaryIO) -> State:
    def is_settled() -> bool:
        _pass_on(words)
        return child.poll() is not None or _is_up(home, child.pid)

    settled = processes.wait_until(is_settled, _UP_SECONDS)
    _pass_on(words)
    if child.returncode is not None:
        _exit(child.returncode)
    if not settled:
        raise DidNotComeUp
    return home.read_state()


def _is_up(home: Home, pid: int) -> bool:
    state = home.read_state()
    return state.phase == "up" and state.supervisor.pid == pid


def _pass_on(words: BinaryIO) -> None:
    shutil.copyfileobj(words, sys.stderr.buffer)
    sys.stderr.flush()


def _exit(code: int) -> NoReturn:
    sys.exit(code if code > 0 else 1)
