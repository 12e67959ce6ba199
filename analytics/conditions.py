"""Conditions on a call, as sampling and governance rules of Moesif state them.

A ``regex_config`` is a list of groups: it holds if any group does, a group if all of its
conditions do, and a condition if its expression is found in the text of its field.  A field that
a call does not have never matches.  An absent or empty list holds for every call.

The fields are those that any of Moesif's libraries knows: ``request.verb``, ``request.route``
(the path without the query), ``request.uri``, ``request.ip_address`` or ``request.ip``,
``request.headers.<name>``, ``request.body.<member>`` and ``response.status``.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from analytics.errors import DocumentError
from analytics.patterns import Pattern, PatternSet

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

    __slots__ = ("_positions", "_read", "_set", "patterns")

    def __init__(self, read: Read) -> None:
        self._read = read
        self._positions: dict[str, int] = {}
        self.patterns: list[Pattern] = []
        self._set = PatternSet(())

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
        self._set = PatternSet(self.patterns)

    def found_in(self, call: Subject) -> Collection[int]:
        """Return which of the expressions the field of a call has."""
        text = self._read(call)
        return () if text is None else self._set.found_in(text.encode("utf-8", "replace"))


T = TypeVar("T")
Condition = tuple[Field, int]
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
        if sum(len(field.patterns) for field in self._by_path.values()) >= MAX_PATTERNS:
            raise DocumentError("too many expressions")
        if path not in self._by_path:
            self._by_path[path] = Field(read)
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
        return not gate or any(
            all(position in self.found_in(field) for field, position in group) for group in gate
        )


class Gated(Generic[T]):
    """Things with conditions; those that hold are found without looking at the others."""

    def __init__(self, things: Iterable[tuple[Gate, T]]) -> None:
        self._things = tuple(things)
        self._ungated = frozenset(at for at, (gate, _) in enumerate(self._things) if not gate)
        # By the first condition of each group, which has to hold for the group to hold.
        self._guarded: dict[Field, dict[int, list[int]]] = {}
        for at, (gate, _) in enumerate(self._things):
            for (field, position), *_ in gate:
                self._guarded.setdefault(field, {}).setdefault(position, []).append(at)

    def passing(self, look: Look) -> list[T]:
        """Return the things whose conditions hold, in their order."""
        passing = set(self._ungated)
        for field, by_position in self._guarded.items():
            for position in look.found_in(field):
                for at in by_position.get(position, ()):
                    if look.passes(self._things[at][0]):
                        passing.add(at)
        return [self._things[at][1] for at in sorted(passing)]


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
