"""Texts of a rule's answer with places to fill in: ``{{0}}``, ``{{plan}}``, ``{{plan|free}}``.

Only the variables that a rule declares are replaced.  A value is text, never a pattern, and what
has none becomes the tag's default, or ``UNKNOWN``.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

UNKNOWN = "UNKNOWN"
_TAG = re.compile(r"\{\{([^{}|]*)(?:\|([^{}]*))?\}\}")  # each character is looked at once


def has_tags(value: Any, variables: Collection[str]) -> bool:
    """Tell whether a JSON value has a text with a tag for one of these variables."""
    if isinstance(value, str):
        return any(tag.group(1).strip() in variables for tag in _TAG.finditer(value))
    if isinstance(value, list):
        return any(has_tags(each, variables) for each in value)
    if isinstance(value, dict):
        return any(has_tags(each, variables) for each in value.values())
    return False


def filled(value: Any, variables: Collection[str], values: Mapping[str, str]) -> Any:
    """Return a JSON value with the tags of these variables replaced in every text."""
    if isinstance(value, str):
        return filled_text(value, variables, values)
    if isinstance(value, list):
        return [filled(each, variables, values) for each in value]
    if isinstance(value, dict):
        return {name: filled(each, variables, values) for name, each in value.items()}
    return value


def filled_text(text: str, variables: Collection[str], values: Mapping[str, str]) -> str:
    """Return a text with the tags of these variables replaced."""

    def fill(tag: re.Match[str]) -> str:
        name = tag.group(1).strip()
        if name not in variables:
            return tag.group()
        return values.get(name) or tag.group(2) or UNKNOWN

    return _TAG.sub(fill, text)
