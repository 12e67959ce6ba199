"""Counts what the Admin API does."""

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

from sidecar.expiry_upkeep import Expiring


class AdminCounters:
    """Counts requests by method, template of the path and status, and what goes by itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "tollkeeper_admin_requests",
            "Requests to the Admin API.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._rows = Gauge(
            "tollkeeper_keyring_rotation_rows",
            "Rows of the keyring's rotation that are left to do, or that do not open.",
            ("state",),
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._encryptions = Gauge(
            "tollkeeper_keyring_encryptions",
            "How often the active data key has sealed, at most.",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._purged = Counter(
            "tollkeeper_expired_rows_purged",
            "Rows that were removed because they had expired a day ago or earlier.",
            ("entity",),
            registry=registry,
        )
        # Present from the start: of a series that appears, ``rate`` misses what it begins with.
        for entity in get_args(Expiring):
            self._purged.labels(entity)

    def requested(self, *, method: str, route: str, status: int) -> None:
        """Count a request; every label is from a small fixed set."""
        self._requests.labels(method, route, str(status)).inc()

    def rotated(self, *, remaining: int, failed: int) -> None:
        """Note how far a rotation is."""
        self._rows.labels("remaining").set(remaining)
        self._rows.labels("failed").set(failed)

    def counted(self, *, encryptions: int) -> None:
        """Note how often the active data key has sealed."""
        self._encryptions.set(encryptions)

    def purged(self, *, entity: Expiring, rows: int) -> None:
        """Count rows that were removed."""
        self._purged.labels(entity).inc(rows)
