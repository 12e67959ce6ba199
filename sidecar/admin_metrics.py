"""Counts what the Admin API does."""

from prometheus_client import CollectorRegistry, Counter


class AdminCounters:
    """Counts requests to the Admin API: by method, by the template of the path, by status."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "tollkeeper_admin_requests",
            "Requests to the Admin API.",
            ("method", "route", "status"),
            registry=registry,
        )

    def requested(self, *, method: str, route: str, status: int) -> None:
        """Count a request; every label is from a small fixed set."""
        self._requests.labels(method, route, str(status)).inc()
