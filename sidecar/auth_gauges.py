"""How things are with authsvc now, for Prometheus: what is in memory, and how far it is behind."""

import time

from prometheus_client import CollectorRegistry, Gauge


class AuthGauges:
    """The part of ``authsvc.metrics.AuthMetrics`` that counts nothing."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._entries = Gauge(
            "tollkeeper_cache_entries",
            "Entries in memory.",
            ("kind",),
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._indexed = Gauge(
            "tollkeeper_known_keys",
            "Keys that the process with the fewest knows to exist; 0: it asks the database.",
            multiprocess_mode="livemin",
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

    def cached(self, *, credentials: int, unknown: int) -> None:
        """Note how many entries are in memory."""
        self._entries.labels("credential").set(credentials)
        self._entries.labels("unknown").set(unknown)

    def indexed(self, keys: int) -> None:
        """Note how many keys are known to exist."""
        self._indexed.set(keys)

    def followed(self, *, connected: bool, seq: int) -> None:
        """Note how far the change log was read, or that it could not be."""
        self._database.set(connected)
        if connected:
            self._seq.set(seq)
            self._followed_at.set(time.time())
