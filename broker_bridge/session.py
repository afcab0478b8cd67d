"""A session with the broker that outlives its connections: deliveries in, acknowledgements out.

Here are order, bound, epoch and reconnection, once for every wire. What goes over the wire is a
link's business: `mqtt5_link.carry` (the path of record) or `paho_link.carry` (yardstick and way
out) carries one connection from CONNECT to its end.
"""

import asyncio
import random
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import unquote, urlsplit

from broker_bridge import failpoints
from broker_bridge.errors import BrokerRefused
from foundation.logs import get_logger

log = get_logger(__name__)

MOST_UNANSWERED = 10_000  # messages of ours; the broker may allow less
SESSION_EXPIRY_SECONDS = 0xFFFF_FFFE  # 136 years; 0xFFFFFFFF would mean never
RECEIVE_MAXIMUM = 65_534  # 65535 is the default, left out of the packet, and Mosquitto takes 20
TICKS_PER_KEEP_ALIVE = 3  # a ping each tick; so many silent ticks mean a dead broker
GOODBYE_SECONDS = 2.0
# CONNACK reason codes that no retry mends [MQTT 5.0, 3.2.2.2]; any other may pass: unsupported
# version, client id not valid, bad user name or password, not authorized, banned, bad method.
NO_ENTRY = frozenset((0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C))


def now_us() -> int:
    """Our clock in Unix us."""
    return time.time_ns() // 1000


@dataclass(slots=True, eq=False)
class Delivery:
    """One message as the broker delivered it; `topic` and `payload` may be anything at all.

    `received_us` is our clock (Unix us), one reading of it per read from the socket. `epoch`
    counts connections: an acknowledgement is sent only on the connection that delivered.
    `packet_id` is None at QoS 0.
    """

    topic: str
    payload: bytes
    qos: int
    duplicate: bool
    received_us: int
    epoch: int
    packet_id: int | None
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and who we are there; the client id is the user name."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: ssl.SSLContext | None = None
    keep_alive_seconds: int = 30
    connect_seconds: float = 10

    @classmethod
    def from_url(cls, url: str, password: str, ca_file: Path | None = None) -> Self:
        """The broker at `mqtt://user@host:port` or `mqtts://...` (ports default to 1883, 8883)."""
        parts = urlsplit(url)
        tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "mqtts" else None
        port = parts.port or (8883 if tls else 1883)
        return cls(parts.hostname or "", port, unquote(parts.username or ""), password, tls)


class Link(Protocol):
    """One connection of a session, from its CONNACK to its end.

    `heard_us` is when something came from the broker last (Unix us).
    """

    heard_us: int

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Write the acknowledgements of these deliveries of this link, joined, in this order."""

    def publish(self, messages: Iterable[tuple[str, bytes]], *, retained: bool = False) -> int:
        """Send (topic, payload) at QoS 1, as many as the broker may owe us answers for; how many.

        `retained` has the broker keep each for who asks later. What the broker does not answer on
        this connection is not sent again.
        """

    def pause(self) -> None:
        """Hand over nothing more until `resume`; keep the connection alive meanwhile."""

    def resume(self) -> None:
        """Read on; what was read but not handed over comes first."""

    def close(self) -> None:
        """Say goodbye after everything written so far, and end within a second or two."""


class Receiver(Protocol):
    """What a link tells its session.

    `notices` are topics of which the link asks at QoS 0, what is kept there included; it does
    without them where the broker refuses.
    """

    notices: Sequence[str]

    def notice(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """What came on one of `notices`; it is no delivery."""

    def established(self, link: Link, *, session_present: bool) -> None:
        """The broker took us in; comes before the first delivery."""

    def granted(self) -> None:
        """The broker grants our subscriptions."""

    def receive(self, deliveries: list[Delivery]) -> None:
        """What one read brought, in order of arrival, at least one; not while paused."""


# Carries one connection to its end and returns why it ended. Raises `BrokerRefused` when the
# broker will not have us, OSError when there is no reaching it.
Carry = Callable[[Broker, Sequence[str], Receiver, int], Awaitable[str]]


class Session:
    """Deliveries of the subscribed topics, each acknowledged once settled, in order of arrival.

    Give every delivery back to `settle` exactly when its fate is durable, also those of an earlier
    connection: unsettled ones hold back the acknowledgements of all that came after them. Reading
    pauses at `max_messages` or `max_bytes` unsettled (what one read brings may lie above) and goes
    on below half of both.
    """

    def __init__(
        self,
        broker: Broker,
        filters: Sequence[str],
        carry: Carry,
        *,
        on_deliveries: Callable[[list[Delivery]], None],
        on_established: Callable[[bool], None] = lambda session_present: None,
        on_subscribed: Callable[[], None] = lambda: None,
        on_ended: Callable[[], None] = lambda: None,
        notices: Sequence[str] = (),
        on_notice: Callable[[str, bytes, bool], None] = lambda topic, payload, retained: None,
        max_messages: int = 60_000,
        max_bytes: int = 64 * 1024 * 1024,
        retry_seconds: tuple[float, float] = (0.5, 30.0),
    ) -> None:
        """`on_deliveries` gets what one read brought; `on_established(session_present)` comes with
        each connection before its first delivery: False says that the broker kept nothing for us;
        `on_subscribed` comes once it has granted what we ask for, `on_ended` when a connection that
        was established is none any more; `on_notice(topic, payload, retained)` gets what comes on
        `notices`. Retries wait a random time up to
        the first of `retry_seconds`, doubled up to the second.
        """
        self.connected = False
        # Whether the broker keeps for us what is published: granted, now or in this session before.
        self.subscribed = False
        self.epoch = 0
        self.stale_acknowledgements = 0
        self._broker = broker
        self._filters = tuple(filters)
        self._carry = carry
        self._on_deliveries = on_deliveries
        self._on_established = on_established
        self._on_subscribed = on_subscribed
        self._on_ended = on_ended
        self.notices = notices
        self._on_notice = on_notice
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._retry_seconds = retry_seconds
        self._unsettled: deque[Delivery] = deque()
        self._unsettled_bytes = 0
        self._link: Link | None = None
        self._welcomed = False
        self._paused = False
        self._intake = True
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Stay connected until `stop`; raises `BrokerRefused` if it never was let in.

        Later refusals are logged and retried: a broker that reloads its accounts may err.
        """
        attempt = 0
        while self._intake:
            self.epoch += 1
            began = time.monotonic()
            try:
                reason = await self._carry(self._broker, self._filters, self, self.epoch)
            except BrokerRefused as refusal:
                if not self._welcomed:
                    raise
                reason = str(refusal)
            except OSError as error:
                reason = f"{type(error).__name__}: {error}"
            finally:
                self._link = None
                if self.connected:
                    self.connected = False
                    self._on_ended()
            if not self._intake:
                return
            first, longest = self._retry_seconds
            if time.monotonic() - began > longest:
                attempt = 0
            # Full jitter: after a broker's restart its clients come back spread, not in step.
            wait = random.uniform(0, min(longest, first * 2 ** min(attempt, 30)))  # noqa: S311
            attempt += 1
            log.warning("not connected to the broker", reason=reason, retry_seconds=round(wait, 2))
            await self._pause_between(wait)

    async def _pause_between(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        except TimeoutError:
            return

    def end_intake(self) -> None:
        """Hand over nothing more; what is out may still be settled and acknowledged."""
        self._intake = False
        if self._link is not None:
            self._link.pause()
        else:
            self._ending.set()

    def stop(self) -> None:
        """End intake and the connection; `run` returns when the broker has our last word."""
        self.end_intake()
        self._ending.set()
        if self._link is not None:
            self._link.close()

    def settle(self, deliveries: Iterable[Delivery]) -> None:
        """Mark these as settled and acknowledge every settled delivery at the head of the list.

        Those of an earlier connection are dropped unacknowledged: their packet ids may mean other
        messages by now, and the broker delivers them again.
        """
        for delivery in deliveries:
            delivery.settled = True
        waiting = self._unsettled
        link = self._link
        due: list[Delivery] = []
        while waiting and waiting[0].settled:
            delivery = waiting.popleft()
            self._unsettled_bytes -= len(delivery.payload)
            if delivery.packet_id is None:
                continue
            if link is not None and (delivery.epoch == self.epoch or failpoints.NO_EPOCH_GUARD):
                due.append(delivery)
            else:
                self.stale_acknowledgements += 1
        if link is None:
            return
        if due:
            link.acknowledge(due)
        if self._paused and self._intake and self._has_room():
            self._paused = False
            link.resume()

    def publish(self, messages: Iterable[tuple[str, bytes]], *, retained: bool = False) -> int:
        """See `Link`; without a connection none is sent."""
        return 0 if self._link is None else self._link.publish(messages, retained=retained)

    def unsettled(self) -> int:
        """How many deliveries wait for their settlement, or for an earlier one's."""
        return len(self._unsettled)

    def unsettled_bytes(self) -> int:
        """How many payload bytes those are."""
        return self._unsettled_bytes

    def oldest_unsettled_seconds(self, now_us: int | None = None) -> float:
        """How long the oldest unsettled delivery has been waiting; 0.0 if there is none."""
        if not self._unsettled:
            return 0.0
        now_us = time.time_ns() // 1000 if now_us is None else now_us
        return max(0.0, (now_us - self._unsettled[0].received_us) / 1e6)

    @property
    def heard_us(self) -> int:
        """When something came from the broker last, on this connection (Unix us); 0 if never."""
        return 0 if self._link is None else self._link.heard_us

    @property
    def paused(self) -> bool:
        """Whether reading waits for settlements."""
        return self._paused

    # What the link tells us (Receiver).

    def established(self, link: Link, *, session_present: bool) -> None:
        """See `Receiver`."""
        if not self._intake:
            link.close()  # came too late: there is nothing to acknowledge here
            return
        self._link = link
        self._paused = False
        self.connected = True
        self.subscribed = self.subscribed and session_present
        log.info("connected to the broker", session_present=session_present, epoch=self.epoch)
        self._on_established(session_present)
        # A connection that comes while the last one's deliveries fill the bound starts paused.
        self._pause_when_full()

    def notice(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """See `Receiver`."""
        self._on_notice(topic, payload, retained)

    def granted(self) -> None:
        """See `Receiver`."""
        self.subscribed = self._welcomed = True
        self._on_subscribed()

    def receive(self, deliveries: list[Delivery]) -> None:
        """See `Receiver`."""
        self._unsettled.extend(deliveries)
        self._unsettled_bytes += sum([len(delivery.payload) for delivery in deliveries])
        self._on_deliveries(deliveries)
        self._pause_when_full()

    def _pause_when_full(self) -> None:
        full = (
            len(self._unsettled) >= self._max_messages or self._unsettled_bytes >= self._max_bytes
        )
        if full and self._link is not None:
            self._paused = True
            self._link.pause()

    def _has_room(self) -> bool:
        return (
            len(self._unsettled) < self._max_messages / 2
            and self._unsettled_bytes < self._max_bytes / 2
        )
