"""Kinds of single values: what is accepted, and what Kong says of the rest.

A kind has two ways in: ``accept`` takes a JSON value and gives it back in the form it is stored
in; ``infer`` turns the texts of a form into the JSON that was meant, and never refuses: what it
cannot read is left for ``accept`` to judge.  JSON itself is never inferred: ``"5"`` is no number.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sidecar.admin.lua_text import lua_text
from sidecar.admin.numerals import parse_number
from sidecar.admin.problems import Why

_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
# Neither infinite, nor an int that no double can hold: Kong knows only doubles.
_TOO_LARGE = 2**1023
LATEST = 253_402_300_799  # the last second of the year 9999
TextCheck = Callable[[str], str | None]
"""Returns what is wrong with a text, or None."""


class InvalidValueError(Exception):
    """A value is not acceptable.

    Attributes:
        why: The reason, or the reasons of its members.
    """

    def __init__(self, why: Why) -> None:
        super().__init__("a value is not acceptable")
        self.why = why


class Kind(Protocol):
    """What a field may hold; never None, which the field itself decides on."""

    def accept(self, value: object) -> Any:
        """Return the value in its stored form.

        Raises:
            InvalidValueError: It is not acceptable.
        """

    def infer(self, value: object) -> object:
        """Return what a form's text, or texts, mean as JSON; the empty text is None."""


def is_uuid(text: str) -> bool:
    """Tell whether a text is an id by its looks: any case, any version."""
    return _UUID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text of at least ``min_length`` and at most ``max_length`` bytes, of ``one_of`` if given.

    ``max_length`` keeps what is indexed within what a database indexes, and what becomes a
    header within what a proxy takes.
    """

    min_length: int = 1
    max_length: int | None = None
    one_of: tuple[str, ...] = ()
    checks: tuple[TextCheck, ...] = ()

    def accept(self, value: object) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise InvalidValueError("expected a string")
        if self.one_of and value not in self.one_of:
            raise InvalidValueError(f"expected one of: {', '.join(self.one_of)}")
        length = len(value.encode())
        if length < self.min_length:
            raise InvalidValueError(f"length must be at least {self.min_length}")
        if self.max_length is not None and length > self.max_length:
            raise InvalidValueError(f"length must be at most {self.max_length}")
        for check in self.checks:
            if problem := check(value):
                raise InvalidValueError(problem)
        return value

    def infer(self, value: object) -> object:
        """Return the text as it is."""
        return _blank_as_null(value)


@dataclass(frozen=True, slots=True)
class Uuid:
    """An id, kept in lower case."""

    def accept(self, value: object) -> str:
        """Return the id in lower case."""
        if not isinstance(value, str):
            raise InvalidValueError("expected a string")
        if not is_uuid(value):
            raise InvalidValueError("expected a valid UUID")
        return value.lower()

    def infer(self, value: object) -> object:
        """Return the text as it is."""
        return _blank_as_null(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer:
    """A whole number, in ``between`` (both ends included) if given; ``5.0`` is whole."""

    between: tuple[int, int] | None = None
    one_of: tuple[int, ...] = ()

    def accept(self, value: object) -> int:
        """Return the number as an int."""
        number = _number(value)
        if number is None or not float(number).is_integer():
            raise InvalidValueError("expected an integer")
        if self.one_of and number not in self.one_of:
            raise InvalidValueError(f"expected one of: {', '.join(map(str, self.one_of))}")
        if self.between and not self.between[0] <= number <= self.between[1]:
            raise InvalidValueError("value should be between {} and {}".format(*self.between))
        return int(number)

    def infer(self, value: object) -> object:
        """Return the number that the text is, or the text."""
        return _as_number(value)


@dataclass(frozen=True, slots=True)
class Number:
    """Any finite number; a whole one is kept as an int."""

    def accept(self, value: object) -> int | float:
        """Return the number."""
        number = _number(value)
        if number is None:
            raise InvalidValueError("expected a number")
        return int(number) if float(number).is_integer() else number

    def infer(self, value: object) -> object:
        """Return the number that the text is, or the text."""
        return _as_number(value)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A moment in whole epoch seconds, after 1970 began and before the year 10000."""

    def accept(self, value: object) -> int:
        """Return the seconds."""
        seconds = Integer().accept(value)
        if not 0 < seconds <= LATEST:
            raise InvalidValueError("expected a valid timestamp")
        return seconds

    def infer(self, value: object) -> object:
        """Return the number that the text is, or the text."""
        return _as_number(value)


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""

    def accept(self, value: object) -> bool:
        """Return the truth value."""
        if not isinstance(value, bool):
            raise InvalidValueError("expected a boolean")
        return value

    def infer(self, value: object) -> object:
        """Return the truth value for ``true`` and ``false`` alone."""
        if not isinstance(value, str):
            return value
        return {"true": True, "false": False, "": None}.get(value, value)


@dataclass(frozen=True, slots=True)
class Fixed:
    """A field of Kong that does nothing here: it has one value, which may be sent, and no other.

    So a file that Kong wrote can be sent as it is, and whoever relies on more hears of it.
    """

    value: Any

    def accept(self, value: object) -> Any:
        """Return the one value."""
        if type(value) is not type(self.value) or value != self.value:
            raise InvalidValueError(f"value must be {_bare(self.value)}")
        return self.value

    def infer(self, value: object) -> object:
        """Return what the text means for the kind of the one value."""
        if isinstance(self.value, bool):
            return Boolean().infer(value)
        if isinstance(self.value, int):
            return _as_number(value)
        return _blank_as_null(value)


def _bare(value: object) -> str:
    return value if isinstance(value, str) else lua_text(value)


def _blank_as_null(value: object) -> object:
    return None if value == "" else value


def _number(value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < _TOO_LARGE else None


def _as_number(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value == "":
        return None
    number = parse_number(value)
    return value if number is None else number
