"""Counts what Moesif wants: ``analytics.instruction_metrics`` for Prometheus."""

import math
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from analytics.collector import DocumentKind
from analytics.instruction_metrics import (
    DocumentStatus,
    FetchOutcome,
    FollowStatus,
    Origin,
    RulingOutcome,
)
from analytics.rules import RuleKind
from analytics.sampling import ALL

_NOBODY = DocumentStatus(good_at=math.inf)  # what does not count beside what others follow


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
        self._follows = _FollowGauges(registry)
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

    def following(self, plugin: str, status: FollowStatus | None) -> None:
        """Note what a plugin goes by, and how old that is."""
        self._follows.set(plugin, status)


class _FollowGauges:
    """Series for each plugin whose instructions are followed.

    Of several processes the page shows the one that is worst off.  Series cannot be taken back:
    those of a plugin that is not followed any more are what makes no difference to others.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._origin = Gauge(
            "tollkeeper_moesif_document_origin",
            "Processes by where the document is from that is in force there.",
            ("plugin", "document", "origin"),
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._good_at = Gauge(
            "tollkeeper_moesif_document_good_timestamp_seconds",
            "When the collector last told or confirmed the document that is in force.",
            ("plugin", "document"),
            multiprocess_mode="livemin",
            registry=registry,
        )
        self._failed_at = Gauge(
            "tollkeeper_moesif_fetch_failed_timestamp_seconds",
            "When the collector was last asked for the document in vain, by outcome.",
            ("plugin", "document", "outcome"),
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._rules = Gauge(
            "tollkeeper_governance_rules",
            "Rules in force, in the process that has the fewest.",
            ("plugin", "kind"),
            multiprocess_mode="livemin",
            registry=registry,
        )
        self._rate = Gauge(
            "tollkeeper_sampling_rate_percent",
            "Rate of events that no rate of their own is for, in percent.",
            ("plugin",),
            multiprocess_mode="livemin",
            registry=registry,
        )
        self._told: dict[str, FollowStatus] = {}

    def set(self, plugin: str, status: FollowStatus | None) -> None:
        if status is None:
            status = _over(self._told.pop(plugin, FollowStatus()))
        else:
            self._told[plugin] = status
        for kind, document in status.documents.items():
            self._set_document(plugin, kind, document)
        for about, rules in (status.rules or {}).items():
            self._rules.labels(plugin, about).set(rules)
        if status.sample_rate is not None:
            self._rate.labels(plugin).set(status.sample_rate)

    def _set_document(self, plugin: str, kind: DocumentKind, document: DocumentStatus) -> None:
        for origin in Origin:
            is_it = document is not _NOBODY and origin is document.origin
            self._origin.labels(plugin, kind, origin).set(is_it)
        self._good_at.labels(plugin, kind).set(document.good_at)
        if document.failure is not None:
            self._failed_at.labels(plugin, kind, document.failure).set(document.failed_at)


def _over(last: FollowStatus) -> FollowStatus:
    """Return what a plugin shows that went by this and is not followed any more."""
    rules: Mapping[RuleKind, int] | None = None
    if last.rules is not None:
        rules = dict.fromkeys(last.rules, 0)
    return FollowStatus(
        documents=dict.fromkeys(last.documents, _NOBODY),
        rules=rules,
        sample_rate=None if last.sample_rate is None else ALL,
    )
