"""`muster accounts`: the files of a Mosquitto that runs elsewhere, kept equal to the registry."""

import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import structlog
import typer

from deploy.embedded import warden
from deploy.embedded.credentials import CredentialFollower
from deploy.embedded.mosquitto_files import (
    OPENSSL,
    Listener,
    acl,
    configuration,
    replace,
    replace_accounts,
    tls,
)
from foundation import logs, settings
from foundation.settings import SettingsInvalid
from registry.authority import Authority
from registry.credentials import random_secret, verifier

app = typer.Typer()
_STOPS = {signal.SIGTERM, signal.SIGINT}
_BROKER_LOOKS_SECONDS = 1.5  # deploy/compose/broker.sh looks every second whether files are new
_log = structlog.get_logger(__name__)


class AccountFiles:
    """Writes into a directory that the broker reads; whoever runs the broker tells it to reload."""

    def __init__(self, directory: Path, *, warden: bool) -> None:
        self._directory = directory
        self._has_warden = warden
        self._warden_password = random_secret()

    def write_accounts(self, accounts: Iterable[tuple[str, str]]) -> None:
        """Replace all accounts in one step."""
        own = [(warden.NAME, verifier(self._warden_password))] if self._has_warden else []
        replace_accounts(self._directory / "passwords", [*accounts, *own])

    def read_revocations(self) -> bytes | None:
        """The list of revoked certificates that is there, as PEM."""
        crl = self._directory / "crl.pem"
        return crl.read_bytes() if crl.exists() else None

    def write_revocations(self, crl: bytes) -> None:
        """Replace the list of revoked certificates in one step."""
        replace(self._directory / "crl.pem", [crl])

    def reload(self) -> None:
        """Say so: `deploy/compose/broker.sh` sees the new file and sends the signal."""
        _log.info("accounts_replaced")

    def end_sessions(self, codes: Iterable[str]) -> None:
        """End the sessions of these terminals, when the broker has read the list that ends them."""
        ending = list(codes)
        if ending:
            time.sleep(_BROKER_LOOKS_SECONDS)
            warden.end_sessions(self._directory, self._warden_password, ending)


@app.command()
def accounts(
    directory: Annotated[Path, typer.Argument(help="Where mosquitto.conf, acl, passwords go.")],
    data: Annotated[Path, typer.Option(help="The broker's persistence.")] = Path("/mosquitto/data"),
    port: Annotated[int, typer.Option(help="Port the broker listens on, without TLS.")] = 1883,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="PEM chain of the broker: TLS on the next two ports.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM key of that certificate.")] = None,
    tls_port: Annotated[int, typer.Option(help="Port for passwords over TLS.")] = 8883,
    certificate_port: Annotated[
        int, typer.Option(help="Port for terminals with a certificate of MUSTER_TERMINAL_CA.")
    ] = 8884,
) -> None:
    """Write a Mosquitto's configuration and keep its accounts equal to the registry, until told to
    stop. Needs MUSTER_DATABASE_URL (role muster_jobs), MUSTER_BROKER_PASSWORD, MUSTER_BRIDGE_NAME.
    """
    given = settings.load().require("database_url", "broker_password")
    assert given.broker_password is not None
    logs.configure(given, "accounts")
    listeners: list[Listener] = [("0.0.0.0", port, ())]  # noqa: S104 - a container's own
    authority = None if given.terminal_ca is None else Authority.load(given.terminal_ca)
    if tls_certificate is not None and tls_key is not None:
        listeners.append(("0.0.0.0", tls_port, tls(tls_certificate, tls_key)))  # noqa: S104
        if authority is not None:
            replace(directory / "terminals-ca.pem", [authority.pem.encode()])
            shown = (directory / "terminals-ca.pem", directory / "crl.pem")
            lines = tls(tls_certificate, tls_key, *shown)
            listeners.append(("0.0.0.0", certificate_port, lines))  # noqa: S104
    elif authority is not None or tls_certificate or tls_key:
        raise SettingsInvalid(
            ["--tls-certificate and --tls-key go together, and MUSTER_TERMINAL_CA with both"]
        )
    has_warden = authority is not None
    text = configuration(directory, data, listeners, warden=has_warden)
    (directory / "mosquitto.conf").write_text(text, "utf-8")
    (directory / "openssl.cnf").write_text(OPENSSL, "utf-8")
    (directory / "acl").write_text(acl(given.topic_prefix, [given.bridge_name]), "utf-8")
    own = {given.bridge_name: verifier(given.broker_password.get_secret_value())}
    files = AccountFiles(directory, warden=has_warden)
    follower = CredentialFollower(given.database(), files, own, authority)
    follower.write()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # before the thread, which inherits it
    follower.start()
    signal.sigwait(_STOPS)
    follower.stop()
