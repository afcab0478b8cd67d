"""`muster accounts`: the files of a Mosquitto that runs elsewhere, kept equal to the registry."""

import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import structlog
import typer

from deploy.embedded.credentials import CredentialFollower
from deploy.embedded.mosquitto_files import acl, configuration, replace_accounts
from foundation import logs, settings
from registry.credentials import verifier

app = typer.Typer()
_STOPS = {signal.SIGTERM, signal.SIGINT}
_log = structlog.get_logger(__name__)


class AccountFiles:
    """Writes into a directory that the broker reads; whoever runs the broker tells it to reload."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "passwords"

    def write_accounts(self, accounts: Iterable[tuple[str, str]]) -> None:
        """Replace all accounts in one step."""
        replace_accounts(self._file, accounts)

    def reload(self) -> None:
        """Say so: `deploy/compose/broker.sh` sees the new file and sends the signal."""
        _log.info("accounts_replaced")


@app.command()
def accounts(
    directory: Annotated[Path, typer.Argument(help="Where mosquitto.conf, acl, passwords go.")],
    data: Annotated[Path, typer.Option(help="The broker's persistence.")] = Path("/mosquitto/data"),
    port: Annotated[int, typer.Option(help="Port the broker listens on.")] = 1883,
) -> None:
    """Write a Mosquitto's configuration and keep its accounts equal to the registry, until told to
    stop. Needs MUSTER_DATABASE_URL (role muster_jobs), MUSTER_BROKER_PASSWORD, MUSTER_BRIDGE_NAME.
    """
    given = settings.load().require("database_url", "broker_password")
    assert given.broker_password is not None
    logs.configure(given, "accounts")
    text = configuration(directory, data, [("0.0.0.0", port, ())])  # noqa: S104 - a container's own
    (directory / "mosquitto.conf").write_text(text, "utf-8")
    (directory / "acl").write_text(acl(given.topic_prefix, [given.bridge_name]), "utf-8")
    own = {given.bridge_name: verifier(given.broker_password.get_secret_value())}
    follower = CredentialFollower(given.database(), AccountFiles(directory), own)
    follower.write()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # before the thread, which inherits it
    follower.start()
    signal.sigwait(_STOPS)
    follower.stop()
