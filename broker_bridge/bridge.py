"""The journey of a message, on one page.

    session -> flow (routes, decode) -> batch -> seal -> settle (store, commit) -> acknowledge
                 |                        ^
                 +- behind -> spool ------+       (acknowledged once it is on the disk)

Deliveries are decoded as they come. One batch is stored at a time while the next one gathers, so
that a slow database makes fewer and larger batches. What a database that is away does not take goes
to the spool, and from there the same way, in turn with what comes meanwhile.
"""

import asyncio
import gc
from contextlib import suppress
from itertools import count

from broker_bridge import mqtt5_link, paho_link, topics
from broker_bridge.asking import Asking
from broker_bridge.batch import Batch
from broker_bridge.flood import Flood
from broker_bridge.flow import Flow
from broker_bridge.hearing import Hearing
from broker_bridge.joining import join, tidy
from broker_bridge.losses import MARK_SECONDS, Losses
from broker_bridge.metrics import BridgeMetrics
from broker_bridge.replay import Replayer
from broker_bridge.routes import Routes
from broker_bridge.session import Broker, Delivery, Session, now_us
from broker_bridge.settle import Settler
from broker_bridge.spool import Spool, SpoolFailed
from broker_bridge.spooling import Spooling
from foundation.database import Pool
from foundation.errors import MusterError, Refused
from foundation.logs import get_logger
from foundation.settings import Settings, SettingsInvalid
from foundation.shutdown import paused
from registry.directory import Directory
from telemetry.errors import BridgeNameTaken
from telemetry.gaps import GapKind
from telemetry.model import at
from telemetry.writer import Writer

log = get_logger(__name__)

_CARRY = {"mqtt5": mqtt5_link.carry, "paho": paho_link.carry}
_RETRY_SECONDS = (0.1, 5.0)  # doubled from the first to the second
_STANDBY_SECONDS = 1.0
_DRAIN_SECONDS = 60.0  # nobody waits for what lies in the spool
_TURNS_BETWEEN_NOTES = 10  # of marks


class Bridge:
    """One MQTT session into the database, or into the spool as long as there is none."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        writer: Writer,
        directory: Directory,
        spool: Spool,
        metrics: BridgeMetrics,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._metrics = metrics
        self._writer = writer
        self._directory = directory
        self._routes = Routes(settings.topic_prefix, directory)
        self._asking = Asking(self._routes, directory, pool)
        self._replayer = Replayer(settings, pool, self._asking, metrics)
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
        self._hearing = Hearing(self._session, lambda: spool.oldest_us)
        self._settler = Settler(writer, self._session, metrics)
        metrics.watch(self._session, directory)
        # Beyond the bound of unsettled messages nothing more comes: half of it is full, too.
        full_at = min(settings.batch_max_readings, 1 + settings.unsettled_max_messages // 2)
        self._flood = Flood(settings.terminal_messages_per_second)
        self._flow = Flow(self._routes.known, self._routes.find, self._flood, full_at=full_at)
        spools = settings.spool_max_bytes > 0
        self._spool = spool
        self._spooling = Spooling(spool, self._flow, self._session, metrics, enabled=spools)
        self._began = 0.0
        self._full = asyncio.Event()
        self._broker_to_note = False
        self._was_open = False
        self._ending = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Carry messages until `stop`; then settle what came, acknowledge it and disconnect.

        Raises BrokerRefused, and TimeoutError when the settings give stopping no more time.
        """
        if not await self._begin(stop):
            return
        following = asyncio.Event()
        storing = asyncio.create_task(self._store_batches())
        spooling = asyncio.create_task(self._spooling.run(self._settings.batch_max_age_seconds))
        session = asyncio.create_task(self._session.run())
        name = self._settings.bridge_name
        others = (
            asyncio.create_task(self._directory.follow(following)),
            asyncio.create_task(self._hearing.keep(self._pool, name, self._standing, following)),
            asyncio.create_task(self._replayer.run(following)),
            asyncio.create_task(self._flood.learn(self._pool, following)),
            asyncio.create_task(tidy(self._pool, name, following)),
            asyncio.create_task(stop.wait()),
            asyncio.create_task(self._mark(following)),
        )
        tasks = (storing, spooling, session, *others)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            async with asyncio.timeout(self._settings.stop_deadline_seconds):
                self._session.end_intake()
                self._ending.set()
                self._something.set()
                self._full.set()
                await storing
                self._spooling.finish()
                await spooling
                self._settler.receipts.finish()
                self._session.stop()
                await session
                self._losses.stop()
                with suppress(MusterError):
                    patience = self._settings.database_patience_seconds
                    await self._settler.within(patience, self._note_broker)
        finally:
            following.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._spooling.close()

    async def _begin(self, stop: asyncio.Event) -> bool:
        """Have the name, or do without the database for now; in standby only the name will do.

        False when told to stop before.
        """
        standby = self._settings.bridge_standby
        while not stop.is_set():
            try:
                await self._settler.within(_DRAIN_SECONDS, self._open)
            except MusterError as error:
                if isinstance(error, Refused) and not (
                    standby and isinstance(error, BridgeNameTaken)
                ):
                    raise
                if not standby:
                    log.warning("the database does not answer yet", reason=str(error))
                    self._flow.hold()
                    break
                await paused(stop, _STANDBY_SECONDS)
            else:
                break
        if not stop.is_set():
            await self._spooling.open()
        return not stop.is_set()

    async def missing(self) -> dict[str, str]:
        """What keeps the bridge from its work, by name, in a sentence each."""
        lacks = {}
        if not self._was_open:
            lacks["database"] = "The database has not answered yet."
        elif self._flow.away:
            lacks["database"] = "The database does not take what we have."
        if self._spool.is_full:
            lacks["spool"] = "The spool is full: nothing more is acknowledged."
        if not self._session.connected:
            lacks["broker"] = "The broker is not connected."
        elif not self._session.subscribed:
            lacks["broker"] = "The broker has not granted our subscriptions yet."
        return lacks

    def _standing(self) -> dict[str, object]:
        return {
            "is_connected": self._session.connected and self._session.subscribed,
            "unsettled": self._session.unsettled(),
            "spool_messages": self._spool.messages,
            "spool_bytes": self._spool.bytes,
            "spool_room_bytes": self._spool.room,
            "spool_since_us": self._spool.oldest_us,
        }

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
        flow = self._flow
        if not flow.batch.deliveries:
            self._began = asyncio.get_running_loop().time()
        flow.receive(deliveries)
        self._something.set()
        if flow.behind:
            self._spooling.wanted.set()
        if flow.is_full:
            self._full.set()

    # To the database.

    async def _store_batches(self) -> None:
        """Store until told to stop; what then cannot be stored is left to the spool."""
        flow = self._flow
        wait, longest = _RETRY_SECONDS
        while not (self._ending.is_set() and (flow.away or not flow.batch.deliveries)):
            try:
                if flow.away:
                    await self._come_back()
                else:
                    await self._take_turn()
                wait = _RETRY_SECONDS[0]
            except SpoolFailed as error:
                log.warning("what lies in the spool cannot be had", reason=str(error))
                flow.go_on()
                await paused(self._ending, _RETRY_SECONDS[0])
            except MusterError as error:
                # Two of one name would throw each other out of the broker for ever.
                if isinstance(error, BridgeNameTaken):
                    raise
                if isinstance(error, Refused) and not self._was_open:
                    raise
                self._hold(error, wait)
                await paused(self._ending, wait)
                wait = min(2 * wait, longest)

    async def _take_turn(self) -> None:
        """Store what has gathered, and then some of what lies in the spool."""
        flow = self._flow
        await self._something.wait()
        self._something.clear()  # before we look: what comes from here on wakes us again
        patience = self._settings.database_patience_seconds
        if self._broker_to_note and self._session.subscribed:
            await self._settler.within(patience, self._note_broker)
        if await self._is_ripe():
            self._full.clear()
            self._began = asyncio.get_running_loop().time()
            batch = flow.next_batch()
            if batch.deliveries:
                try:
                    await self._settler.within(patience, lambda: self._settle(batch))
                except MusterError:
                    flow.hold(batch)
                    raise
        if flow.holds and not self._ending.is_set():
            await self._drain()
            self._something.set()

    async def _is_ripe(self) -> bool:
        """Wait until what gathers is full or old enough; only look, while there is a spool."""
        ripe_at = self._began + self._settings.batch_max_age_seconds
        if self._flow.holds:
            return self._flow.is_full or asyncio.get_running_loop().time() >= ripe_at
        with suppress(TimeoutError):
            async with asyncio.timeout_at(ripe_at):
                await self._full.wait()
        return True

    async def _come_back(self) -> None:
        """See whether the database takes something again: of the spool, if anything is there."""
        await self._settler.within(_DRAIN_SECONDS, self._open)
        if self._spool.messages:
            await self._drain()
        else:
            self._flow.go_on()
        self._something.set()

    async def _drain(self) -> None:
        """Store the oldest of what lies in the spool, and forget it there."""
        portion = await self._spooling.oldest()
        if portion.deliveries:
            batch = self._flow.unpack(portion.deliveries, portion.damaged)
            await self._settler.within(_DRAIN_SECONDS, lambda: self._settle(batch))
        await self._spooling.remove(portion)
        self._spooling.wanted.set()

    async def _settle(self, batch: Batch) -> None:
        await self._asking.about(batch)
        await join(self._pool, batch)
        await self._settler.settle(batch.seal())

    async def _open(self) -> None:
        """Connect, and be sure that the directory is loaded."""
        await self._writer.open()
        if not self._was_open:
            if not self._directory.loaded:
                await self._directory.load()
            # Terminals by the million, to stay: not to be walked over at each collection.
            gc.collect()
            gc.freeze()
            self._was_open = True

    def _hold(self, error: MusterError, wait: float) -> None:
        """Have everything go to the spool until the database is back."""
        self._flow.hold()
        self._spooling.wanted.set()
        self._metrics.database_failures.inc()
        cause = error.__cause__
        log.warning(
            "the database does not take what we have",
            reason=str(error),
            cause=str(cause).strip() if cause else None,
            messages_held=self._spool.messages,
            retry_seconds=wait,
        )

    # What the broker loses.

    async def _mark(self, ending: asyncio.Event) -> None:
        """Have the broker keep what time it is, and note now and then what we see of it."""
        for turn in count():
            if await paused(ending, MARK_SECONDS):
                return
            mark = self._losses.mark_topic, self._losses.next_mark(now_us())
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
