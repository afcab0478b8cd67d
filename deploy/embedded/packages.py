"""Debian packages without root: fetched by apt in a private directory, then unpacked.

apt does what it does best (mirrors, proxies, signatures, resuming), on lists, status and cache of
our own, with the machine's keyring and the machine's mirror. Standard library alone.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from deploy.embedded import sources
from deploy.embedded.processes import dies_with_parent
from deploy.embedded.progress import Progress
from deploy.embedded.system import DiskFull, output_of
from foundation.errors import MusterError, Unavailable

SUITE = "trixie"
_FULL_BYTES = 100_000
_LOOK_SECONDS = 0.1


class NoNetwork(Unavailable):
    """The package mirror cannot be reached."""

    code = "no_network"
    remedy = "Check the network and /etc/apt/sources.list.d, then run the same command again."


class DownloadBroken(Unavailable):
    """What was downloaded is not what the mirror's signed list promises."""

    code = "download_broken"
    remedy = "Run the same command again in a few minutes; the mirror may be half updated."


class SignatureUnknown(Unavailable):
    """The machine has no key for the mirror's signature."""

    code = "signature_unknown"
    remedy = "Run `apt-get install debian-archive-keyring` as root, then the same command again."


class PackagesNotResolved(MusterError):
    """apt cannot find or combine the packages that are needed."""

    code = "packages_not_resolved"
    remedy = "Look at what apt says below; a mirror that carries Debian 13 is needed."


class PrivateApt:
    """apt on a directory of its own; one user at a time (the caller holds a lock)."""

    def __init__(self, directory: Path, architecture: str) -> None:
        self._directory = directory
        self._architecture = architecture
        self._archives = directory / "archives"

    def fetch(
        self, names: Sequence[str], *, left_out: Iterable[str] = (), progress: Progress
    ) -> list[Path]:
        """The verified `.deb` files of `names` and all they depend on, but for `left_out`.

        What an interrupted earlier run downloaded is used; a file that is not what the mirror's
        signed list says is fetched anew.
        """
        self._configure(left_out)
        progress.step("reading the package lists")
        self._run(["update"], progress)
        progress.step(f"downloading {', '.join(names)}")
        install = ["install", "--download-only", "--assume-yes", *names]
        self._run(install, progress)
        wanted = self._run([*install, "--print-uris", "-qq"], progress, cached=False)
        files = re.findall(r"^'[^']+' (\S+\.deb) \d+", wanted, re.MULTILINE)
        return [self._archives / name for name in sorted(files)]

    def discard(self) -> None:
        """Remove lists and downloads."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def _configure(self, left_out: Iterable[str]) -> None:
        listed = sources.rewritten(_machine_sources(), SUITE)
        if not listed:
            raise PackagesNotResolved(
                "No Debian mirror is named in the machine's apt sources.",
                remedy="Add a Debian mirror to /etc/apt/sources.list.d, then run it again.",
            )
        for part in ("lists/partial", "archives/partial", "empty"):
            (self._directory / part).mkdir(parents=True, exist_ok=True)
        (self._directory / "debian.sources").write_text(listed, "utf-8")
        (self._directory / "status").write_text(
            "".join(_STAND_IN.format(name=n, arch=self._architecture) for n in left_out), "utf-8"
        )
        (self._directory / "apt.conf").write_text(
            _CONFIGURATION.replace("@", str(self._directory)).replace("%", self._architecture),
            "utf-8",
        )

    def _run(self, arguments: list[str], progress: Progress, *, cached: bool = True) -> str:
        options = ["-c", str(self._directory / "apt.conf"), "-o", "APT::Status-Fd=1"]
        if not cached:  # otherwise apt leaves out of the list what it has already
            options += ["-o", f"Dir::Cache::Archives={self._directory / 'empty'}"]
            (self._directory / "empty" / "partial").mkdir(exist_ok=True)
        with subprocess.Popen(
            ["apt-get", *options, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one prctl, no locks
        ) as apt:
            assert apt.stdout
            full = threading.Event()  # apt clears up as it ends: afterwards there is room again
            watch = threading.Thread(target=self._end_on_full_disk, args=(apt, full))
            watch.start()
            said = []
            try:
                for line in apt.stdout:
                    if share := re.match(r"dlstatus:\d+:([\d.]+):", line):
                        progress.percent(float(share[1]))
                    else:
                        said.append(line)
            except BaseException:
                apt.terminate()
                raise
        watch.join()
        text = "".join(said)
        if apt.returncode:
            raise DiskFull() if full.is_set() or self._is_full() else _translated(text)
        return text

    def _end_on_full_disk(self, apt: "subprocess.Popen[str]", full: threading.Event) -> None:
        """apt can wait for ever for a download that it cannot write: end it then."""
        while apt.poll() is None:
            if self._is_full():
                full.set()
                apt.terminate()
            time.sleep(_LOOK_SECONDS)

    def _is_full(self) -> bool:
        return shutil.disk_usage(self._directory).free < _FULL_BYTES


def unpack(archives: Iterable[Path], into: Path, *, without: Iterable[str] = ()) -> None:
    """Unpack every package below `into`, then remove the paths `without` (globs) from there."""
    into.mkdir(parents=True, exist_ok=True)
    for archive in archives:
        done = subprocess.run(
            ["dpkg-deb", "--extract", str(archive), str(into)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            if "No space left" in done.stderr:
                raise DiskFull
            raise DownloadBroken(f"{archive.name} cannot be unpacked: {done.stderr.strip()}")
    for pattern in without:
        for path in list(into.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _machine_sources() -> list[tuple[str, str]]:
    """Name and text of every apt source file the machine uses (`APT_CONFIG` is honoured)."""
    places = output_of(
        ["apt-config", "shell", "ONE", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d"]
    )
    found = dict(re.findall(r"^(\w+)='([^']*)'$", places, re.MULTILINE))
    paths = [Path(found.get("ONE", "/etc/apt/sources.list"))]
    parts = Path(found.get("PARTS", "/etc/apt/sources.list.d"))
    if parts.is_dir():
        paths += sorted(p for p in parts.iterdir() if p.suffix in {".list", ".sources"})
    return [(p.name, p.read_text("utf-8", "replace")) for p in paths if p.is_file()]


_FAULTS: tuple[tuple[str, type[MusterError]], ...] = (
    (r"No space left|enough free space", DiskFull),
    (r"NO_PUBKEY|is not signed|invalid signature|no longer signed|EXPKEYSIG", SignatureUnknown),
    (r"Hash Sum mismatch|unexpected size|Splitting up .* failed", DownloadBroken),
    (r"resolv|onnection (failed|refused|timed out|reset)|nable to connect", NoNetwork),
    (r"ould not connect|unreachable|No route to host", NoNetwork),
)


def _translated(said: str) -> MusterError:
    """The error that apt's words mean; its own words where we know none."""
    complaints = [line.strip() for line in said.splitlines() if re.match(r"(E|Err|W):", line)]
    for pattern, error in _FAULTS:
        if re.search(pattern, said):
            if error is NoNetwork:
                host = re.search(r"(?:Err:\d+|Failed to fetch) \w+://([^/\s]+)", said)
                return NoNetwork(
                    f"The package mirror {host[1] if host else 'of this machine'}"
                    " cannot be reached."
                )
            return error()
    return PackagesNotResolved(
        "apt cannot get the packages that are needed: "
        + ("; ".join(complaints[-3:]) or said.strip()[-300:] or "it gave no reason")
    )


_STAND_IN = """Package: {name}
Status: install ok installed
Architecture: {arch}
Multi-Arch: allowed
Version: 999:0
Maintainer: nobody
Description: left out on purpose

"""

# Hooks of the machine (removing its own cache, for one) must not run for us; of the index targets
# only the package list is wanted.
_CONFIGURATION = """
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::IndexTargets;
Acquire::IndexTargets::deb::Packages {
  MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages";
  flatMetaKey "Packages";
  ShortDescription "Packages";
  Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages";
};
Dir::Etc::sourcelist "@/debian.sources";
Dir::Etc::sourceparts "@/empty";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "@/empty";
Dir::State "@";
Dir::State::lists "@/lists";
Dir::State::status "@/status";
Dir::State::extended_states "@/extended_states";
Dir::Cache "@";
Dir::Cache::archives "@/archives";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "";
Dir::Log "@";
#clear APT::Architectures;
APT::Architecture "%";
APT::Architectures { "%"; };
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Get::AllowUnauthenticated "false";
APT::Update::Error-Mode "any";
APT::Keep-Downloaded-Packages "true";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Debug::NoLocking "true";
"""
