"""What a broker is answered: whether a terminal may connect, and what it may do with a topic.

Brokers show a secret of their own and are nobody's user. Whatever goes wrong, the answer is no. A
terminal's password is 192 random bits, so that one turn of its hash is enough (a slow one would let
a storm of terminals use up the machine), and what is known of it is kept for seconds.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from secrets import compare_digest

from starlette.datastructures import Headers

from api.errors import RateExceeded
from api.limits import Limit, Limits
from api.metrics import ApiMetrics
from foundation.errors import Unavailable
from foundation.settings import Settings
from registry.broker_access import Action, may_use
from registry.broker_logins import BrokerLogins, Login
from registry.credentials import matches
from registry.refused_logins import Refusal

PATH = "/broker/"


class Outcome(StrEnum):
    """What was answered, and why."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    OTHER_CLIENT_ID = "other_client_id"
    TOPIC = "topic"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Answer:
    """Yes or no; `login` is who was let in."""

    outcome: Outcome
    login: Login | None = None

    @property
    def is_yes(self) -> bool:
        """Whether the broker may go on."""
        return self.outcome is Outcome.ALLOWED


class BrokerDoor:
    """The hooks of one process."""

    def __init__(self, settings: Settings, limits: Limits, metrics: ApiMetrics) -> None:
        secret = settings.broker_hook_secret
        self._secret = secret.get_secret_value().encode() if secret else None
        self._prefix = settings.topic_prefix
        self._logins = BrokerLogins()
        self._database = settings.database_url
        self._limits = limits
        self._metrics = metrics

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Answer while within; without a secret nobody could ask, and nothing is read."""
        if self._secret is None or self._database is None:
            yield
            return
        stop = asyncio.Event()
        following = self._logins.follow(self._database.get_secret_value(), stop)
        task = asyncio.create_task(following, name="broker logins")
        self._metrics.broker_feed.set_function(lambda: self._logins.heard_seconds)
        try:
            yield
        finally:
            stop.set()
            await task

    def is_broker(self, headers: Headers) -> bool:
        """Whether who asks shows the brokers' secret: as a bearer's, or as a basic password."""
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        given = b""
        if scheme.lower() == "bearer":
            given = shown.strip().encode()
        elif scheme.lower() == "basic":  # all that RabbitMQ can send, from http://name:secret@host
            with suppress(ValueError):
                given = base64.b64decode(shown.strip(), validate=True).partition(b":")[2]
        return self._secret is not None and compare_digest(given, self._secret)

    async def admit(self, broker: str, username: str, client_id: str, password: str) -> Answer:
        """Whether a terminal may connect with that password, as the broker at an address asks."""

        async def answer() -> Answer:
            self._limits.broker(Limit.BROKER, broker)
            login = await self._logins.find(username)
            if client_id != username:  # who has another's id takes over that one's session
                self._note(login, Refusal.OTHER_CLIENT_ID)
                return Answer(Outcome.OTHER_CLIENT_ID)
            if login is None or login.verifier is None:
                self._note(login, Refusal.NO_PASSWORD)
                return Answer(Outcome.REFUSED)
            if not matches(password, login.verifier):
                self._note(login, Refusal.WRONG_PASSWORD)
                return Answer(Outcome.REFUSED)
            self._limits.broker(Limit.BROKER_TERMINAL, username)
            return Answer(Outcome.ALLOWED, login)

        return await self._counted("authenticate", answer())

    async def authorize(
        self,
        username: str,
        client_id: str,
        action: Action,
        topic: str,
        *,
        issued: str = "",
        separator: str = "/",
    ) -> Answer:
        """Whether that terminal may still be there, and do that with the topic.

        `issued` is the mark of the password that the session was opened with, if the broker kept
        it: one that has been replaced since is worth nothing.
        """

        async def answer() -> Answer:
            if client_id != username:
                return Answer(Outcome.OTHER_CLIENT_ID)
            login = await self._logins.find(username)
            if login is None or (login.verifier is None and not login.certified):
                return Answer(Outcome.REFUSED)
            if issued.isdigit() and issued != mark(login):
                return Answer(Outcome.REFUSED)
            if not may_use(self._prefix, username, action, topic, separator=separator):
                return Answer(Outcome.TOPIC)
            return Answer(Outcome.ALLOWED, login)

        return await self._counted("authorize", answer())

    async def is_known(self, username: str) -> Answer:
        """Whether that terminal may be there at all."""

        async def answer() -> Answer:
            login = await self._logins.find(username)
            return Answer(Outcome.REFUSED) if login is None else Answer(Outcome.ALLOWED, login)

        return await self._counted("authorize", answer())

    def _note(self, login: Login | None, why: Refusal) -> None:
        """Have it written down of a terminal that is not let in; of other names nothing is."""
        if login is not None:
            self._logins.refused.note(login.id, why)

    async def _counted(self, hook: str, answering: Awaitable[Answer]) -> Answer:
        try:
            answer = await answering
        except RateExceeded:
            answer = Answer(Outcome.THROTTLED)
        except Unavailable:
            answer = Answer(Outcome.UNAVAILABLE)
        self._metrics.broker_answered(hook, answer.outcome)
        return answer


def mark(login: Login) -> str:
    """What tells a password from the one after it and nothing of it: when it was issued."""
    return "" if login.issued_at is None else f"{login.issued_at.timestamp() * 1_000_000:.0f}"
