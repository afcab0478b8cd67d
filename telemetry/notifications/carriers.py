"""How a letter goes out, and what became of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network

import orjson

from foundation.egress import (
    EVERYWHERE,
    AddressRefused,
    Answer,
    Egress,
    Network,
    TargetAway,
    TargetSlow,
    trusting,
)
from foundation.settings import Settings
from telemetry.notifications import letters
from telemetry.notifications.letters import Letter
from telemetry.notifications.mail import MailRefused, MailServer
from telemetry.notifications.model import CHATS, ChannelKind

_GONE = 410
_JSON = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Muster"}
_LONGEST_WAIT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a try; taken where there is no `problem`.

    `wait_seconds` is what the target asks for; one that `is_gone` wants nothing any more.
    """

    status: int | None = None
    problem: str | None = None
    wait_seconds: float = 0.0
    is_gone: bool = False


def egress_of(settings: Settings) -> Egress:
    """The way out to addresses that channels name."""
    return Egress(_networks(settings), settings.notification_ca_file)


def _networks(settings: Settings) -> Sequence[Network]:
    named = (settings.notification_networks or "").split(",")
    return [ip_network(name.strip()) for name in named if name.strip()]


@dataclass(frozen=True, slots=True)
class _Gateway:
    """The operator's SMS gateway."""

    url: str
    body: str
    headers: dict[str, str]
    egress: Egress


class Carriers:
    """Every way out that the settings of this process name."""

    def __init__(self, settings: Settings) -> None:
        self.egress = egress_of(settings)
        self.console = settings.public_url and settings.public_url.rstrip("/")
        ca_file = settings.notification_ca_file
        self._mail: MailServer | None = None
        if settings.mail_url is not None:
            password = settings.mail_password
            self._mail = MailServer(
                settings.mail_url,
                password.get_secret_value() if password else None,
                settings.mail_from,
                trusting(ca_file),
            )
        self._sms: _Gateway | None = None
        if settings.sms_url is not None:
            headers = dict(_JSON)
            if settings.sms_authorization is not None:
                headers["Authorization"] = settings.sms_authorization.get_secret_value()
            everywhere = Egress(EVERYWHERE, ca_file)
            self._sms = _Gateway(settings.sms_url, settings.sms_body, headers, everywhere)

    async def close(self) -> None:
        """Let go of all connections."""
        await self.egress.close()
        if self._sms is not None:
            await self._sms.egress.close()

    async def carry(self, letter: Letter) -> Outcome:
        """Send a letter; whatever happens is an outcome."""
        try:
            if letter.kind is ChannelKind.MAIL:
                return await self._by_mail(letter)
            return _judged(letter.kind, await self._post(letter))
        except AddressRefused:
            return Outcome(problem="address_refused")
        except TargetSlow:
            return Outcome(problem="timeout")
        except TargetAway:
            return Outcome(problem="unreachable")

    async def _by_mail(self, letter: Letter) -> Outcome:
        if self._mail is None:
            return Outcome(problem="not_configured")
        try:
            await asyncio.to_thread(
                self._mail.send,
                letter.delivery,
                letter.address,
                letters.heading(letter),
                letters.text(letter),
            )
        except MailRefused as error:
            refused = error.status is not None
            return Outcome(error.status, "refused" if refused else "unreachable")
        return Outcome(250)

    async def _post(self, letter: Letter) -> Answer | None:
        now = datetime.now(UTC)
        if letter.kind is ChannelKind.WEBHOOK:
            body, headers = letters.webhook(letter, now)
            return await self.egress.post(letter.address, body, headers)
        if letter.kind is ChannelKind.ALERTMANAGER:
            body = orjson.dumps(letters.alertmanager(letter, now))
            headers = dict(_JSON)
            if letter.secrets:
                headers["Authorization"] = f"Bearer {letter.secrets[0]}"
            address = letter.address.rstrip("/")
            return await self.egress.post(f"{address}/api/v2/alerts", body, headers)
        if letter.kind is ChannelKind.SMS:
            if self._sms is None:
                return None
            body = letters.sms(self._sms.body, letter.address, letters.text(letter))
            return await self._sms.egress.post(self._sms.url, body, self._sms.headers)
        url, told = letters.chat(letter, now)
        return await self.egress.post(url, orjson.dumps(told), _JSON)


def _judged(kind: ChannelKind, answer: Answer | None) -> Outcome:
    if answer is None:
        return Outcome(problem="not_configured")
    if 300 <= answer.status < 400:
        return Outcome(answer.status, "redirect")
    if not 200 <= answer.status < 300:
        gone = answer.status == _GONE and kind is ChannelKind.WEBHOOK
        return Outcome(answer.status, "refused", _wait(answer.retry_after), gone)
    if kind in CHATS and not letters.is_taken(kind, answer.body):
        return Outcome(answer.status, "refused")
    return Outcome(answer.status)


def _wait(told: str | None) -> float:
    """Seconds that a target asks to be left alone; a date, which is rare, is not read."""
    if told is None or not (told.isascii() and told.isdigit()):
        return 0.0
    return min(float(told), _LONGEST_WAIT_SECONDS)
