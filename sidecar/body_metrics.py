"""Counts bodies: ``analytics.bodies.metrics.BodyMetrics`` for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from analytics.bodies.metrics import BodyOutcome


class BodyCounters:
    """Counts what became of bodies of requests and responses."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._bodies = Counter(
            "tollkeeper_bodies",
            "Bodies of requests and responses, by what became of them.",
            ("outcome",),
            registry=registry,
        )
        self._waited = Counter(
            "tollkeeper_bodies_awaited_in_vain",
            "Entries of the access log that waited for their bodies, and went without.",
            registry=registry,
        )
        self._held = _gauge(registry, "tollkeeper_bodies_held_bytes", "Bytes of bodies held now.")
        self._streams = _gauge(
            registry, "tollkeeper_body_streams", "Streams of bodies that are open."
        )
        # Present from the start: an alert on a series that is not there yet would not fire.
        for outcome in BodyOutcome:
            self._bodies.labels(outcome)

    def bodies(self, outcome: BodyOutcome, count: int) -> None:
        """Count bodies that ended so."""
        self._bodies.labels(outcome).inc(count)

    def awaited_in_vain(self) -> None:
        """Count an entry that went without its bodies."""
        self._waited.inc()

    def held(self, *, size: int, streams: int) -> None:
        """Note how much is held, and of how many streams."""
        self._held.set(size)
        self._streams.set(streams)


def _gauge(registry: CollectorRegistry, name: str, text: str) -> Gauge:
    return Gauge(name, text, multiprocess_mode="livesum", registry=registry)
