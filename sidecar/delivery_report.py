"""How delivery goes, read from the metrics page."""

from collections.abc import Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

_DELIVERY = "tollkeeper_delivery_"
_BREAKER = "tollkeeper_delivery_breaker"
_TOTALS = {
    "tollkeeper_events_received_total": "received",
    "tollkeeper_events_sent_total": "sent",
    "tollkeeper_events_retried_total": "retried",
    "tollkeeper_batches_total": "batches",
    "tollkeeper_dead_letters_total": "dead_letters",
}
_BY_REASON = {
    "tollkeeper_events_skipped_total": ("skipped", "reason"),
    "tollkeeper_events_dropped_total": ("dropped", "reason"),
    "tollkeeper_spool_errors_total": ("spool_errors", "operation"),
    "tollkeeper_governance_rulings_total": ("rulings", "outcome"),
    "tollkeeper_moesif_parts_ignored_total": ("parts_ignored", "document"),
}


def read_report(page: str) -> dict[str, Any]:
    """Return ``deliveries``, one for each plugin, and ``totals`` since the start.

    Numbers that count things are whole ones; ages are in seconds, sizes in bytes.
    """
    deliveries: dict[str, dict[str, Any]] = {}
    totals: dict[str, Any] = dict.fromkeys(_TOTALS.values(), 0)
    totals |= {name: {} for name, _ in _BY_REASON.values()}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name.startswith(_DELIVERY):
                _note(deliveries, sample.name, sample.labels, sample.value)
            elif sample.name in _TOTALS:
                totals[_TOTALS[sample.name]] += round(sample.value)
            elif sample.name in _BY_REASON and sample.value:
                name, label = _BY_REASON[sample.name]
                totals[name][sample.labels[label]] = round(sample.value)
    # A delivery that is over is in no state.
    live = [each for each in deliveries.values() if "breaker" in each]
    return {"deliveries": live, "totals": totals}


def _note(
    deliveries: dict[str, dict[str, Any]], name: str, labels: Mapping[str, str], value: float
) -> None:
    delivery = deliveries.setdefault(labels["plugin"], {"plugin": labels["plugin"]})
    if name == _BREAKER:
        if value:
            delivery["breaker"] = labels["state"]
    else:
        short = name.removeprefix(_DELIVERY)
        delivery[short] = round(value, 1) if short.endswith("_seconds") else round(value)
