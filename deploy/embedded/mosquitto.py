"""Mosquitto 2.0, run from the unpacked runtime with our accounts and our ACL."""

import base64
import hashlib
import secrets
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.ports import free_port
from deploy.embedded.runtime import Runtime
from deploy.embedded.server import UnpackedServer

UP_TOPICS = ("telemetry", "event", "hello", "status", "reply", "reported")
DOWN_TOPICS = ("receipt", "command", "desired")
LARGEST_PACKET_BYTES = 65_536
QUEUED_BYTES_PER_SESSION = 2 * 1024**3  # a day of a full fleet while the bridge is away, in memory
_SALT_BYTES = 12


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
        pairs = accounts.items() if isinstance(accounts, Mapping) else accounts
        self.account.make_directory(self.directory)
        fresh = self.directory / "passwords.new"
        with fresh.open("w", encoding="ascii") as file:
            file.writelines(f"{name}:{verifier}\n" for name, verifier in pairs)
        self.account.give(fresh)
        fresh.rename(self.password_file)

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
        for name, text in (("acl", self._acl()), ("mosquitto.conf", self._configuration())):
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

    def _acl(self) -> str:
        up = [f"pattern write {self._prefix}/%u/{topic}" for topic in UP_TOPICS]
        down = [f"pattern read {self._prefix}/%u/{topic}" for topic in DOWN_TOPICS]
        lines = up + down
        for bridge in self._bridges:
            lines += ["", f"user {bridge}", "topic read $SYS/#"]
            lines += [f"topic read {self._prefix}/+/{topic}" for topic in UP_TOPICS]
            lines += [f"topic write {self._prefix}/+/{topic}" for topic in DOWN_TOPICS]
        return "\n".join(lines) + "\n"

    def _configuration(self) -> str:
        """mosquitto.conf(5). Values that differ from the defaults say why in `_SETTINGS`."""
        settings = _SETTINGS | self._given
        lines = [f"{name} {value}" for name, value in settings.items()]
        lines += [f"password_file {self.password_file}", f"acl_file {self.directory / 'acl'}"]
        lines += [f"persistence_location {self.directory / 'data'}/"]
        lines += ["", f"listener {self.port} {self.host}", *_LISTENER]
        if self._tls:
            lines += ["", f"listener {self._tls.port} {self._tls.host}", *_LISTENER]
            lines += [f"certfile {self.directory / 'tls.pem'}"]
            lines += [f"keyfile {self.directory / 'tls.key'}"]
        return "\n".join(lines) + "\n"


def verifier(password: str, *, iterations: int = 101) -> str:
    """What Mosquitto's password file holds for a password: `$7$`, PBKDF2 with HMAC-SHA-512."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    encoded = (base64.b64encode(part).decode() for part in (salt, digest))
    return f"$7${iterations}${'$'.join(encoded)}"


_LISTENER = ("use_username_as_clientid true", "max_connections -1")  # nobody takes another's id

_SETTINGS = {
    "per_listener_settings": "false",
    "allow_anonymous": "false",
    "persistence": "true",
    "autosave_on_changes": "true",  # a broker killed with -9 forgets at most this many changes
    "autosave_interval": "1000",
    "max_queued_messages": "0",  # the default of 1000 drops silently; bytes are the bound
    "max_queued_bytes": str(QUEUED_BYTES_PER_SESSION),
    "max_inflight_messages": "65535",
    "max_packet_size": str(LARGEST_PACKET_BYTES),
    "persistent_client_expiration": "60d",  # terminals that went away for good
    "retain_available": "true",  # refusing it would disconnect terminals that set the flag
    "set_tcp_nodelay": "true",
    "sys_interval": "10",
    "log_dest": "stdout",
    "log_timestamp_format": "%Y-%m-%dT%H:%M:%S",
    "connection_messages": "false",  # 200,000 terminals that come and go
}
