"""Keeps a broker's accounts, and its list of revoked certificates, equal to the registry.

A credential that is revoked, or a terminal that is retired, is cut off within 5 seconds: the change
is told by NOTIFY (and asked for every 2 seconds besides), and reloads are joined to one in 2
seconds, because Mosquitto reads the whole file and checks every connected session at each.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Protocol

import psycopg
import structlog
from cryptography import x509

from deploy.embedded import revocations
from foundation.database import application
from foundation.errors import Unavailable
from registry.authority import Authority, Revocation

RELOAD_SECONDS = 2.0
CRL_RENEWED_SECONDS = 24 * 3600  # long before it ends, and a broker then lets nobody in
_POLL_SECONDS = 2.0
_RETRY_SECONDS = 1.0
# Before any bridge has its session, the broker would acknowledge what terminals send and throw it
# away: so nobody but us is let in until then.
_LOGINS = "select code, verifier from registry.broker_login"
_ADMITTING = "select exists (select from telemetry.bridge where session_established_at is not null)"
_CHANGED = """
select pg_snapshot_xmin(pg_current_snapshot())::text,
       exists(select from registry.change
              where xact >= %s::xid8 and kind in ('terminal', 'credential'))
"""

_log = structlog.get_logger("deploy.credentials")


class Accounts(Protocol):
    """Who keeps the accounts: the embedded broker, or the files of another one."""

    def write_accounts(self, accounts: Iterable[tuple[str, str]]) -> None:
        """Replace all accounts (name and verifier)."""

    def read_revocations(self) -> bytes | None:
        """The list of revoked certificates that was written last, as PEM."""

    def write_revocations(self, crl: bytes) -> None:
        """Replace the list of revoked certificates."""

    def reload(self) -> None:
        """Have the broker read them again."""

    def end_sessions(self, codes: Iterable[str]) -> None:
        """End what was opened with a certificate, which `reload` does not look at."""


class CredentialFollower:
    """Follows the registry in a thread of its own; `own` are our accounts, name to verifier.

    With an authority it keeps the list of revoked certificates, too.
    """

    def __init__(
        self,
        dsn: str,
        broker: Accounts,
        own: Mapping[str, str],
        authority: Authority | None = None,
    ) -> None:
        self._dsn = dsn
        self._broker = broker
        self._own = dict(own)
        self._authority = authority
        self._written = b""
        self._listed: dict[str, str] = {}  # reason by serial, as in the list
        self._signed_at = datetime.min.replace(tzinfo=UTC)
        self._to_end: set[str] = set()
        self._reloaded_at = 0.0
        self._seen_xact = "0"
        self._admitting = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="credentials", daemon=True)

    def write(self) -> None:
        """Write the accounts as they are now, before the broker starts."""
        self._remember_list()
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            self._take(connection)

    def start(self) -> None:
        """Follow changes until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following; returns when the thread has ended."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                with psycopg.connect(
                    self._dsn,
                    autocommit=True,
                    connect_timeout=5,
                    application_name=application("accounts"),
                ) as connection:
                    self._listen(connection)
            except psycopg.Error as error:
                # The accounts stay as they are: nobody is cut off because the database is away.
                _log.warning("accounts_not_followed", reason=str(error).strip())
                self._stop.wait(_RETRY_SECONDS)

    def _listen(self, connection: psycopg.Connection[tuple[str, str]]) -> None:
        connection.execute("listen muster_registry")
        while not self._stop.is_set():
            if self._changed(connection):
                self._stop.wait(self._reloaded_at + RELOAD_SECONDS - time.monotonic())
                if self._take(connection):
                    self._broker.reload()
                    self._reloaded_at = time.monotonic()
            self._end_sessions()
            self._wait_for_word(connection)

    def _wait_for_word(self, connection: psycopg.Connection[tuple[str, str]]) -> None:
        """Return at a notification, after the poll interval, or soon after `stop`."""
        deadline = time.monotonic() + _POLL_SECONDS
        while not self._stop.is_set() and time.monotonic() < deadline:
            if list(connection.notifies(timeout=0.2, stop_after=1)) or not self._admitting:
                return

    def _changed(self, connection: psycopg.Connection[tuple[str, str]]) -> bool:
        """Whether a terminal or credential may have changed since the last look (never missed).

        Looks again at every transaction that was still open then, so that none slips by that
        commits later than its number.
        """
        row = connection.execute(_CHANGED, (self._seen_xact,)).fetchone()
        assert row is not None
        self._seen_xact, changed = row
        return bool(changed) or not self._admitting or self._list_is_old()

    def _take(self, connection: psycopg.Connection[tuple[str, str]]) -> bool:
        """Write accounts and list if they differ from what was written last."""
        row = connection.execute(_ADMITTING).fetchone()
        self._admitting = row is not None and bool(row[0])
        logins = connection.execute(_LOGINS).fetchall() if self._admitting else []
        accounts = sorted(logins) + sorted(self._own.items())
        digest = sha256("\n".join(":".join(pair) for pair in accounts).encode()).digest()
        differ = digest != self._written
        if differ:
            self._broker.write_accounts(accounts)
            self._written = digest
        return self._take_list(connection) or differ

    def _take_list(self, connection: psycopg.Connection[tuple[str, str]]) -> bool:
        if self._authority is None:
            return False
        revoked = revocations.read(connection, admitting=self._admitting)
        listed = {one.line.serial: one.line.reason for one in revoked}
        if listed == self._listed and not self._list_is_old():
            return False
        self._sign(self._authority, [one.line for one in revoked])
        self._to_end |= {one.code for one in revoked if one.line.serial not in self._listed}
        self._listed = listed
        return True

    def _sign(self, authority: Authority, lines: list[Revocation]) -> None:
        """Of two lists in its memory a broker takes the later one, by whole seconds."""
        now = datetime.now(UTC).replace(microsecond=0)
        now = max(now, self._signed_at + timedelta(seconds=1))
        crl = authority.revoking(lines, number=int(now.timestamp()), now=now)
        self._broker.write_revocations(crl)
        self._signed_at = now

    def _list_is_old(self) -> bool:
        if self._authority is None:
            return False
        age = datetime.now(UTC) - self._signed_at
        return age > timedelta(seconds=CRL_RENEWED_SECONDS)

    def _remember_list(self) -> None:
        """What was on the list before us, whose sessions were ended then."""
        pem = self._broker.read_revocations() if self._authority else None
        if pem is not None:
            crl = x509.load_pem_x509_crl(pem)
            self._listed = {f"{one.serial_number:x}": "" for one in crl}
            self._signed_at = crl.last_update_utc

    def _end_sessions(self) -> None:
        try:
            self._broker.end_sessions(sorted(self._to_end))
        except Unavailable as error:
            _log.warning("sessions_not_ended", reason=str(error))  # tried again at the next turn
        else:
            self._to_end.clear()
