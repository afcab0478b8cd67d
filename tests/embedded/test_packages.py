"""Debian packages, fetched by apt in a private directory: what can go wrong on the way."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded import packages, system, trees
from deploy.embedded.packages import DownloadBroken, NoNetwork, PackagesNotResolved, PrivateApt
from deploy.embedded.progress import Progress
from deploy.embedded.system import DiskFull, UnsupportedSystem
from deploy.embedded.trees import Recipe
from tests.embedded import mirror

TINY = ("libcjson1",)
LEFT_OUT = ("libc6",)


def quiet() -> Progress:
    """Progress that nobody reads."""
    return Progress(io.StringIO())


def private_apt(directory: Path) -> PrivateApt:
    """apt in a directory of this test."""
    return PrivateApt(directory / "apt", system.require_supported_system())


def test_what_is_left_out_is_not_fetched(tmp_path: Path) -> None:
    """A package comes with its dependencies but for those that are named."""
    archives = private_apt(tmp_path).fetch(TINY, left_out=LEFT_OUT, progress=quiet())

    assert [archive.name.split("_")[0] for archive in archives] == ["libcjson1"]
    packages.unpack(archives, tmp_path / "tree", without=("usr/share/doc",))
    assert [path.name for path in (tmp_path / "tree/usr/share").iterdir()] == []
    assert list((tmp_path / "tree").glob("usr/lib/*/libcjson.so.1"))


def test_no_network_is_told_with_the_mirror_that_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the mirror, the remedy the network."""
    monkeypatch.setenv("APT_CONFIG", str(mirror.unreachable(tmp_path)))

    with pytest.raises(NoNetwork) as caught:
        private_apt(tmp_path).fetch(TINY, left_out=LEFT_OUT, progress=quiet())

    assert str(caught.value) == "The package mirror 127.0.0.1:9 cannot be reached."
    assert "network" in caught.value.hint


def test_a_spoilt_download_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is not what the signed list promises is never unpacked."""

    def spoil(url: str, body: bytes) -> Iterator[bytes]:
        yield body[:-9] + b"tampered!" if url.endswith(".deb") else body

    with mirror.proxied(spoil, tmp_path) as configuration:
        monkeypatch.setenv("APT_CONFIG", str(configuration))
        with pytest.raises(DownloadBroken):
            private_apt(tmp_path).fetch(TINY, left_out=LEFT_OUT, progress=quiet())


def test_an_unsigned_mirror_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package list whose signature does not hold is not used."""

    def forge(url: str, body: bytes) -> Iterator[bytes]:
        yield body.replace(b"Codename: trixie", b"Codename: TRIXIE")

    with mirror.proxied(forge, tmp_path) as configuration:
        monkeypatch.setenv("APT_CONFIG", str(configuration))
        with pytest.raises((packages.SignatureUnknown, DownloadBroken)):
            private_apt(tmp_path).fetch(TINY, left_out=LEFT_OUT, progress=quiet())


def test_a_package_that_no_mirror_has_is_told_in_apts_words(tmp_path: Path) -> None:
    """What apt says is in the sentence when we know none of our own."""
    with pytest.raises(PackagesNotResolved, match="Unable to locate package no-such-package"):
        private_apt(tmp_path).fetch(("no-such-package",), progress=quiet())


@pytest.mark.parametrize(
    "os_release",
    [
        'ID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04"\n',
        'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian 11"\n',
        "",
    ],
)
def test_another_system_is_pointed_to_docker(tmp_path: Path, os_release: str) -> None:
    """Elsewhere than on Debian 12 and 13 the remedy is deploy/compose."""
    (tmp_path / "os-release").write_text(os_release, "utf-8")

    with pytest.raises(UnsupportedSystem) as caught:
        system.require_supported_system(tmp_path / "os-release")

    assert "Debian 12 and 13" in str(caught.value)
    assert caught.value.hint == "Use Docker instead: see deploy/compose."


def test_a_disk_without_room_is_refused_before_the_download(server_directory: Path) -> None:
    """Nothing is fetched when it could not be unpacked."""
    huge = Recipe("huge", TINY, LEFT_OUT, (), (), megabytes=10**9)

    with pytest.raises(DiskFull, match="1000000000 MB are needed"):
        trees.ensure(huge, lambda _: None, server_directory / "cache", quiet())

    assert list((server_directory / "cache").iterdir()) == []
