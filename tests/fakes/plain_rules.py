"""What rules say of a request, worked out rule by rule: the oracle of ``analytics.governance``.

It reads Moesif's documents as they come, takes no short cut and remembers nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from analytics.patterns import Pattern
from authsvc.request import Request

Raw = Mapping[str, Any]


def in_force(
    rules: Sequence[Raw],
    config: Raw | None,
    request: Request,
    *,
    user: str | None,
    company: str | None,
) -> list[str]:
    """Return the names of the rules that apply to a request, in the order in which they count."""
    found = []
    for kind, entity in (("user", user), ("company", company), ("regex", None)):
        for rule in rules:
            if rule["type"] != kind or not _holds(rule.get("regex_config") or [], request):
                continue
            if kind == "regex" or (config is not None and _is_meant(rule, entity, config)):
                found.append(rule["name"])
    return found


def _is_meant(rule: Raw, entity: str | None, config: Raw) -> bool:
    if entity is None:
        return bool(rule.get("applied_to_unidentified"))
    entries = config[f"{rule['type']}_rules"].get(entity, [])
    is_in = any(entry["rules"] == rule["_id"] for entry in entries)
    return is_in != (rule.get("applied_to") == "not_matching")


def _holds(groups: Sequence[Raw], request: Request) -> bool:
    return not groups or any(
        all(_matches(condition, request) for condition in group["conditions"]) for group in groups
    )


def _matches(condition: Raw, request: Request) -> bool:
    text = _text(condition["path"], request)
    return text is not None and Pattern(condition["value"]).is_in(text.encode())


def _text(path: str, request: Request) -> str | None:
    if path.startswith("request.headers."):
        name = path.removeprefix("request.headers.")
        values = [value.decode() for given, value in request.headers if given == name]
        return ",".join(values) if values else None
    return {
        "request.verb": request.method,
        "request.route": request.path.partition("?")[0],
        "request.uri": f"http://{request.authority}{request.path}",
        "request.ip": request.client_address,
    }[path]
