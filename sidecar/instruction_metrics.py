"""Counts what Moesif wants: ``analytics.instruction_metrics`` for Prometheus."""

from prometheus_client import CollectorRegistry, Counter

from analytics.collector import DocumentKind
from analytics.instruction_metrics import FetchOutcome, RulingOutcome


class InstructionCounters:
    """Counts questions to the collector, what is ignored of its answers, and judged requests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._fetches = Counter(
            "tollkeeper_moesif_fetches",
            "Questions to the collector for its configuration and its rules, by outcome.",
            ("document", "outcome"),
            registry=registry,
        )
        self._ignored = Counter(
            "tollkeeper_moesif_parts_ignored",
            "Rules, rates and other parts of documents that are not used: they make no sense.",
            ("document",),
            registry=registry,
        )
        self._rulings = Counter(
            "tollkeeper_governance_rulings",
            "Requests of which governance rules said something.",
            ("outcome",),
            registry=registry,
        )
        # Present from the start: an alert on a series that is not there yet would not fire.
        for kind in DocumentKind:
            self._ignored.labels(kind)
            for outcome in FetchOutcome:
                self._fetches.labels(kind, outcome)
        # One request each: what is looked up once costs nothing on the way.
        self._by_outcome = {ruling: self._rulings.labels(ruling) for ruling in RulingOutcome}

    def fetched(self, kind: DocumentKind, outcome: FetchOutcome) -> None:
        """Count a question to the collector."""
        self._fetches.labels(kind, outcome).inc()

    def ignored(self, kind: DocumentKind, parts: int) -> None:
        """Count parts of a document that are not used."""
        self._ignored.labels(kind).inc(parts)

    def ruled(self, outcome: RulingOutcome) -> None:
        """Count a request of which rules said something."""
        self._by_outcome[outcome].inc()
