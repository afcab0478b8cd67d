"""Mails reach a real mail server, over TLS, from whom may send them."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from deploy.embedded import certificates
from deploy.embedded.ports import free_port
from foundation.egress import trusting
from telemetry.notifications.mail import MailRefused, MailServer


class Mailbox:
    """What a server took; it refuses whom it does not know."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Nobody at `unknown`."""
        if address.startswith("unknown"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep it."""
        assert isinstance(envelope.content, bytes)
        read = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(read, EmailMessage)
        self.mails.append(read)
        return "250 OK"


def _known(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any
) -> AuthResult:
    assert isinstance(given, LoginPassword)
    known = (given.login, given.password) == (b"muster", b"word")
    return AuthResult(success=known, handled=False)


@contextmanager
def serving(trust: ssl.SSLContext) -> Iterator[tuple[Mailbox, int]]:
    """A mail server that wants STARTTLS and a password before it takes anything."""
    box = Mailbox()
    controller = Controller(
        box, "127.0.0.1", port := free_port(), tls_context=trust, require_starttls=True,
        authenticator=_known, auth_required=True,
    )  # fmt: skip
    controller.start()
    try:
        yield box, port
    finally:
        controller.stop()


@pytest.fixture
def made(server_directory: Path) -> certificates.Certificates:
    """A certificate of this machine."""
    return certificates.ensure(server_directory, ["localhost"], datetime.now(UTC))


def test_a_mail_is_handed_over_by_tls_and_password(made: certificates.Certificates) -> None:
    """With a subject of one line, and a Message-ID by which a second copy is known."""
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(made.chain, made.key)
    with serving(trust) as (box, port):
        url = f"smtp://muster@localhost:{port}"
        server = MailServer(url, "word", "alarms@muster.example", trusting(made.ca))
        server.send(17, "duty@example.org", "two\r\nBcc: all@example.org", "告警\nline")
        with pytest.raises(MailRefused) as unknown:
            server.send(18, "unknown@example.org", "s", "t")
        with pytest.raises(MailRefused) as locked:
            MailServer(url, "wrong", "a@muster.example", trusting(made.ca)).send(
                19, "d@e.org", "s", "t"
            )
        with pytest.raises(MailRefused) as untrusted:
            MailServer(url, "word", "a@muster.example", trusting(None)).send(
                20, "d@e.org", "s", "t"
            )

    [mail] = box.mails
    assert (mail["Subject"], mail["Bcc"]) == ("two Bcc: all@example.org", None)
    assert (mail["From"], mail["To"]) == ("alarms@muster.example", "duty@example.org")
    assert mail["Message-ID"] == "<delivery-17@muster.example>"
    assert mail.get_content().splitlines() == ["告警", "line"]
    assert (unknown.value.status, locked.value.status, untrusted.value.status) == (550, 535, None)


def test_a_password_shows_nowhere() -> None:
    """Not in what a log would print of the server."""
    assert "hidden" not in repr(MailServer("smtp://m@h", "hidden", "a@b", trusting(None)))
