"""What Mosquitto reads: configuration, ACL and accounts, embedded or in compose."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from deploy.embedded.warden import SOCKET
from registry.broker_access import DOWN_TOPICS, UP_TOPICS

LARGEST_PACKET_BYTES = 65_536
QUEUED_BYTES_PER_SESSION = 2 * 1024**3  # a day of a full fleet while the bridge is away, in memory

OPENSSL = """\
# A session of TLS that is taken up again shows no certificate, and so could outlive its revocation.
openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
Options = -SessionTicket
NumTickets = 0
"""
"""config(5) of OpenSSL for a Mosquitto that takes certificates; named in its OPENSSL_CONF."""

Accounts = Mapping[str, str] | Iterable[tuple[str, str]]
Listener = tuple[str, int, Sequence[str]]
"""Host, port, and the lines of mosquitto.conf(5) that hold for this listener only."""


def replace_accounts(
    file: Path, accounts: Accounts, before: Callable[[Path], object] = lambda _: None
) -> None:
    """Put these accounts (name to verifier) in place of all that `file` holds, in one step."""
    pairs = accounts.items() if isinstance(accounts, Mapping) else accounts
    replace(file, (f"{name}:{verifier}\n".encode("ascii") for name, verifier in pairs), before)


def replace(
    file: Path, parts: Iterable[bytes], before: Callable[[Path], object] = lambda _: None
) -> None:
    """Put `parts` in place of all that `file` holds, in one step; `before` gives it away."""
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    with fresh.open("wb") as written:
        written.writelines(parts)
    before(fresh)
    fresh.rename(file)


def tls(certificate: Path, key: Path, ca: Path | None = None, crl: Path | None = None) -> list[str]:
    """The lines of a listener with TLS; with a `ca`, for terminals that show a certificate of it.

    Their name is the certificate's, and nothing that they say of themselves counts.
    """
    lines = [f"certfile {certificate}", f"keyfile {key}"]
    if ca is not None:
        lines += [f"cafile {ca}", "require_certificate true", "use_identity_as_username true"]
        lines += [f"crlfile {crl}"]
    return lines


def acl(prefix: str, bridges: Sequence[str]) -> str:
    """Terminals below their own name only; bridges read what comes up and write what goes down."""
    lines = [f"pattern write {prefix}/%u/{topic}" for topic in UP_TOPICS]
    lines += [f"pattern read {prefix}/%u/{topic}" for topic in DOWN_TOPICS]
    for bridge in bridges:
        lines += ["", f"user {bridge}", "topic read $SYS/#"]
        lines += [f"topic read {prefix}/+/{topic}" for topic in UP_TOPICS]
        lines += [f"topic write {prefix}/+/{topic}" for topic in DOWN_TOPICS]
        lines += [f"topic readwrite {prefix}/{bridge}/mark"]
    return "\n".join(lines) + "\n"


def configuration(
    directory: Path,
    data: Path,
    listeners: Sequence[Listener],
    settings: Mapping[str, str] | None = None,
    *,
    warden: bool = False,
) -> str:
    """mosquitto.conf(5): `directory` holds acl and passwords, `data` what survives a restart.

    The broker has to be started in `directory` where there is to be a `warden`.
    """
    lines = [f"{name} {value}" for name, value in (_SETTINGS | dict(settings or {})).items()]
    lines += [f"password_file {directory / 'passwords'}", f"acl_file {directory / 'acl'}"]
    lines += [f"persistence_location {data}/"]
    for host, port, own in listeners:
        lines += ["", f"listener {port} {host}", *_LISTENER, *own]
    if warden:  # a socket that nobody else can reach; its account may take anybody's client id
        lines += ["", f"listener 0 {SOCKET}"]
    return "\n".join(lines) + "\n"


_LISTENER = ("use_username_as_clientid true", "max_connections -1")  # nobody takes another's id

_SETTINGS = {
    "per_listener_settings": "false",
    "allow_anonymous": "false",
    "persistence": "true",
    # Every save rewrites the whole file, on the broker's only thread: by time it costs the same at
    # any rate, by changes it grows with backlog times rate (docs/decisions/0005).
    "autosave_on_changes": "false",
    "autosave_interval": "5",  # seconds that a broker killed with -9 forgets at most
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
