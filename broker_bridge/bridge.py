"""The journey of a message, on one page.

    session -> routes -> intake (decode) -> batch -> seal -> settle (store, commit) -> acknowledge

Deliveries are decoded as they come. One batch is stored at a time while the next one gathers, so
that a slow database makes fewer and larger batches.
"""

import asyncio
from collections import deque
from contextlib import suppress
from itertools import count

from broker_bridge import mqtt5_link, paho_link, topics
from broker_bridge.batch import Batch, UntimedClock
from broker_bridge.hearing import Hearing
from broker_bridge.intake import take
from broker_bridge.losses import MARK_SECONDS, Losses
from broker_bridge.metrics import BridgeMetrics
from broker_bridge.routes import Routes
from broker_bridge.session import Broker, Delivery, Session, now_us
from broker_bridge.settle import Settler
from foundation.database import Pool
from foundation.errors import MusterError
from foundation.logs import get_logger
from foundation.settings import Settings, SettingsInvalid
from foundation.shutdown import paused
from registry.directory import Directory
from telemetry.gaps import GapKind
from telemetry.model import Reason, at
from telemetry.writer import Writer

log = get_logger(__name__)

_CARRY = {"mqtt5": mqtt5_link.carry, "paho": paho_link.carry}
_MOST_QUESTIONS = 200  # to the database for one batch
_TURNS_BETWEEN_NOTES = 10  # of marks
_BATCHES_AHEAD = 4  # gathered while one is stored; beyond, deliveries wait as they came


class Bridge:
    """One MQTT session into the database; its writer has the name, its directory is loaded."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        writer: Writer,
        directory: Directory,
        metrics: BridgeMetrics,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._metrics = metrics
        self._writer = writer
        self._directory = directory
        self._routes = Routes(settings.topic_prefix, directory)
        self._something = asyncio.Event()
        self._losses = Losses(settings.topic_prefix, settings.bridge_name)
        self._session = Session(
            broker_of(settings),
            topics.filters(settings.topic_prefix, settings.shared_group),
            _CARRY[settings.session],
            on_deliveries=self._receive,
            on_established=self._established,
            on_subscribed=self._something.set,
            on_ended=lambda: self._losses.disconnected(now_us()),
            notices=self._losses.topics,
            on_notice=self._noticed,
            max_messages=settings.unsettled_max_messages,
            max_bytes=settings.unsettled_max_bytes,
        )
        self._hearing = Hearing(self._session)
        self._settler = Settler(writer, self._session, metrics)
        metrics.watch(self._session, directory)
        self._clock = UntimedClock()
        self._batch = Batch(self._clock)
        self._began = 0.0
        self._waiting: deque[list[Delivery]] = deque()
        # Beyond the bound of unsettled messages nothing more comes: half of it is full, too.
        self._full_at = min(settings.batch_max_readings, 1 + settings.unsettled_max_messages // 2)
        self._full = asyncio.Event()
        self._broker_to_note = False
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Carry messages until `stop`; then settle what came, acknowledge it and disconnect.

        Raises BrokerRefused, and TimeoutError when the settings give stopping no more time.
        """
        ending = asyncio.Event()
        storing = asyncio.create_task(self._store_batches())
        marking = asyncio.create_task(self._mark(ending))
        session = asyncio.create_task(self._session.run())
        others = (
            asyncio.create_task(self._directory.follow(ending)),
            asyncio.create_task(self._hearing.keep(self._pool, self._settings.bridge_name, ending)),
            asyncio.create_task(stop.wait()),
            marking,
        )
        try:
            done, _ = await asyncio.wait(
                {storing, session, *others}, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()
            async with asyncio.timeout(self._settings.stop_deadline_seconds):
                self._session.end_intake()
                self._stopping = True
                self._something.set()
                self._full.set()
                await storing
                self._settler.receipts.finish()
                self._session.stop()
                await session
                self._losses.stop()
                with suppress(MusterError):
                    await self._note_broker()
        finally:
            ending.set()
            tasks = (storing, session, *others)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def missing(self) -> dict[str, str]:
        """What keeps the bridge from its work, by name, in a sentence each."""
        lacks = {}
        if self._settler.holding:
            lacks["database"] = "The database does not take what we have."
        if not self._session.connected:
            lacks["broker"] = "The broker is not connected."
        elif not self._session.subscribed:
            lacks["broker"] = "The broker has not granted our subscriptions yet."
        return lacks

    # From the session.

    def _established(self, session_present: bool) -> None:
        self._losses.connected(now_us(), session_present=session_present)
        self._broker_to_note = True
        self._something.set()

    def _noticed(self, topic: str, payload: bytes, retained: bool) -> None:
        self._losses.notice(topic, payload, now_us(), retained=retained)
        if self._losses.lost:
            self._broker_to_note = True
            self._something.set()

    def _receive(self, deliveries: list[Delivery]) -> None:
        self._metrics.received.inc(len(deliveries))
        if self._waiting or self._batch.size() >= _BATCHES_AHEAD * self._full_at:
            self._waiting.append(deliveries)
        else:
            self._gather(deliveries)

    def _gather(self, deliveries: list[Delivery]) -> None:
        batch = self._batch
        if not batch.deliveries:
            self._began = asyncio.get_running_loop().time()
        batch.deliveries += deliveries
        known = self._routes.known.get
        for delivery in deliveries:
            route = known(delivery.topic) or self._routes.find(delivery.topic)
            if route is None:
                batch.strangers.append(delivery)
            else:
                take(batch, route, delivery)
        self._something.set()
        if batch.size() >= self._full_at:
            self._full.set()

    # To the database.

    async def _store_batches(self) -> None:
        while not (self._stopping and not self._batch.deliveries):
            await self._something.wait()
            self._something.clear()  # before we look: what comes from here on wakes us again
            if self._broker_to_note and self._session.subscribed:
                await self._settler.patiently(self._note_broker)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._began + self._settings.batch_max_age_seconds):
                    await self._full.wait()
            batch = self._next_batch()
            if batch.deliveries:
                await self._settler.patiently(lambda: self._ask(batch))  # noqa: B023
                await self._settler.settle(batch.seal())

    def _next_batch(self) -> Batch:
        """What has gathered; the next batch begins with what had to wait."""
        batch, self._batch = self._batch, Batch(self._clock)
        self._full.clear()
        while self._waiting and self._batch.size() < self._full_at:
            self._gather(self._waiting.popleft())
        return batch

    async def _ask(self, batch: Batch) -> None:
        """Ask the database about terminals and metrics that we do not know; then refuse them.

        Bounded: of more strangers than _MOST_QUESTIONS in one batch the rest is refused unasked.
        """
        asked: set[str] = set()
        while batch.strangers:
            delivery = batch.strangers[0]
            address = self._routes.address(delivery.topic)
            if address is None:
                batch.refuse(delivery, None, Reason.MALFORMED, "the topic is none of ours")
            else:
                if address.code not in asked and len(asked) < _MOST_QUESTIONS:
                    await self._directory.ask(address.code)
                    asked.add(address.code)
                route = self._routes.find(delivery.topic)
                if route is None:
                    said = f"there is no terminal {address.code}"
                    batch.refuse(delivery, None, Reason.UNKNOWN_TERMINAL, said)
                else:
                    take(batch, route, delivery)
            batch.strangers.popleft()
        for profile_id, metric in batch.unknown_metrics()[:_MOST_QUESTIONS]:
            profile = await self._directory.ask_metric(profile_id, metric)
            if profile is not None:
                batch.know(profile)

    # What the broker loses.

    async def _mark(self, ending: asyncio.Event) -> None:
        """Have the broker keep what time it is, and note now and then what we see of it."""
        for turn in count():
            if await paused(ending, MARK_SECONDS):
                return
            mark = self._losses.mark_topic, b"%d" % now_us()
            self._session.publish([mark], retained=True)
            if turn % _TURNS_BETWEEN_NOTES == 0:
                self._broker_to_note = True
                self._something.set()

    async def _note_broker(self) -> None:
        """Keep what we have seen of the broker, and record what it has lost."""
        await self._writer.open()
        self._losses.begin(self._writer.seen)
        self._broker_to_note = False
        lost = list(self._losses.lost)
        await self._writer.note_broker(self._losses.seen, lost)
        del self._losses.lost[: len(lost)]
        for loss in lost:
            if loss.kind is GapKind.BROKER_DROPPED:
                self._metrics.broker_dropped.inc(loss.messages or 0)
            else:
                self._metrics.session_lost.inc()
            log.error(
                "the broker has lost what it held for us",
                kind=loss.kind.value,
                since=at(loss.begins_us).isoformat(),
                until=at(loss.ends_us).isoformat(),
                messages=loss.messages,
            )


def broker_of(settings: Settings) -> Broker:
    """The broker of these settings and our account there; SettingsInvalid if something lacks."""
    settings.require("database_url", "broker_url", "broker_password")
    assert settings.broker_url is not None
    assert settings.broker_password is not None
    password = settings.broker_password.get_secret_value()
    broker = Broker.from_url(settings.broker_url, password, settings.broker_ca_file)
    if not broker.user:
        raise SettingsInvalid(["MUSTER_BROKER_URL names no account (mqtt://account@host)"])
    return broker
