"""Counts what analytics does: ``analytics.metrics.AnalyticsMetrics`` for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from analytics.metrics import DropReason, PostOutcome, SkipReason

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
        # Present from the start: an alert on a series that is not there yet would not fire.
        for reason in DropReason:
            self._dropped.labels(reason)

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

    def waiting(self, *, events: int, size: int) -> None:
        """Note what waits for delivery."""
        self._waiting.set(events)
        self._waiting_bytes.set(size)

    def streams(self, count: int) -> None:
        """Note how many streams are open."""
        self._streams.set(count)


def _counter(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Counter:
    return Counter(f"tollkeeper_events_{name}", text, labels, registry=registry)


def _gauge(registry: CollectorRegistry, name: str, text: str) -> Gauge:
    return Gauge(name, text, multiprocess_mode="livesum", registry=registry)
