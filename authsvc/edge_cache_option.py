"""The option ``edge_cache`` of ``key-auth-enc``: whether Envoy may let a key through unasked.

A record as Kong has them, ``{"enabled": true, "ttl": 2}``, both members with these defaults; null,
``enabled: false`` and ``ttl: 0`` are alike.
"""

from collections.abc import Callable, Mapping
from typing import Any

DEFAULT_TTL = 2  # seconds
LONGEST_TTL = 60  # seconds: so long may a revoked key go on being let through


def check_edge_cache(value: object) -> object:
    """Return what is wrong with the option's value, by member where it is a record, or None."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return "expected a record"
    problems = {name: "unknown field" for name in value if name not in _CHECKS}
    for name, check in _CHECKS.items():
        problem = check(value[name]) if name in value else None
        if problem is not None:
            problems[name] = problem
    return problems or None


def read_edge_cache(value: Mapping[str, Any] | None) -> int:
    """Return for how many seconds Envoy may go by an answer; 0: it has to ask each time."""
    if value is None or not value.get("enabled", True):
        return 0
    return int(value.get("ttl", DEFAULT_TTL))


def _check_enabled(value: object) -> str | None:
    if value is None:
        return "required field missing"
    return None if isinstance(value, bool) else "expected a boolean"


def _check_ttl(value: object) -> str | None:
    if value is None:
        return "required field missing"
    if isinstance(value, bool) or not isinstance(value, int):
        return "expected an integer"
    if not 0 <= value <= LONGEST_TTL:
        return f"value should be between 0 and {LONGEST_TTL}"
    return None


_CHECKS: Mapping[str, Callable[[object], str | None]] = {
    "enabled": _check_enabled,
    "ttl": _check_ttl,
}
