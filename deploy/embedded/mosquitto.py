"""Mosquitto 2.0, run from the unpacked runtime with our accounts and our ACL."""

import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded import warden
from deploy.embedded.mosquitto_files import (
    OPENSSL,
    Listener,
    acl,
    configuration,
    replace,
    replace_accounts,
    tls,
)
from deploy.embedded.ports import free_port
from deploy.embedded.runtime import Runtime
from deploy.embedded.server import UnpackedServer
from registry.credentials import random_secret, verifier

__all__ = ["Broker", "TlsListener", "verifier"]


@dataclass(frozen=True, slots=True)
class TlsListener:
    """A listener with TLS; with a `ca`, for terminals that show a certificate of it."""

    host: str
    port: int
    certificate: Path
    key: Path
    ca: Path | None = None


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
        tls: Sequence[TlsListener] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("mosquitto", runtime, directory, host, port or free_port(host))
        self._prefix = prefix
        self._bridges = tuple(bridges)
        self._tls = tuple(tls)
        self._has_warden = any(one.ca for one in tls)
        self._warden_password = random_secret()
        self._given = dict(settings or {})

    @property
    def password_file(self) -> Path:
        """One `name:verifier` a line."""
        return self.directory / "passwords"

    def write_accounts(self, accounts: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        """Replace all accounts (name to verifier); in force after `start` or `reload`."""
        self.account.make_directory(self.directory)
        pairs = accounts.items() if isinstance(accounts, Mapping) else accounts
        own = [(warden.NAME, verifier(self._warden_password))] if self._has_warden else []
        replace_accounts(self.password_file, [*pairs, *own], self.account.give)

    def read_revocations(self) -> bytes | None:
        """The list of revoked certificates that was written last, as PEM."""
        return self._crl.read_bytes() if self._crl.exists() else None

    def write_revocations(self, crl: bytes) -> None:
        """Replace the list of revoked certificates; in force after `start` or `reload`."""
        self.account.make_directory(self.directory)
        replace(self._crl, [crl], self.account.give)

    @property
    def _crl(self) -> Path:
        return self.directory / "crl.pem"

    def reload(self) -> None:
        """Read the accounts again; sessions whose account is gone or changed are cut off."""
        self._signal(signal.SIGHUP)

    def save(self) -> None:
        """Write what it keeps to its disk, soon."""
        self._signal(signal.SIGUSR1)

    def change(self, **settings: str) -> None:
        """Change settings of those that a broker reads again while it runs."""
        self._given |= settings
        self.prepare()
        self.reload()

    def end_sessions(self, codes: Iterable[str]) -> None:
        """End the sessions of these terminals, and all that waits for them."""
        warden.end_sessions(self.directory, self._warden_password, codes)

    def prepare(self) -> None:
        """Write configuration and ACL, and an empty account file if there is none."""
        self.account.make_directory(self.directory)
        self.account.make_directory(self.directory / "data")
        if not self.password_file.exists():
            self.write_accounts({})
        for name, text in (
            ("acl", acl(self._prefix, self._bridges)),
            ("mosquitto.conf", self._configuration()),
            ("openssl.cnf", OPENSSL),
        ):
            (self.directory / name).write_text(text, "utf-8")
            self.account.give(self.directory / name)
        for number, listener in enumerate(self._tls):  # copies: its user cannot read the originals
            self._copy(f"tls{number}.pem", listener.certificate)
            self._copy(f"tls{number}.key", listener.key)
            if listener.ca:
                self._copy(f"tls{number}-ca.pem", listener.ca)

    def _copy(self, name: str, source: Path) -> None:
        replace(self.directory / name, [source.read_bytes()], self.account.give)

    def _environment(self) -> Mapping[str, str]:
        return {**super()._environment(), "OPENSSL_CONF": str(self.directory / "openssl.cnf")}

    def _signal(self, number: signal.Signals) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)

    def _command(self) -> Sequence[str | Path]:
        return [self.runtime.mosquitto, "-c", self.directory / "mosquitto.conf"]

    def is_ready(self) -> bool:
        return f"mosquitto version {self._version()} running" in self.said()

    def _version(self) -> str:
        return self.runtime.versions["mosquitto"].partition("-")[0]

    def _configuration(self) -> str:
        listeners: list[Listener] = [(self.host, self.port, ())]
        for number, one in enumerate(self._tls):
            place = self.directory / f"tls{number}"
            ca = place.with_name(f"{place.name}-ca.pem") if one.ca else None
            lines = tls(place.with_suffix(".pem"), place.with_suffix(".key"), ca, self._crl)
            listeners.append((one.host, one.port, lines))
        return configuration(
            self.directory,
            self.directory / "data",
            listeners,
            self._given,
            warden=self._has_warden,
        )
