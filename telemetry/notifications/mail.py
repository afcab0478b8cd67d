"""Mails to the operator's mail server; blocking, for a thread."""

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import urlsplit

from foundation.addresses import is_loopback

_PATIENCE_SECONDS = 10


class MailRefused(Exception):
    """The mail server did not take a mail; `status` is its answer, if it gave one."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails go, and whom they come from."""

    url: str
    password: str | None = field(repr=False)
    sender: str
    trust: ssl.SSLContext

    def send(self, delivery: int, to: str, subject: str, text: str) -> None:
        """Hand a mail over; MailRefused. Who gets one twice can tell by its Message-ID."""
        message = EmailMessage()
        message["From"], message["To"] = self.sender, to
        message["Subject"] = " ".join(subject.split())
        message["Date"] = formatdate()
        message["Message-ID"] = f"<delivery-{delivery}@{self.sender.partition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            with self._session() as session:
                session.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise MailRefused(next(iter(error.recipients.values()))[0]) from error
        except smtplib.SMTPResponseException as error:
            raise MailRefused(error.smtp_code) from error
        except (smtplib.SMTPException, OSError) as error:
            raise MailRefused(None) from error

    def _session(self) -> smtplib.SMTP:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme == "smtps":
            session: smtplib.SMTP = smtplib.SMTP_SSL(
                host, parts.port or 465, timeout=_PATIENCE_SECONDS, context=self.trust
            )
        else:
            session = smtplib.SMTP(host, parts.port or 587, timeout=_PATIENCE_SECONDS)
        try:
            session.ehlo()
            # Only on this very machine may a mail, and the password before it, go in the clear.
            if parts.scheme == "smtp" and (session.has_extn("starttls") or not is_loopback(host)):
                session.starttls(context=self.trust)
                session.ehlo()
            if parts.username and self.password:
                session.login(parts.username, self.password)
        except BaseException:
            session.close()
            raise
        return session
