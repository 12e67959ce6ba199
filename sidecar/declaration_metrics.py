"""Counts what becomes of declarations, where there is no database."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class DeclarationCounters:
    """A ``LoadMetrics`` of one process: the supervisor, or one that runs one role."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._loads = Counter(
            "tollkeeper_declaration_loads",
            "Declarations that came into force, or were refused.",
            ("result",),
            registry=registry,
        )
        self._at = Gauge(
            "tollkeeper_declaration_loaded_timestamp_seconds",
            "When the declaration came into force that is in force.",
            registry=registry,
        )
        self._is_stale = Gauge(
            "tollkeeper_declaration_file_refused",
            "1 if the declarative file as it was last read is not valid.",
            registry=registry,
        )
        for result in ("loaded", "refused"):
            self._loads.labels(result)

    def loaded(self, *, at: float) -> None:
        """Note that a declaration came into force."""
        self._loads.labels("loaded").inc()
        self._at.set(at)
        self._is_stale.set(0)

    def unchanged(self) -> None:
        """Note that the file is as what is in force."""
        self._is_stale.set(0)

    def refused(self) -> None:
        """Note that the file was read and not taken."""
        self._loads.labels("refused").inc()
        self._is_stale.set(1)
