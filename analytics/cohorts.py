"""Who is in the cohort of which rule, and with which values: a part of ``GET /v1/config``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Values = Mapping[str, str]  # of the variables of a rule
Memberships = Mapping[str, Values]  # by rule id

NO_VALUES: Values = {}


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The cohorts of one moment, by the id of the user or the company."""

    users: Mapping[str, Memberships] = field(default_factory=dict, repr=False)
    companies: Mapping[str, Memberships] = field(default_factory=dict, repr=False)


def read_memberships(raw: object) -> tuple[dict[str, Memberships], int]:
    """Read ``user_rules`` or ``company_rules``; return also how many entries make no sense."""
    if raw is None:
        return {}, 0
    if not isinstance(raw, dict):
        return {}, 1
    memberships: dict[str, Memberships] = {}
    bad = 0
    for entity, entries in raw.items():
        of_entity, wrong = _read_entries(entries)
        bad += wrong
        if of_entity:
            memberships[entity] = of_entity
    return memberships, bad


def _read_entries(entries: object) -> tuple[Memberships, int]:
    if not isinstance(entries, list):
        return {}, 1
    found: dict[str, Values] = {}
    bad = 0
    for entry in entries:
        rule = entry.get("rules") if isinstance(entry, dict) else None
        if not isinstance(rule, str):
            bad += 1
            continue
        found[rule] = _read_values(entry.get("values"))
    return found, bad


def _read_values(raw: object) -> Values:
    if not isinstance(raw, dict) or not raw:
        return NO_VALUES
    return {name: text for name, value in raw.items() if (text := _text(value)) is not None}


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None
