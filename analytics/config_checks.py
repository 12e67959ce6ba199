"""Checks of single values of a configuration.

Each returns what is wrong, in Kong's words, or None.  Null is not among the values: it stands for
the default.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from analytics.application_id import ApplicationId

Check = Callable[[Any], object]

_MAX_NUMBER = 2**31 - 2  # Kong's limit for times
_HEADER_NAME_CHARACTERS = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
)


def boolean(value: object) -> str | None:
    """Check for true or false."""
    return None if isinstance(value, bool) else "expected a boolean"


def text(value: object) -> str | None:
    """Check for text, which may be empty."""
    return None if isinstance(value, str) else "expected a string"


def filled_text(value: object) -> str | None:
    """Check for text that is not empty."""
    return text(value) or (None if value else "length must be at least 1")


def header_name(value: object) -> str | None:
    """Check for what Kong takes as the name of a header."""
    wrong = filled_text(value)
    if wrong is None and not _HEADER_NAME_CHARACTERS.issuperset(str(value)):
        return f"bad header name '{value}', allowed characters are A-Z, a-z, 0-9, '_', and '-'"
    return wrong


def application_id(value: object) -> str | None:
    """Check for what can be an application id; what is wrong does not show it."""
    if not isinstance(value, str):
        return "expected a string"
    try:
        ApplicationId(value)
    except ValueError as error:
        return str(error)
    return None


def endpoint(value: object) -> str | None:
    """Check for an http or https URL to which a path can be appended."""
    if not isinstance(value, str):
        return "expected a string"
    try:
        url = urlsplit(value)
        invalid = url.port == 0 or not value.isprintable() or " " in value
    except ValueError:
        return "invalid url"
    problems = {
        "expected an http or https url": url.scheme not in {"http", "https"},
        "missing host in url": not url.hostname,
        "invalid url": invalid,
        "expected a url without user, query and fragment": "@" in url.netloc
        or bool(url.query or url.fragment),
    }
    return next((problem for problem, found in problems.items() if found), None)


def whole_number(*, least: int) -> Check:
    """Return a check for a number; Kong has no range, but zero events, or no time, is no choice."""

    def check(value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "expected a number"
        if isinstance(value, float) and not value.is_integer():
            return "expected an integer"
        if least == 1 and value < least:
            return "value must be greater than 0"
        if not least <= value <= _MAX_NUMBER:
            return f"value should be between {least} and {_MAX_NUMBER}"
        return None

    return check


def array_of(check_element: Check) -> Check:
    """Return a check for an array; what is wrong is a list, None for each element that is fine."""

    def check(value: object) -> object:
        if not isinstance(value, list | tuple):
            return "expected an array"
        wrong = [check_element(element) for element in value]
        return wrong if any(wrong) else None

    return check
