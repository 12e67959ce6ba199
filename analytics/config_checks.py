"""Checks of single values of a configuration.

Each returns what is wrong, in Kong's words, or None.  Null is not among the values: it stands for
the default.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit

import orjson

from analytics.application_id import ApplicationId
from analytics.certificate import certificate_field
from analytics.errors import PatternError
from analytics.id_source import parse_id_sources
from analytics.patterns import Pattern
from analytics.skip_rules import SkipRule

Check = Callable[[Any], object]

MAX_METADATA = 8192  # bytes, as JSON: they are in every event
MAX_SKIP_RULES = 100
_SKIP_MEMBERS = frozenset(each.name for each in fields(SkipRule))
_TOKEN_CHARACTERS = frozenset(
    "!#$%&'*+-.^_`|~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)  # of a header's name: RFC 9110, section 5.1
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


def real_header_name(value: object) -> str | None:
    """Check for what can be the name of a header at all: Kong takes any text."""
    wrong = filled_text(value)
    if wrong is None and not _TOKEN_CHARACTERS.issuperset(str(value)):
        return f"bad header name '{value}'"
    return wrong


def header_list(value: str) -> str | None:
    """Check for names of headers, separated by commas, with spaces around them."""
    wrong = (real_header_name(name.strip()) for name in value.split(","))
    return next((each for each in wrong if each), None)


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


def whole_number(*, least: int, most: int) -> Check:
    """Return a check for a number; Kong has no range, but zero events, or no time, is no choice."""

    def check(value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "expected a number"
        if isinstance(value, float) and not value.is_integer():
            return "expected an integer"
        if least == 1 and value < least:
            return "value must be greater than 0"
        if not least <= value <= most:
            return f"value should be between {least} and {most}"
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


def empty_or(check_filled: Check) -> Check:
    """Return a check for a text that is empty or passes another check."""

    def check(value: object) -> object:
        return text(value) or (check_filled(value) if value else None)

    return check


def one_of(values: Collection[str]) -> Check:
    """Return a check for one of these texts."""

    def check(value: object) -> object:
        return text(value) or (None if value in values else f"expected one of: {', '.join(values)}")

    return check


def id_sources(value: str) -> str | None:
    """Check for the list of sources that ``parse_id_sources`` reads."""
    return _why_unreadable(parse_id_sources, value)


def certificate(value: str) -> str | None:
    """Check for the name of a field of a certificate."""
    return _why_unreadable(certificate_field, value)


def metadata(value: object) -> str | None:
    """Check for an object that can be in every event."""
    if not isinstance(value, Mapping):
        return "expected a map"
    try:
        size = len(orjson.dumps(dict(value)))
    except TypeError:
        return "expected a map"
    if not _is_finite(value):  # JSON has no others; orjson would write null
        return "expected finite numbers"
    return None if size <= MAX_METADATA else f"length must be at most {MAX_METADATA}"


def skip_rules(value: object) -> object:
    """Check for a list of rules by which requests become no events."""
    if isinstance(value, list | tuple) and len(value) > MAX_SKIP_RULES:
        return f"length must be at most {MAX_SKIP_RULES}"
    return array_of(_skip_rule)(value)


def _skip_rule(value: object) -> object:
    if not isinstance(value, Mapping):
        return "expected a record"
    given = {name: text for name, text in value.items() if text is not None}
    wrong = {
        name: _expression(text) if name in _SKIP_MEMBERS else "unknown field"
        for name, text in given.items()
    }
    if not given:
        return f"at least one of these fields must be non-empty: {', '.join(sorted(_SKIP_MEMBERS))}"
    return {name: why for name, why in wrong.items() if why} or None


def _is_finite(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _expression(value: object) -> str | None:
    wrong = filled_text(value)
    if wrong is None:
        try:
            Pattern(str(value))
        except PatternError:
            return "not a regular expression that RE2 can search for"
    return wrong


def _why_unreadable(parse: Callable[[str], object], value: str) -> str | None:
    try:
        parse(value)
    except ValueError as error:
        return str(error)
    return None
