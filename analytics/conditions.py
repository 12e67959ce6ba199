"""Conditions on a call, as sampling and governance rules of Moesif state them.

A ``regex_config`` is a list of groups: it holds if any group does, a group if all of its
conditions do, and a condition if its expression is found in the text of its field.  A field that
a call does not have never matches.  An absent or empty list holds for every call.

The fields are those that any of Moesif's libraries knows: ``request.verb``, ``request.route``
(the path without the query), ``request.uri``, ``request.ip_address`` or ``request.ip``,
``request.headers.<name>``, ``request.body.<member>`` and ``response.status``.
"""

from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import Any, Protocol

from analytics.errors import DocumentError
from analytics.patterns import Pattern, PatternSet

MAX_CONDITIONS = 200  # of one rule
MAX_PATTERNS = 500  # different ones of all rules: each takes memory
_MOST_REMEMBERED = 256  # texts of one field
_LONGEST_REMEMBERED = 256  # characters of one of them
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
    "request.verb": attrgetter("verb"),
    "request.route": attrgetter("route"),
    "request.uri": attrgetter("uri"),
    "request.ip_address": attrgetter("address"),
    "request.ip": attrgetter("address"),
    "response.status": lambda call: None if call.status is None else str(call.status),
}


# What was found in these is worth remembering: all calls together have few texts there, and none
# of them is a secret.
_OF_FEW_TEXTS = frozenset(
    {
        "request.verb",
        "request.headers.accept",
        "request.headers.content-type",
        "request.headers.host",
        "request.headers.user-agent",
        "response.status",
    }
)
_SEARCH = 1  # what it costs to look into a field
_PARSE = 20  # and to look into a body, of which the whole has to be read first


class Field:
    """One field, and all expressions that are looked for in it.

    Attributes:
        is_in_body: A body has it, or not.
        cost: Of looking into it, in units of about a microsecond.
        patterns: The expressions.
    """

    __slots__ = ("_positions", "_read", "_remembered", "_search", "cost", "is_in_body", "patterns")

    def __init__(self, path: str) -> None:
        """Prepare for being asked about a field.

        Raises:
            DocumentError: There is no such field.
        """
        self.is_in_body = path.startswith(_BODY)
        self.cost = _PARSE if self.is_in_body else _SEARCH
        self._read = _reader(path)
        self._positions: dict[str, int] = {}
        has_few_texts = path.lower() in _OF_FEW_TEXTS
        self._remembered: dict[str, Collection[int]] | None = {} if has_few_texts else None
        self.patterns: list[Pattern] = []
        self._search = PatternSet(()).found_in

    def position(self, text: str) -> int:
        """Return which of the field's expressions this one is; it is made one of them.

        Raises:
            PatternError: It cannot be used.
        """
        if text not in self._positions:
            self.patterns.append(Pattern(text))
            self._positions[text] = len(self.patterns) - 1
        return self._positions[text]

    def join(self) -> None:
        """Prepare for being asked: one search tells of all expressions."""
        self._search = PatternSet(self.patterns).found_in

    def found_in(self, call: Subject) -> Collection[int]:
        """Return which of the expressions the field of a call has."""
        text = self._read(call)
        if text is None:
            return ()
        if self._remembered is None:
            return self._search(text.encode("utf-8", "replace")) or ()
        found = self._remembered.get(text)
        return self._learn(text, self._remembered) if found is None else found

    def _learn(self, text: str, remembered: dict[str, Collection[int]]) -> Collection[int]:
        found = tuple(self._search(text.encode("utf-8", "replace")) or ())
        if len(text) <= _LONGEST_REMEMBERED:
            if len(remembered) >= _MOST_REMEMBERED:
                remembered.clear()  # somebody makes them up
            remembered[text] = found
        return found


Condition = tuple[Field, int]
Group = tuple[Condition, ...]  # all of these
Gate = tuple[Group, ...]  # any of these; none: every call passes


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
        return tuple(tuple(sorted(map(self._condition, group), key=_cost)) for group in conditions)

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
        if sum(len(field.patterns) for field in self._by_path.values()) >= MAX_PATTERNS:
            raise DocumentError("too many expressions")
        if path not in self._by_path:
            self._by_path[path] = Field(path)
        field = self._by_path[path]
        return field, field.position(value)


class Look:
    """One call, while rules are held against it: no field is read or searched twice."""

    __slots__ = ("_call", "_found")

    def __init__(self, call: Subject) -> None:
        self._call = call
        self._found: dict[Field, Collection[int]] = {}

    def found_in(self, field: Field) -> Collection[int]:
        """Return which of its expressions a field has."""
        found = self._found.get(field)
        if found is None:
            found = self._found[field] = field.found_in(self._call)
        return found

    def passes(self, gate: Gate) -> bool:
        """Tell whether conditions hold."""
        return not gate or any(map(self._holds, gate))

    def _holds(self, group: Group) -> bool:
        return all(position in self.found_in(field) for field, position in group)


def _cost(condition: Condition) -> int:
    return condition[0].cost


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
