"""What Moesif's instructions are that are gone by, and how old they are: from the metrics page."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

_ORIGIN = "tollkeeper_moesif_document_origin"
_GOOD_AT = "tollkeeper_moesif_document_good_timestamp_seconds"
_FAILED_AT = "tollkeeper_moesif_fetch_failed_timestamp_seconds"
_RULES = "tollkeeper_governance_rules"
_RATE = "tollkeeper_sampling_rate_percent"
_WORST_FIRST = ("none", "disk", "collector")

_Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Gauges:
    """The series that matter, by plugin and document; of some by plugin alone."""

    origins: dict[_Labels, set[str]] = field(default_factory=lambda: defaultdict(set))
    good_at: dict[_Labels, float] = field(default_factory=dict)
    failed_at: dict[_Labels, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    rules: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    rates: dict[str, float] = field(default_factory=dict)


def read_instructions(page: str, *, now: float) -> list[dict[str, Any]]:
    """Return one row for each document that some process follows for a plugin.

    Of several processes it shows the one that is worst off.  Ages are in seconds, None where it
    never was; ``rules`` and ``sample_rate`` (percent) are what is in force of that document.

    Args:
        page: The metrics page.
        now: The Unix time by which ages are reckoned.
    """
    families = text_string_to_metric_families(page)
    gauges = _gather(sample for family in families for sample in family.samples)
    return [_row(gauges, each, now) for each in sorted(gauges.origins)]


def _gather(samples: Iterable[Sample]) -> _Gauges:
    gauges = _Gauges()
    for sample in samples:
        labels, value = sample.labels, sample.value
        if sample.name == _ORIGIN and value:
            gauges.origins[_document(labels)].add(labels["origin"])
        elif sample.name == _GOOD_AT:
            gauges.good_at[_document(labels)] = value
        elif sample.name == _FAILED_AT:
            gauges.failed_at[_document(labels)][labels["outcome"]] = value
        elif sample.name == _RULES:
            gauges.rules[labels["plugin"]][labels["kind"]] = round(value)
        elif sample.name == _RATE:
            gauges.rates[labels["plugin"]] = value
    return gauges


def _row(gauges: _Gauges, document: _Labels, now: float) -> dict[str, Any]:
    plugin, kind = document
    origins = gauges.origins[document]
    failures = gauges.failed_at.get(document, {})
    failure = max(failures, key=lambda outcome: failures[outcome], default=None)
    return {
        "plugin": plugin,
        "document": kind,
        "origin": next(origin for origin in _WORST_FIRST if origin in origins),
        "good_age_seconds": _age(gauges.good_at.get(document), now),
        "last_failure": failure,
        "last_failure_age_seconds": _age(failures[failure], now) if failure else None,
        "rules": gauges.rules.get(plugin) if kind == "rules" else None,
        "sample_rate": gauges.rates.get(plugin) if kind == "config" else None,
    }


def _document(labels: Mapping[str, str]) -> _Labels:
    return labels["plugin"], labels["document"]


def _age(at: float | None, now: float) -> float | None:
    return round(max(0.0, now - at), 1) if at else None
