"""Counts what analytics does: ``analytics.metrics.AnalyticsMetrics`` for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from analytics.metrics import (
    BreakerState,
    DeliveryStatus,
    DropReason,
    PostOutcome,
    SkipReason,
    SpoolFault,
)

# A collector far away answers within a second or so, and is given up after five by default.
POST_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


class AnalyticsCounters:
    """Counts entries of the access log, and what became of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._received = _counter(registry, "received", "Entries of the access log.")
        self._skipped = _counter(registry, "skipped", "Entries that are no events.", "reason")
        self._dropped = _counter(registry, "dropped", "Events that are lost.", "reason")
        self._sent = _counter(registry, "sent", "Events that the collector took.")
        self._retried = _counter(registry, "retried", "Events that were sent once more.")
        self._posts = Histogram(
            "tollkeeper_collector_request_duration_seconds",
            "Time that a request to the collector took, by how it ended.",
            ("outcome",),
            buckets=POST_BUCKETS,
            registry=registry,
        )
        self._waiting = _gauge(registry, "tollkeeper_events_waiting", "Events to be delivered.")
        self._waiting_bytes = _gauge(
            registry, "tollkeeper_events_waiting_bytes", "Bytes of events to be delivered."
        )
        self._streams = _gauge(
            registry, "tollkeeper_access_log_streams", "Access log streams that are open."
        )
        self._batches = Counter(
            "tollkeeper_batches", "Batches that were made of events.", registry=registry
        )
        self._dead_letters = Counter(
            "tollkeeper_dead_letters", "Lost events that are in a file.", registry=registry
        )
        self._spool_faults = Counter(
            "tollkeeper_spool_errors",
            "What could not be done with the disk.",
            ("operation",),
            registry=registry,
        )
        self._deliveries = _DeliveryGauges(registry)
        self._show_all()

    def _show_all(self) -> None:
        """Make every series there is: of one that appears, ``rate`` misses what it begins with."""
        for fault in SpoolFault:
            self._spool_faults.labels(fault)
        for dropped in DropReason:
            self._dropped.labels(dropped)
        for skipped in SkipReason:
            self._skipped.labels(skipped)
        for outcome in PostOutcome:
            self._posts.labels(outcome)

    def received(self, entries: int) -> None:
        """Count entries that came from Envoy."""
        self._received.inc(entries)

    def skipped(self, reason: SkipReason, entries: int) -> None:
        """Count entries that are no events."""
        self._skipped.labels(reason).inc(entries)

    def dropped(self, reason: DropReason, events: int) -> None:
        """Count events that are lost."""
        self._dropped.labels(reason).inc(events)

    def sent(self, events: int) -> None:
        """Count events that the collector took."""
        self._sent.inc(events)

    def retried(self, events: int) -> None:
        """Count events of a batch that is sent once more."""
        self._retried.inc(events)

    def posted(self, outcome: PostOutcome, seconds: float) -> None:
        """Note how a request to the collector ended, and how long it took."""
        self._posts.labels(outcome).observe(seconds)

    def batched(self, events: int) -> None:
        """Count a batch that was made."""
        del events
        self._batches.inc()

    def dead_lettered(self, events: int) -> None:
        """Count lost events that are in a file."""
        self._dead_letters.inc(events)

    def spool_failed(self, fault: SpoolFault) -> None:
        """Count what could not be done with the disk."""
        self._spool_faults.labels(fault).inc()

    def delivery(self, plugin: str, status: DeliveryStatus | None) -> None:
        """Note how a delivery goes."""
        self._deliveries.set(plugin, status)

    def waiting(self, *, events: int, size: int) -> None:
        """Note what waits for delivery."""
        self._waiting.set(events)
        self._waiting_bytes.set(size)

    def streams(self, count: int) -> None:
        """Note how many streams are open."""
        self._streams.set(count)


class _DeliveryGauges:
    """A series for each delivery; one that is over shows zeros, and is in no breaker state."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._gauges = {
            name: _gauge(registry, f"tollkeeper_delivery_{name}", text, "plugin")
            for name, text in _DELIVERY_GAUGES.items()
        }
        self._breaker = _gauge(
            registry,
            "tollkeeper_delivery_breaker",
            "1 for the state that the delivery's circuit breaker is in.",
            "plugin",
            "state",
        )

    def set(self, plugin: str, status: DeliveryStatus | None) -> None:
        values = _NO_DELIVERY if status is None else status
        measured = (
            values.events,
            values.size,
            values.oldest_age,
            values.spool_size,
            values.spool_segments,
        )
        for gauge, value in zip(self._gauges.values(), measured, strict=True):
            gauge.labels(plugin).set(value)
        for state in BreakerState:
            self._breaker.labels(plugin, state).set(status is not None and state is status.breaker)


_NO_DELIVERY = DeliveryStatus(0, 0, 0, 0, 0.0, BreakerState.CLOSED)
_DELIVERY_GAUGES = {
    "waiting_events": "Events of one application id to be delivered.",
    "waiting_bytes": "Memory that they take, compressed.",
    "oldest_age_seconds": "How long the oldest of them has waited.",
    "spool_bytes": "Disk that they take.",
    "spool_segments": "Files that these are in.",
}


def _counter(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Counter:
    return Counter(f"tollkeeper_events_{name}", text, labels, registry=registry)


def _gauge(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, multiprocess_mode="livesum", registry=registry)
