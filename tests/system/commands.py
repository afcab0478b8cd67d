"""The `muster` command as people run it, in homes of the tests' own."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.embedded import processes, trees
from deploy.embedded.home import Home
from deploy.embedded.processes import ProcessId

CHECKOUT = Path(__file__).parents[2]
START_SECONDS = 240  # a bound on a busy machine, not a promise


@dataclass(frozen=True, slots=True)
class Muster:
    """One home, and whoever runs `muster` in it (`uid` None: ourselves)."""

    home: Path
    uid: int | None = None
    settings: Mapping[str, str] | None = None

    def command(self, *arguments: str) -> list[str]:
        """What to run: the command in this environment, as `./muster` does once it is set up."""
        return [self._python(), "-P", "-m", "deploy.cli", *arguments, "--home", str(self.home)]

    def environment(self) -> dict[str, str]:
        """Ours, without settings that a developer may have."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")}
        cache = os.environ.get("MUSTER_CACHE") or str(trees.cache_directory())
        path = [str(CHECKOUT)] + ([] if self.uid is None else [sysconfig.get_path("purelib")])
        kept |= {"PYTHONPATH": os.pathsep.join(path), "MUSTER_CACHE": cache}
        return kept | {"HOME": str(self.home.parent)} | dict(self.settings or {})

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment(),
            cwd=self.home.parent,
            user=self.uid,
            group=self.uid,
            extra_groups=None if self.uid is None else [],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=START_SECONDS,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Run `up` in the foreground; its words can be read from `stdout`."""
        return subprocess.Popen(
            self.command("up", *arguments),
            env=self.environment(),
            cwd=self.home.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def status(self) -> dict[str, Any]:
        """What `status --json` says."""
        said: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return said

    def living(self) -> list[ProcessId]:
        """Every process of the platform that runs now, the supervisor among them."""
        state = Home(self.home).read_state()
        supervisor = state.supervisor.process_id()
        known = [*state.living(), *([supervisor] if supervisor else [])]
        return [one for one in known if processes.is_running(one)]

    def strays(self) -> list[str]:
        """Command lines of running processes that name this home or its servers' directory."""
        places = [str(self.home), *_servers(self.home)]
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                line = _read(entry / "cmdline").replace("\0", " ")
                if any(place in line for place in places):
                    found.append(line)
        return found

    def clean_up(self) -> None:
        """Stop what runs and remove what root's servers keep outside the home."""
        self.run("down")
        for place in _servers(self.home):
            shutil.rmtree(place, ignore_errors=True)

    def _python(self) -> str:
        if self.uid is None or _may_run(sys.executable, self.uid):
            return sys.executable
        return f"/usr/bin/python3.{sys.version_info.minor}"


def first_words(done: "subprocess.CompletedProcess[str]") -> str:
    """The sentence of a refusal: the last complaint, without what was shown as progress."""
    complaints = [
        line.removeprefix("muster: ")
        for line in done.stderr.splitlines()
        if line.startswith("muster: ") and not line.endswith("...")
    ]
    assert "Traceback" not in done.stderr
    return complaints[-1] if complaints else ""


def remedy(done: "subprocess.CompletedProcess[str]") -> str:
    """What is to be done about it: the line after the sentence."""
    return done.stderr.splitlines()[-1].strip()


def may_run_as_others() -> bool:
    """Whether another user could run the tests' interpreter at all."""
    stranger = Muster(Path("/tmp/nowhere"), uid=54321)
    return os.geteuid() == 0 and _may_run(stranger.command()[0], 54321)


def _may_run(program: str, uid: int) -> bool:
    try:
        test = [program, "-c", "import ctypes"]
        return not subprocess.run(
            test, user=uid, group=uid, extra_groups=[], check=False
        ).returncode
    except OSError:
        return False


def _servers(home: Path) -> Sequence[str]:
    settled = _read(home / "home.json")
    return [json.loads(settled)["servers"]] if settled else []


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
