"""Mosquitto 2.0, run from the unpacked runtime with our accounts and our ACL."""

import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.mosquitto_files import Listener, acl, configuration, replace_accounts
from deploy.embedded.ports import free_port
from deploy.embedded.runtime import Runtime
from deploy.embedded.server import UnpackedServer
from registry.credentials import verifier

__all__ = ["Broker", "TlsListener", "verifier"]


@dataclass(frozen=True, slots=True)
class TlsListener:
    """A second listener, open to the network."""

    host: str
    port: int
    certificate: Path
    key: Path


class Broker(UnpackedServer):
    """A broker in `directory` that knows only the accounts of `write_accounts`.

    `bridges` are the accounts that read every up topic and write every down topic; each other
    account is a terminal and is confined below its own name. Client ids are the user names.
    """

    def __init__(
        self,
        runtime: Runtime,
        directory: Path,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        prefix: str = "m2m/v1",
        bridges: Sequence[str] = ("bridge-1",),
        tls: TlsListener | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("mosquitto", runtime, directory, host, port or free_port(host))
        self._prefix = prefix
        self._bridges = tuple(bridges)
        self._tls = tls
        self._given = dict(settings or {})

    @property
    def password_file(self) -> Path:
        """One `name:verifier` a line."""
        return self.directory / "passwords"

    def write_accounts(self, accounts: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        """Replace all accounts (name to verifier); in force after `start` or `reload`."""
        self.account.make_directory(self.directory)
        replace_accounts(self.password_file, accounts, self.account.give)

    def reload(self) -> None:
        """Read the accounts again; sessions whose account is gone or changed are cut off."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGHUP)

    def prepare(self) -> None:
        """Write configuration and ACL, and an empty account file if there is none."""
        self.account.make_directory(self.directory)
        self.account.make_directory(self.directory / "data")
        if not self.password_file.exists():
            self.write_accounts({})
        for name, text in (
            ("acl", acl(self._prefix, self._bridges)),
            ("mosquitto.conf", self._configuration()),
        ):
            (self.directory / name).write_text(text, "utf-8")
            self.account.give(self.directory / name)
        if self._tls:  # copies, for the broker's user cannot read the originals
            for name, source in (("tls.pem", self._tls.certificate), ("tls.key", self._tls.key)):
                (self.directory / name).touch(mode=0o600)
                (self.directory / name).write_bytes(source.read_bytes())
                self.account.give(self.directory / name)

    def _command(self) -> Sequence[str | Path]:
        return [self.runtime.mosquitto, "-c", self.directory / "mosquitto.conf"]

    def is_ready(self) -> bool:
        return f"mosquitto version {self._version()} running" in self.said()

    def _version(self) -> str:
        return self.runtime.versions["mosquitto"].partition("-")[0]

    def _configuration(self) -> str:
        listeners: list[Listener] = [(self.host, self.port, ())]
        if self._tls:
            files = (
                f"certfile {self.directory / 'tls.pem'}",
                f"keyfile {self.directory / 'tls.key'}",
            )
            listeners.append((self._tls.host, self._tls.port, files))
        return configuration(self.directory, self.directory / "data", listeners, self._given)
