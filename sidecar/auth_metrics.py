"""Counts what authsvc does: ``authsvc.metrics.AuthMetrics`` for Prometheus."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from authsvc.metrics import Lookup

# A check takes well under a millisecond from memory, and a database's time otherwise.
CHECK_BUCKETS = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
)  # seconds


class AuthCounters:
    """Counts checks, look-ups and how far the change log was followed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._checks = Counter(
            "tollkeeper_check",
            "Requests answered, by outcome.",
            ("result", "reason", "transport"),
            registry=registry,
        )
        self._durations = Histogram(
            "tollkeeper_check_duration_seconds",
            "Time to answer a request.",
            ("transport",),
            buckets=CHECK_BUCKETS,
            registry=registry,
        )
        self._lookups = Counter(
            "tollkeeper_cache_lookups",
            "Keys looked up: found in memory, known to be unknown, or asked of the database.",
            ("kind",),
            registry=registry,
        )
        self._entries = Gauge(
            "tollkeeper_cache_entries",
            "Entries in memory.",
            ("kind",),
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._database = Gauge(
            "tollkeeper_database_up",
            "Whether every process reached the database when it last tried.",
            multiprocess_mode="livemin",
            registry=registry,
        )
        self._seq = Gauge(
            "tollkeeper_change_log_seq",
            "The change up to which every process has followed.",
            multiprocess_mode="livemin",
            registry=registry,
        )
        self._followed_at = Gauge(
            "tollkeeper_change_log_read_timestamp_seconds",
            "When the process that is furthest behind last read the change log to its end.",
            multiprocess_mode="livemin",
            registry=registry,
        )
        self._refused = Counter(
            "tollkeeper_sealed_value_refused",
            "Stored credentials that did not open: their rows were changed.",
            registry=registry,
        )
        # What `labels` returns, remembered: it costs more than counting does.
        self._checked: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self._looked_up: dict[Lookup, Counter] = {}

    def checked(self, *, result: str, reason: str, transport: str, seconds: float) -> None:
        """Count a request that was answered."""
        try:
            checks, durations = self._checked[result, reason, transport]
        except KeyError:
            checks = self._checks.labels(result, reason, transport)
            durations = self._durations.labels(transport)
            self._checked[result, reason, transport] = checks, durations
        checks.inc()
        durations.observe(seconds)

    def looked_up(self, kind: Lookup) -> None:
        """Count a look-up."""
        try:
            lookups = self._looked_up[kind]
        except KeyError:
            lookups = self._looked_up[kind] = self._lookups.labels(kind)
        lookups.inc()

    def cached(self, *, credentials: int, unknown: int) -> None:
        """Note how many entries are in memory."""
        self._entries.labels("credential").set(credentials)
        self._entries.labels("unknown").set(unknown)

    def followed(self, *, connected: bool, seq: int) -> None:
        """Note how far the change log was read, or that it could not be."""
        self._database.set(connected)
        if connected:
            self._seq.set(seq)
            self._followed_at.set(time.time())

    def refused_sealed_value(self) -> None:
        """Count a stored credential that did not open."""
        self._refused.inc()
