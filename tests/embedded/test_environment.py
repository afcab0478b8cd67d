"""The checkout's own environment: made from lock files, mended after an interruption."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.embedded import environment
from deploy.embedded.packages import DownloadBroken, NoNetwork
from deploy.embedded.progress import Progress

REPOSITORY = Path(__file__).parents[2]
LOCKED = (REPOSITORY / "requirements-dev.lock").read_text("utf-8")


def pinned(name: str) -> str:
    """The lines of one small package in our own lock file."""
    found = re.search(rf"^{name}==.*?(?=^\S|\Z)", LOCKED, re.MULTILINE | re.DOTALL)
    assert found
    return found[0]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that needs one small package, and one more for its tests."""
    (tmp_path / "requirements.lock").write_text(pinned("iniconfig"), "utf-8")
    (tmp_path / "requirements-dev.lock").write_text(pinned("pluggy"), "utf-8")
    return tmp_path


def set_up(checkout: Path, *, for_tests: bool = False) -> str:
    """Set the checkout up and return what was said meanwhile."""
    said = io.StringIO()
    environment.ensure(checkout, for_tests=for_tests, progress=Progress(said))
    return said.getvalue()


def has(checkout: Path, module: str) -> bool:
    """Whether the checkout's interpreter can import this."""
    python = checkout / ".venv/bin/python"
    done = subprocess.run(
        [python, "-I", "-c", f"import {module}"], capture_output=True, check=False
    )
    return done.returncode == 0


def test_what_the_locks_name_is_installed_once(checkout: Path) -> None:
    """The tests' packages come when the tests need them; a second run does nothing."""
    assert "installing 1 Python packages" in set_up(checkout)
    assert (has(checkout, "iniconfig"), has(checkout, "pluggy")) == (True, False)
    assert set_up(checkout) == ""

    assert "installing 2 Python packages" in set_up(checkout, for_tests=True)
    assert (has(checkout, "iniconfig"), has(checkout, "pluggy")) == (True, True)
    assert set_up(checkout, for_tests=True) == ""
    assert set_up(checkout) == ""


def test_an_interrupted_set_up_is_made_anew(checkout: Path) -> None:
    """Half an installation is not mended but replaced."""
    set_up(checkout)
    venv = checkout / ".venv"
    (venv / "muster.begun").touch()
    for module in venv.glob("lib/python3*/site-packages/iniconfig/*.py"):
        module.write_text("half a fi", "utf-8")

    assert "making a Python environment" in set_up(checkout)

    assert has(checkout, "iniconfig")
    assert set_up(checkout) == ""


def test_an_upgraded_python_needs_a_new_environment_and_another_path_does_not(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment keeps its own interpreter, whoever runs the bootstrap with which one."""
    set_up(checkout)
    monkeypatch.setattr(sys, "executable", "/usr/local/bin/another-python")
    assert set_up(checkout) == ""
    monkeypatch.undo()

    python = checkout / ".venv/bin/python"
    upgraded = checkout / "python3.99"
    upgraded.symlink_to("/bin/true")
    python.unlink()
    python.symlink_to(upgraded)

    assert "making a Python environment" in set_up(checkout)
    assert has(checkout, "iniconfig")


def test_a_changed_lock_is_followed(checkout: Path) -> None:
    """After `git pull` the next run installs what came."""
    set_up(checkout)
    both = pinned("iniconfig") + pinned("pluggy")
    (checkout / "requirements.lock").write_text(both, "utf-8")

    assert "making a Python environment" not in set_up(checkout)

    assert has(checkout, "pluggy")


def test_a_package_that_is_not_what_the_lock_says_is_refused(checkout: Path) -> None:
    """The hash decides."""
    wrong = re.sub("sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, pinned("iniconfig"))
    (checkout / "requirements.lock").write_text(wrong, "utf-8")

    with pytest.raises(DownloadBroken, match="not what the lock file promises"):
        set_up(checkout)


def test_no_network_is_one_sentence(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to look at."""
    for name, value in {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_FIND_LINKS": "",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "1",
    }.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(NoNetwork) as caught:
        set_up(checkout)

    assert str(caught.value) == "The package index cannot be reached."
    assert "network" in caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_checkout_of_another_is_told(checkout: Path) -> None:
    """Read-only, and not set up yet."""
    checkout.chmod(0o500)

    with pytest.raises(environment.CheckoutNotWritable, match="cannot be written"):
        set_up(checkout)


@pytest.mark.parametrize("version", ["3.6", "3.10"])
def test_an_old_python_says_what_is_needed(tmp_path: Path, version: str) -> None:
    """The bootstrap itself can be read by Pythons that are too old to go on with."""
    pretending = (
        "import runpy, sys\n"
        f"sys.version_info = tuple(map(int, {version!r}.split('.')))\n"
        f"sys.version = {version!r}\n"
        f"sys.argv = ['muster', 'up']\n"
        f"runpy.run_path({str(REPOSITORY / 'muster')!r}, run_name='__main__')\n"
    )
    python = sys.executable

    done = subprocess.run(
        [python, "-c", pretending],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"muster: Python 3.11 or newer is needed, and this is {version}.")
