"""What the bridge counts; `docs/reference/metrics.md` says what each means."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from broker_bridge.batch import Sealed
from broker_bridge.fates import Fates
from broker_bridge.session import Session
from broker_bridge.spool import Spool
from registry.directory import Directory
from telemetry.model import Fate, Reason, Replayed

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_PARTS = (1, 10, 100, 1_000, 5_000, 10_000, 20_000, 50_000, 100_000)


class BridgeMetrics:
    """The figures of one bridge, every known series at 0 from the start.

    received + drained = settled (by fate) + held + unsettled.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"muster_bridge_{name}", meaning, labels, registry=registry)

        def gauge(name: str, meaning: str) -> Gauge:
            return Gauge(f"muster_bridge_{name}", meaning, registry=registry)

        def histogram(name: str, meaning: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(f"muster_bridge_{name}", meaning, buckets=buckets, registry=registry)

        self.messages = counter("messages_total", "Settled messages.", "fate", "reason")
        for fate in (Fate.STORED, Fate.DUPLICATE):
            self.messages.labels(fate.value, "")
        for reason in Reason:
            self.messages.labels(Fate.QUARANTINED.value, reason.value)
        self.parts = counter("parts_total", "Readings, events and values settled.", "fate")
        for fate in (Fate.STORED, Fate.DUPLICATE, Fate.QUARANTINED):
            self.parts.labels(fate.value)
        self.received = counter("received_total", "Messages that the broker delivered.")
        self.replayed = counter("replayed_total", "Refused messages taken again.", "fate")
        for fate in (Fate.STORED, Fate.DUPLICATE, Fate.QUARANTINED):
            self.replayed.labels(fate.value)
        self.untimed = counter("untimed_total", "Parts without a time, stored at ours.")
        self.tolerated = counter("tolerated_total", "What only a lenient codec takes, in frames.")
        self.session_lost = counter("session_lost_total", "Sessions that the broker lost.")
        self.broker_dropped = counter(
            "broker_dropped_total", "Messages the broker had no room for."
        )
        self.database_failures = counter("database_failures_total", "Attempts put off.")
        self.commit_seconds = histogram("commit_seconds", "Time to commit a batch.", _SECONDS)
        self.batch_parts = histogram("batch_parts", "Readings and events a batch.", _PARTS)
        self.held = counter("held_total", "Messages that went into the spool.")
        self.drained = counter("drained_total", "Messages of the spool that were settled.")
        self.spool_messages = gauge("spool_messages", "Messages in the spool.")
        self.spool_bytes = gauge("spool_bytes", "Bytes that they are.")
        self.spool_oldest = gauge("spool_oldest_seconds", "Age of the oldest of them.")
        self.spool_room = gauge("spool_room_bytes", "Bytes that the spool takes before it is full.")
        self.spool_full = gauge("spool_full", "1 while the spool refuses what it is given.")
        self.spool_damaged = gauge("spool_damaged", "Messages set aside, damaged on the disk.")
        self.connected = gauge("connected", "1 while the broker has us.")
        self.unsettled = gauge("unsettled", "Messages delivered and not yet settled.")
        self.oldest_unsettled = gauge("oldest_unsettled_seconds", "Age of the oldest of them.")
        self.stale = gauge("stale_acknowledgements", "Never sent: their connection was gone.")
        self.terminals = gauge("terminals", "Terminals in the directory.")

    def watch(self, session: Session, directory: Directory) -> None:
        """Read their own figures at each scrape."""
        self.connected.set_function(lambda: float(session.connected))
        self.unsettled.set_function(session.unsettled)
        self.oldest_unsettled.set_function(session.oldest_unsettled_seconds)
        self.stale.set_function(lambda: session.stale_acknowledgements)
        self.terminals.set_function(directory.__len__)

    def watch_spool(self, spool: Spool) -> None:
        """Read the spool's own figures at each scrape."""
        self.spool_messages.set_function(lambda: spool.messages)
        self.spool_bytes.set_function(lambda: spool.bytes)
        self.spool_oldest.set_function(spool.oldest_seconds)
        self.spool_room.set_function(lambda: spool.room)
        self.spool_full.set_function(lambda: float(spool.is_full))
        self.spool_damaged.set_function(lambda: spool.set_aside)

    def count(self, fates: Fates, sealed: Sealed) -> None:
        """Count a batch that is settled."""
        for (fate, reason), count in fates.messages().items():
            self.messages.labels(fate.value, reason.value if reason else "").inc(count)
        for fate, count in fates.parts.items():
            self.parts.labels(fate.value).inc(count)
        self.batch_parts.observe(fates.parts.total())
        self.untimed.inc(sealed.untimed)
        self.tolerated.inc(sealed.tolerated)

    def count_replayed(self, told: Iterable[Replayed]) -> None:
        """Count refused messages that were taken again."""
        for replayed in told:
            if replayed.fate is not None:
                self.replayed.labels(replayed.fate.value).inc()
