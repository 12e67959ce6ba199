"""Counts the connections of the fast lane: its ``ConnectionMetrics`` for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from authsvc.extauthz.fastlane.endings import Ending


class ConnectionCounters:
    """Counts connections that are open, and those that we ended."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._open = Gauge(
            "tollkeeper_grpc_connections",
            "Connections of Envoys that are open.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._ended = Counter(
            "tollkeeper_grpc_connections_ended",
            "Connections that were ended by us, by reason.",
            ("reason",),
            registry=registry,
        )
        # Present from the start: an alert on a series that is not there yet would not fire.
        for ending in Ending:
            self._ended.labels(ending)

    def connected(self, connections: int) -> None:
        """Note how many connections are open."""
        self._open.set(connections)

    def ended(self, ending: Ending) -> None:
        """Count a connection that we ended."""
        self._ended.labels(ending).inc()
