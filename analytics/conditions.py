"""Conditions on a call, as sampling and governance rules of Moesif state them.

A ``regex_config`` is a list of groups: it holds if any group does, a group if all of its
conditions do, and a condition if its expression is found in the text of its field.  A field that
a call does not have never matches.  An absent or empty list holds for every call.

The fields are those that any of Moesif's libraries knows: ``request.verb``, ``request.route``
(the path without the query), ``request.uri``, ``request.ip_address`` or ``request.ip``,
``request.headers.<name>``, ``request.body.<member>`` and ``response.status``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from analytics.errors import DocumentError, PatternError
from analytics.patterns import AnyPattern, Pattern

MAX_CONDITIONS = 200  # of one rule
MAX_PATTERNS = 500  # different ones of all rules: each takes memory
_HEADERS = "request.headers."
_BODY = "request.body."


class Subject(Protocol):
    """A call, as far as conditions ask about it; None stands for what it does not have."""

    @property
    def verb(self) -> str | None:
        """The method."""

    @property
    def route(self) -> str | None:
        """The path, without the query."""

    @property
    def uri(self) -> str | None:
        """The whole of it: scheme, host, path and query."""

    @property
    def address(self) -> str | None:
        """The client's address."""

    @property
    def status(self) -> int | None:
        """The status of the answer, once there is one."""

    def header(self, name: str) -> str | None:
        """A header of the request, by its name in lower case; repeated ones joined by commas."""

    def body_member(self, name: str) -> str | None:
        """A member of the request's body as text."""


Read = Callable[[Subject], str | None]

_READERS: Mapping[str, Read] = {
    "request.verb": lambda call: call.verb,
    "request.route": lambda call: call.route,
    "request.uri": lambda call: call.uri,
    "request.ip_address": lambda call: call.address,
    "request.ip": lambda call: call.address,
    "response.status": lambda call: None if call.status is None else str(call.status),
}


class Field:
    """One field, and all expressions that are looked for in it."""

    __slots__ = ("_any", "_patterns", "_read")

    def __init__(self, read: Read) -> None:
        self._read = read
        self._patterns: dict[str, Pattern] = {}
        self._any: AnyPattern | None = None

    def __len__(self) -> int:
        return len(self._patterns)

    def pattern(self, text: str) -> Pattern:
        """Return an expression; one that was asked for before is not compiled again.

        Raises:
            PatternError: It cannot be used.
        """
        if text not in self._patterns:
            self._patterns[text] = Pattern(text)
        return self._patterns[text]

    def join(self) -> None:
        """Prepare for being asked: from now on most calls cost one search, however many rules."""
        self._any = None
        if len(self._patterns) > 1:
            try:
                self._any = AnyPattern(self._patterns.values())
            except PatternError:  # too many for one: each is asked by itself
                return

    def text_in(self, call: Subject) -> bytes | None:
        """Return the field's text, or None if no expression can be in it."""
        text = self._read(call)
        if text is None:
            return None
        encoded = text.encode("utf-8", "replace")
        return encoded if self._any is None or self._any.is_in(encoded) else None


Condition = tuple[Field, Pattern]
Gate = tuple[tuple[Condition, ...], ...]  # any of these groups; none: every call passes


class Fields:
    """The fields that the rules of one application id ask about."""

    def __init__(self) -> None:
        self._by_path: dict[str, Field] = {}

    def gate(self, regex_config: object) -> Gate:
        """Read a ``regex_config``.

        Raises:
            DocumentError: It is none: what was meant to narrow a rule must not be left out.
            PatternError: One of its expressions cannot be used.
        """
        if regex_config is None:
            return ()
        groups = _list_of_objects(regex_config)
        conditions = [_list_of_objects(group.get("conditions")) for group in groups]
        if sum(map(len, conditions)) > MAX_CONDITIONS:
            raise DocumentError("too many conditions")
        if not all(conditions):
            raise DocumentError("a group without conditions")
        return tuple(tuple(map(self._condition, group)) for group in conditions)

    def join(self) -> None:
        """Prepare for being asked; to be called when every rule was read."""
        for field in self._by_path.values():
            field.join()

    def _condition(self, raw: Mapping[str, Any]) -> Condition:
        path, value = raw.get("path"), raw.get("value")
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)  # a status, most likely
        if not isinstance(path, str) or not isinstance(value, str):
            raise DocumentError("a condition without path and value")
        read = _reader(path)
        if sum(map(len, self._by_path.values())) >= MAX_PATTERNS:
            raise DocumentError("too many expressions")
        if path not in self._by_path:
            self._by_path[path] = Field(read)
        field = self._by_path[path]
        return field, field.pattern(value)


class Look:
    """One call, while rules are held against it: no field is read or searched in vain twice."""

    __slots__ = ("_call", "_texts")

    def __init__(self, call: Subject) -> None:
        self._call = call
        self._texts: dict[Field, bytes | None] = {}

    def passes(self, gate: Gate) -> bool:
        """Tell whether conditions hold."""
        return not gate or any(all(map(self._holds, group)) for group in gate)

    def _holds(self, condition: Condition) -> bool:
        field, pattern = condition
        try:
            text = self._texts[field]
        except KeyError:
            text = self._texts[field] = field.text_in(self._call)
        return text is not None and pattern.is_in(text)


def _reader(path: str) -> Read:
    if path in _READERS:
        return _READERS[path]
    if path.startswith(_HEADERS):
        header = path.removeprefix(_HEADERS).lower()
        return lambda call: call.header(header)
    if path.startswith(_BODY):
        member = path.removeprefix(_BODY)
        return lambda call: call.body_member(member)
    raise DocumentError("a condition on a field that nobody knows")


def _list_of_objects(value: object) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise DocumentError("expected a list of objects")
    return value
