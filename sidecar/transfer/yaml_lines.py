"""Entities as YAML that any reader of YAML 1.1 or 1.2 takes for the same values, line by line.

One field a line, values as JSON: PyYAML's own writer takes a hundred times as long, and holds the
whole document.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

# What YAML does not take as it is, even in quotes: all but printable characters.
_UNPRINTABLE = re.compile(
    "[^\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)
_TOO_LARGE = 2**63  # for an integer of JSON's readers
_LONGEST_NAME = 500  # characters; a longer one has to be marked as a name


def entity_lines(entity: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of one entity as a member of a list; its names are plain words."""
    start = "- "
    for name, value in entity.items():
        yield f"{start}{name}: {flow(value)}\n"
        start = "  "


def flow(value: Any) -> str:
    """Return a value on one line."""
    match value:
        case str():
            return _UNPRINTABLE.sub(_escaped, json.dumps(value, ensure_ascii=False))
        case Mapping():
            members = (f"{_name(name)}: {flow(member)}" for name, member in value.items())
            return f"{{{', '.join(members)}}}"
        case list() | tuple():
            return f"[{', '.join(map(flow, value))}]"
        case float():
            return _float(value)
        case int() if abs(value) >= _TOO_LARGE:
            return _float(float(value))  # as it was: Postgres writes 1e30 out
        case _:
            return json.dumps(value)


def _name(name: str) -> str:
    return flow(name) if len(name) <= _LONGEST_NAME else f"? {flow(name)} "


def _float(value: float) -> str:
    mantissa, exponent, rest = repr(value).partition("e")
    if not exponent:
        return mantissa
    # For YAML 1.1 a number with an exponent has a point, and a sign in front of it.
    point = "" if "." in mantissa else ".0"
    sign = "" if rest.startswith(("+", "-")) else "+"
    return f"{mantissa}{point}e{sign}{rest}"


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
