"""Counts what the Admin API does."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class AdminCounters:
    """Counts requests to the Admin API. Labels are methods and status codes, never paths."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "tollkeeper_admin_requests",
            "Requests to the Admin API.",
            ("method", "status"),
            registry=registry,
        )
        self._durations = Histogram(
            "tollkeeper_admin_request_duration_seconds",
            "Time to answer a request to the Admin API.",
            registry=registry,
        )

    def requested(self, *, method: str, status: int, seconds: float) -> None:
        """Count a request; a method outside HTTP's own is counted as ``other``."""
        label = method if method in _METHODS else "other"
        self._requests.labels(label, str(status)).inc()
        self._durations.observe(seconds)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
