"""Counts users and companies: ``analytics.profiles.ProfileMetrics`` for Prometheus."""

from prometheus_client import CollectorRegistry, Counter

from analytics.profiles import ProfileKind, ProfileOutcome


class ProfileCounters:
    """Counts profiles by what became of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._told = Counter(
            "tollkeeper_profiles",
            "Users and companies that the collector was told of, by what became of them.",
            ("kind", "outcome"),
            registry=registry,
        )
        # Present from the start: of a series that appears, ``rate`` misses what it begins with.
        for kind in ProfileKind:
            for outcome in ProfileOutcome:
                self._told.labels(kind, outcome)

    def told(self, kind: ProfileKind, outcome: ProfileOutcome, profiles: int) -> None:
        """Count profiles that were taken, are sent again, or are lost."""
        self._told.labels(kind, outcome).inc(profiles)
