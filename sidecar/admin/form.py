"""Names of form fields as paths into an object: ``consumer.id``, ``tags[]``, ``tags[2]``.

The result holds texts, objects, lists, and True for a name that came without a value; what the
texts mean is a matter of the schema.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

Step = str | int | None
"""A member's name, a list's 1-based index, or (``[]``) its next free place."""

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_PIECE = re.compile(r"([^\[\]]+)((\[[^\[\]]*\])*)")
_MAX_DEPTH = 16  # deeper than any entity


@dataclass(slots=True)
class _Node:
    values: list[object] = field(default_factory=list)
    members: dict[str, "_Node"] = field(default_factory=dict)
    places: dict[int, "_Node"] = field(default_factory=dict)
    added: list["_Node"] = field(default_factory=list)

    def child(self, step: Step) -> "_Node":
        if isinstance(step, str):
            return self.members.setdefault(step, _Node())
        if isinstance(step, int):
            return self.places.setdefault(step, _Node())
        self.added.append(_Node())
        return self.added[-1]

    def plain(self) -> object:
        members = {name: node.plain() for name, node in self.members.items()}
        if members and not (self.values or self.places or self.added):
            return members
        if len(self.values) == 1 and not (members or self.places or self.added):
            return self.values[0]
        in_order = [self.places[index] for index in sorted(self.places)]
        listed = [*self.values, *(node.plain() for node in (*in_order, *self.added))]
        # A name that is used both for an object and for texts is neither: no field takes that.
        return [*listed, members] if members else listed


def nest(pairs: Iterable[tuple[str, str | None]]) -> dict[str, object]:
    """Return the object that the names spell; a repeated name makes a list."""
    root = _Node()
    for name, value in pairs:
        node = root
        for step in _steps(name):
            node = node.child(step)
        node.values.append(True if value is None else value)
    return {name: node.plain() for name, node in root.members.items()}


def _steps(name: str) -> list[Step]:
    pieces = [_PIECE.fullmatch(piece) for piece in name.split(".", maxsplit=_MAX_DEPTH)]
    steps: list[Step] = []
    for piece in pieces:
        if piece is None:
            return [name]  # not a path: an unknown field
        steps.append(piece[1])
        steps += [_bracketed(inside) for inside in _BRACKETS.findall(piece[2])]
    return steps if len(steps) <= _MAX_DEPTH else [name]


def _bracketed(inside: str) -> Step:
    if not inside:
        return None
    # No list has a million places; and int() of endless digits is work for nothing.
    return int(inside) if re.fullmatch(r"[0-9]{1,6}", inside) else inside
