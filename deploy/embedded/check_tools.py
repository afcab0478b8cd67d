"""What the tests need and the platform does not: Chromium, Chinese fonts, promtool, Alertmanager.

Unpacked into the cache like the servers: nothing is installed, no root is needed.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded import trees
from deploy.embedded.progress import Progress
from deploy.embedded.trees import ProgramsDoNotRun, Recipe

_RECIPE = Recipe(
    name="check-tools",
    wanted=(
        "chromium-headless-shell", "fonts-noto-cjk", "promtool", "prometheus-alertmanager",
        "libatomic1",
    ),
    left_out=(
        "adduser", "debconf", "init-system-helpers", "libllvm19", "libpam-modules",
        "libpam-modules-bin", "libsasl2-modules-db", "login.defs", "netbase",
        "openssl-provider-legacy", "passwd", "perl", "perl-base", "procps", "prometheus",
        "readline-common", "sensible-utils", "sysvinit-utils", "tzdata", "ucf", "x11-utils",
        "xdg-utils",
    ),
    unused=("etc", "usr/sbin"),
    programs=("usr/lib/chromium/chromium-headless-shell",),
    megabytes=1500,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CheckTools:
    """Programs to run from the tests."""

    chromium: Path
    promtool: Path
    amtool: Path
    alertmanager: Path
    beside: Path  # libraries that the tests' own programs may miss on a bare machine

    def environment(self) -> dict[str, str]:
        """What to run the tests with: Playwright's driver needs libatomic."""
        return {"LD_LIBRARY_PATH": str(self.beside)}


def ensure(cache: Path | None = None, progress: Progress | None = None) -> CheckTools:
    """The tools, fetched and unpacked first if they are not there yet (about 200 MB)."""
    tree = trees.ensure(_RECIPE, _finish, cache, progress)
    return _tools(tree.root)


def _tools(root: Path) -> CheckTools:
    programs = root / "usr/bin"
    return CheckTools(
        root / "chromium",
        programs / "promtool",
        programs / "amtool",
        programs / "prometheus-alertmanager",
        root / "beside",
    )


def _finish(root: Path) -> None:
    """Write the program that starts Chromium with its own libraries and fonts, and try it all."""
    shared = trees.libraries(root)
    (root / "fonts.conf").write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n'
        f"<fontconfig><dir>{root}/usr/share/fonts</dir>"
        '<cachedir prefix="xdg">fontconfig</cachedir></fontconfig>\n',
        "utf-8",
    )
    tools = _tools(root)
    tools.beside.mkdir(exist_ok=True)
    shutil.copy(shared / "libatomic.so.1", tools.beside)
    # No sandbox: it needs user namespaces, and this browser opens our own console only.
    tools.chromium.write_text(
        "#!/bin/sh\n"
        f"export FONTCONFIG_FILE='{root}/fonts.conf'"
        f" LD_LIBRARY_PATH='{shared}:{shared}/pulseaudio'\n"
        f"exec '{root}/usr/lib/chromium/chromium-headless-shell' --no-sandbox \"$@\"\n",
        "utf-8",
    )
    tools.chromium.chmod(0o755)
    for program in (tools.chromium, tools.promtool, tools.amtool, tools.alertmanager):
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode:
            raise ProgramsDoNotRun(f"{program} does not run: {done.stderr.strip()[-300:]}")
