"""The metrics of the jobs process."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.process_collector import ProcessCollector

from telemetry.exports.model import ExportState
from telemetry.gauges import Figures
from telemetry.model import Reason
from telemetry.notifications.posting import Count
from telemetry.retention import Storage, Tended
from telemetry.rollups import Lag
from telemetry.supervision_model import Counts


class Gauges:
    """What the leader counts of the fleet, and how its own work goes; others show no fleet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.leader = Gauge(
            "muster_jobs_leader", "Whether this process does the work.", registry=self.registry
        )
        self.batches = Counter(
            "muster_jobs_batches_total",
            "Batches of the feed that were followed.",
            ["follower"],
            registry=self.registry,
        )
        self.failures = Counter(
            "muster_jobs_failures_total",
            "Turns of a job that failed and were tried again.",
            ["job"],
            registry=self.registry,
        )
        self.asked = Counter(
            "muster_jobs_asked_total",
            "Jobs that people asked for and this process took up.",
            registry=self.registry,
        )
        self.counted_at = Gauge(
            "muster_jobs_counted_timestamp_seconds",
            "When the fleet's figures were counted.",
            registry=self.registry,
        )
        self._lag = Gauge(
            "muster_feed_lag_seconds",
            "Age of the oldest batch that a follower has not seen.",
            ["follower"],
            registry=self.registry,
        )
        self.rolled = Counter(
            "muster_rollup_buckets_total",
            "Hours and days of terminals that were rolled up after readings came into them.",
            ["grain"],
            registry=self.registry,
        )
        self._rollup_lag = Gauge(
            "muster_rollup_lag_seconds",
            "How long the oldest hour or day of a terminal has been due to be rolled up.",
            ["grain"],
            registry=self.registry,
        )
        self._unrolled = Gauge(
            "muster_rollup_incomplete_profiles",
            "Device profiles of which not all readings are rolled up yet.",
            registry=self.registry,
        )
        self._storage = Gauge(
            "muster_storage_bytes",
            "What the readings of a device profile take on disk, plain, compressed and rolled up.",
            ["profile", "kind"],
            registry=self.registry,
        )
        self._held = Gauge(
            "muster_storage_held_chunks",
            "Chunks of readings that would have been dropped but for a legal hold.",
            registry=self.registry,
        )
        self._overdue = Gauge(
            "muster_storage_overdue_seconds",
            "How long the oldest chunk that no hold keeps has been due to be dropped.",
            registry=self.registry,
        )
        self._tended = Counter(
            "muster_storage_chunks_total",
            "Chunks that were dropped, of raw readings and of roll-ups, or compressed.",
            ["act"],
            registry=self.registry,
        )
        for act in Tended.__dataclass_fields__:
            self._tended.labels(act)
        self._terminals = Gauge(
            "muster_terminals",
            "Terminals on the roll.",
            ["sector", "province", "state"],
            registry=self.registry,
        )
        self._online = Gauge(
            "muster_terminals_online",
            "Terminals in service whose data comes as it is expected.",
            ["sector", "province"],
            registry=self.registry,
        )
        self._alarms = Gauge(
            "muster_alarms_active",
            "Alarms that are open, acknowledged and shelved ones too.",
            ["sector", "province", "severity"],
            registry=self.registry,
        )
        self._quarantine = Gauge(
            "muster_quarantine_rows",
            "Refused messages in quarantine.",
            ["reason"],
            registry=self.registry,
        )
        for reason in Reason:
            self._quarantine.labels(reason.value)
        self._ending = Gauge(
            "muster_certificates_ending",
            "Terminals whose last certificate ends within so many days.",
            ["days"],
            registry=self.registry,
        )
        self._exports = Gauge(
            "muster_exports",
            "Exports that are remembered, by what became of them.",
            ["state"],
            registry=self.registry,
        )
        self._export_bytes = Gauge(
            "muster_exports_bytes", "Bytes of the files of all exports.", registry=self.registry
        )
        self._told = Counter(
            "muster_notifications_total",
            "Tries to tell somebody of alarms, by what became of them.",
            ["kind", "outcome"],
            registry=self.registry,
        )
        self._to_tell = Counter(
            "muster_notification_changes_total",
            "Changes of alarms that were to be told, once for each channel.",
            registry=self.registry,
        )
        self._channels = Gauge(
            "muster_notification_channels",
            "Ways to tell of alarms, by how it goes with them.",
            ["standing"],
            registry=self.registry,
        )
        self._untold = Gauge(
            "muster_notification_waiting_seconds",
            "Age of the oldest change of an alarm of which it is not found yet who is told.",
            registry=self.registry,
        )
        self._customers = Gauge(
            "muster_customers",
            "Group clients that are customers, by where they are supervised.",
            ["province", "file"],
            registry=self.registry,
        )
        self._customers_by = {
            "industry": Gauge(
                "muster_customers_by_industry",
                "Group clients that are customers, by industry.",
                ["industry", "file"],
                registry=self.registry,
            ),
            "tier": Gauge(
                "muster_customers_by_tier",
                "Group clients that are customers, by tier.",
                ["tier", "file"],
                registry=self.registry,
            ),
        }
        self._sims = Gauge(
            "muster_sims_in_use",
            "SIMs in terminals that may connect, by what is known of their binding.",
            ["province", "binding"],
            registry=self.registry,
        )
        self._readings = Gauge(
            "muster_readings_today",
            "Readings of the present day (UTC) so far.",
            ["province", "count"],
            registry=self.registry,
        )
        self.day_taken_at = Gauge(
            "muster_supervision_day_taken_timestamp_seconds",
            "When this process last took the roll-ups of a day.",
            registry=self.registry,
        )

    def supervise(self, provinces: Mapping[str, Counts]) -> None:
        """Put what supervision sees in place, by province."""
        for gauge in (self._customers, self._sims, self._readings):
            gauge.clear()
        for province, counts in provinces.items():
            customers, verified, due = counts.customers, counts.verified, counts.files_due
            unverified = (customers or 0) - (verified or 0) - (due or 0)
            for file, number in (("verified", verified), ("due", due), ("unverified", unverified)):
                self._customers.labels(province, file).set(number or 0)
            for binding, number in (
                ("ok", counts.sims_ok),
                ("violated", counts.sims_violated),
                ("unproven", counts.sims_bound - counts.sims_ok - counts.sims_violated),
                ("unbound", counts.sims_in_use - counts.sims_bound),
            ):
                self._sims.labels(province, binding).set(number)
            self._readings.labels(province, "expected").set(counts.expected or 0)
            self._readings.labels(province, "stored").set(counts.stored)

    def show_customers(self, customers: Mapping[tuple[str, str, str], int]) -> None:
        """Put these in place, by industry and by tier."""
        for gauge in self._customers_by.values():
            gauge.clear()
        for (by, key, file), number in customers.items():
            self._customers_by[by].labels(key, file).set(number)

    def show_ending(self, terminals: Mapping[int, int]) -> None:
        """Put these in place, by days."""
        for days, count in terminals.items():
            self._ending.labels(str(days)).set(count)

    def show_exports(self, exports: Mapping[str, tuple[int, int]]) -> None:
        """Put these in place, by state: how many, and how many bytes."""
        for state in ExportState:
            self._exports.labels(state.value).set(exports.get(state.value, (0, 0))[0])
        self._export_bytes.set(sum(size for _, size in exports.values()))

    def show_told(self, put: int, outcomes: Sequence[tuple[str, str]]) -> None:
        """Count changes that are to be told, and tries to."""
        self._to_tell.inc(put)
        for kind, outcome in outcomes:
            self._told.labels(kind, outcome).inc()

    def show_channels(self, counted: Count) -> None:
        """Put these in place."""
        for standing in ("well", "failing", "stopped"):
            self._channels.labels(standing).set(getattr(counted, standing))
        self._untold.set(counted.waiting_seconds)

    def show_rollups(self, lag: Lag) -> None:
        """Put these in place."""
        self._rollup_lag.labels("hourly").set(lag.hourly)
        self._rollup_lag.labels("daily").set(lag.daily)
        self._unrolled.set(lag.incomplete)

    def tended(self, done: Tended) -> None:
        """Count these chunks."""
        for act in Tended.__dataclass_fields__:
            self._tended.labels(act).inc(getattr(done, act))

    def show_storage(self, measured: Sequence[Storage], now: datetime) -> None:
        """Put these in place."""
        self._storage.clear()
        for one in measured:
            for kind in ("raw", "compressed", "rollup"):
                self._storage.labels(one.profile, kind).set(getattr(one, f"{kind}_bytes"))
        self._held.set(sum(one.held_chunks for one in measured))
        due = [(now - one.next_drop_at).total_seconds() for one in measured if one.next_drop_at]
        self._overdue.set(max(0.0, *due) if due else 0.0)

    def show(self, figures: Figures) -> None:
        """Put these figures in place of all earlier ones: what is gone goes from here too."""
        self._terminals.clear()
        for (sector, province, state), count in figures.terminals.items():
            self._terminals.labels(sector, province, state).set(count)
        self._online.clear()
        for sector, province, _ in figures.terminals:
            count = figures.online.get((sector, province), 0)
            self._online.labels(sector, province).set(count)
        self._alarms.clear()
        for (sector, province, severity), count in figures.alarms.items():
            self._alarms.labels(sector, province, severity).set(count)
        for reason in Reason:
            self._quarantine.labels(reason.value).set(figures.quarantine.get(reason.value, 0))
        for follower, seconds in figures.lag_seconds.items():
            self._lag.labels(follower).set(seconds)
        self.counted_at.set_to_current_time()
