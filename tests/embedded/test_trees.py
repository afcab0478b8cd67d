"""Trees of packages in the cache: whole or not at all."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.embedded import processes
from deploy.embedded.runtime import Runtime
from deploy.embedded.system import DiskFull
from deploy.embedded.trees import ProgramsDoNotRun, Recipe, ensure
from tests.embedded import mirror
from tests.embedded.test_packages import quiet

_LEFT_OUT = ("libc6", "libgcc-s1", "libstdc++6", "liblz4-1", "liblzma5", "libzstd1", "zlib1g")
# One program: real, and quick to fetch. And a library that takes a moment.
SMALL = Recipe("small", ("zstd",), _LEFT_OUT, (), ("usr/bin/zstd",), megabytes=50)
LARGE = Recipe("large", ("zstd", "libicu76"), _LEFT_OUT, (), ("usr/bin/zstd",), megabytes=50)
IN_A_PROCESS = """
import sys
from pathlib import Path
from deploy.embedded import trees
from tests.embedded.test_trees import LARGE
print(trees.ensure(LARGE, lambda _: None, Path(sys.argv[1]), None).root)
"""


def start(cache: Path, **environment: str) -> subprocess.Popen[str]:
    """A process of its own that asks for the large tree."""
    return subprocess.Popen(
        [sys.executable, "-c", IN_A_PROCESS, str(cache)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_two_first_uses_at_once_make_one_tree(server_directory: Path) -> None:
    """The second waits for the first and finds its tree."""
    both = [start(server_directory), start(server_directory)]

    said = [process.communicate(timeout=120) for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert said[0][0] == said[1][0]
    assert sum("unpacking large" in errors for _, errors in said) == 1
    assert sum("waiting for another run" in errors for _, errors in said) == 1


def test_an_interrupted_download_is_mended_by_the_next_run(server_directory: Path) -> None:
    """Killed in mid-download, nothing half-made is taken for a tree; the next run makes it."""
    half_way, go_on = threading.Event(), threading.Event()

    def stall(url: str, body: bytes) -> Iterator[bytes]:
        if not url.endswith(".deb") or "libicu76" not in url:
            yield body
            return
        yield body[: len(body) // 2]
        half_way.set()
        go_on.wait(60)

    with mirror.proxied(stall, server_directory) as configuration:
        first = start(server_directory / "cache", APT_CONFIG=str(configuration))
        assert half_way.wait(60)
        partial = server_directory / "cache/apt/archives/partial"
        assert processes.wait_until(
            lambda: any(path.stat().st_size > 1_000_000 for path in partial.glob("libicu*")), 10
        )
        first.kill()
        first.communicate()
        go_on.set()
    assert not list((server_directory / "cache").glob("large-*"))

    tree = ensure(LARGE, lambda _: None, server_directory / "cache", quiet())

    assert set(tree.versions) == {"zstd", "libicu76"}
    assert len(list(tree.root.glob("usr/lib/*/libicudata.so.76.1"))) == 1
    assert not list((server_directory / "cache").glob(".unpacking-*"))


def test_a_tree_that_was_killed_while_unpacking_is_made_anew(server_directory: Path) -> None:
    """A tree without its stamp is none."""
    made = ensure(SMALL, lambda _: None, server_directory, quiet())
    (made.root / "muster.json").unlink()
    (made.root / "usr/bin/zstd").unlink()
    (server_directory / ".unpacking-left").mkdir()

    again = ensure(SMALL, lambda _: None, server_directory, quiet())

    assert again.root == made.root
    assert (again.root / "usr/bin/zstd").exists()
    assert not (server_directory / ".unpacking-left").exists()


def test_a_tree_whose_programs_do_not_run_is_not_kept(server_directory: Path) -> None:
    """The check's refusal is told, and the next use makes the tree anew."""

    def refuse(root: Path) -> None:
        raise ProgramsDoNotRun(f"{root} does not run")

    with pytest.raises(ProgramsDoNotRun):
        ensure(SMALL, refuse, server_directory, quiet())

    assert ensure(SMALL, lambda _: None, server_directory, quiet()).versions


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("kilobytes", [2_000, 25_000, 45_000])
def test_a_disk_that_fills_up_on_the_way_is_told(server_directory: Path, kilobytes: int) -> None:
    """Full while reading lists, downloading or unpacking: one sentence, and nothing half-made."""
    hopeful = replace(LARGE, megabytes=0)
    cache = server_directory / "cache"
    cache.mkdir()
    size = ["-o", f"size={kilobytes}k"]
    subprocess.run(["mount", "-t", "tmpfs", *size, "muster-test", str(cache)], check=True)
    try:
        with pytest.raises(DiskFull):
            ensure(hopeful, lambda _: None, cache, quiet())
        assert not list(cache.glob("large-*"))
    finally:
        subprocess.run(["umount", str(cache)], check=True)


def test_apt_does_not_outlive_whoever_started_it(server_directory: Path) -> None:
    """Kill -9 of the set-up ends its download, too."""
    reached, go_on = threading.Event(), threading.Event()

    def stall(url: str, body: bytes) -> Iterator[bytes]:
        reached.set()
        go_on.wait(60)
        yield body

    with mirror.proxied(stall, server_directory) as configuration:
        first = start(server_directory / "cache", APT_CONFIG=str(configuration))
        assert reached.wait(60)
        children = processes.children_of(first.pid)
        assert children
        os.kill(first.pid, signal.SIGKILL)
        first.communicate()
        ended = processes.wait_gone(children, 10)
        go_on.set()
    assert ended


def test_the_servers_bring_their_own_loader_and_libraries(servers: Runtime) -> None:
    """Nothing but the kernel's own page comes from the machine."""
    for program in (servers.postgres("postgres"), servers.mosquitto):
        tracing = servers.environment() | {"LD_TRACE_LOADED_OBJECTS": "1"}
        resolved = subprocess.run(
            [program], env=tracing, capture_output=True, text=True, check=True
        ).stdout
        assert "libc.so.6" in resolved
        paths = [word for line in resolved.splitlines() for word in line.split() if "/" in word]
        assert [path for path in paths if not path.startswith(str(servers.root))] == []
