"""What this process tells Prometheus of itself; `docs/reference/metrics.md` lists every name."""

import platform
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class ApiMetrics:
    """The series of one API process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._requests = Histogram(
            "muster_api_request_seconds",
            "Time to answer a request, by the template of its route.",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._limited = Counter(
            "muster_api_limited_total",
            "Requests refused by a limit.",
            ("limit",),
            registry=self.registry,
        )
        self._abandoned = Counter(
            "muster_api_abandoned_total",
            "Requests given up because the asker hung up.",
            registry=self.registry,
        )
        self._broker = Counter(
            "muster_api_broker_answers_total",
            "Questions of brokers about terminals, by what was answered.",
            ("hook", "outcome"),
            registry=self.registry,
        )
        self.broker_feed = Gauge(
            "muster_api_broker_feed_age_seconds",
            "How long ago the hooks for brokers heard what changed in the registry.",
            registry=self.registry,
        )
        self.streams = Gauge(
            "muster_api_live_streams", "Live streams that are open.", registry=self.registry
        )
        self.live_sent = Counter(
            "muster_api_live_sent_total",
            "Readings, events, changes of presence and of alarms sent to live streams.",
            registry=self.registry,
        )
        self._live_ended = Counter(
            "muster_api_live_ended_total",
            "Live streams that ended, by why.",
            ("reason",),
            registry=self.registry,
        )
        self.live_feed = Gauge(
            "muster_api_live_feed_age_seconds",
            "How long ago the feed was read for live streams; 0 while there are none.",
            registry=self.registry,
        )
        info = Gauge(
            "muster_build_info",
            "1, with the version of this process.",
            ("version", "python"),
            registry=self.registry,
        )
        info.labels(installed_version(), platform.python_version()).set(1)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; what is not ours to name (unknown methods, no route) is `other`."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).observe(seconds)

    def limited(self, limit: str) -> None:
        """Count a request that a limit refused."""
        self._limited.labels(limit).inc()

    def broker_answered(self, hook: str, outcome: str) -> None:
        """Count an answer to a broker."""
        self._broker.labels(hook, outcome).inc()

    def live_ended(self, reason: str) -> None:
        """Count a live stream that is over."""
        self._live_ended.labels(reason).inc()

    def abandoned(self) -> None:
        """Count a request whose asker did not wait for the answer."""
        self._abandoned.inc()


def installed_version() -> str:
    """The version of Muster that is installed, or `checkout` when it runs from one."""
    try:
        return version("muster")
    except PackageNotFoundError:
        return "checkout"
