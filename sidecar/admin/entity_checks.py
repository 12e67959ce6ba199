"""Rules across the fields of one entity, in Kong's words.

A check sees the whole entity, unacceptable fields as they were given, and returns reasons by
field; what belongs to no single field stands under ``@entity``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.admin.problems import Why

EntityCheck = Callable[[Mapping[str, Any], bool], Mapping[str, Why]]
"""Takes the entity and whether it is being updated; returns reasons, none: it is fine."""

ENTITY = "@entity"
_CONDITION = "failed conditional validation given value of field '{}'"


@dataclass(frozen=True, slots=True)
class AtLeastOneOf:
    """Not all of these fields may be empty; ``a.b`` is the member of a record."""

    names: tuple[str, ...]

    def __call__(self, entity: Mapping[str, Any], updating: bool) -> Mapping[str, Why]:
        """Judge the entity."""
        if _filled(entity, self.names):
            return {}
        prefix = "when updating, " if updating else ""
        quoted = _quoted(self.names)
        return {ENTITY: [f"{prefix}at least one of these fields must be non-empty: {quoted}"]}


@dataclass(frozen=True, slots=True)
class ExactlyOneOf:
    """One of these fields must be filled and the others empty."""

    names: tuple[str, ...]

    def __call__(self, entity: Mapping[str, Any], _updating: bool) -> Mapping[str, Why]:
        """Judge the entity."""
        if _filled(entity, self.names) == 1:
            return {}
        return {ENTITY: [f"exactly one of these fields must be non-empty: {_quoted(self.names)}"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class MustBeNull:
    """A field must be null where another has one of these values."""

    name: str
    where: str
    is_one_of: frozenset[Any]

    def __call__(self, entity: Mapping[str, Any], _updating: bool) -> Mapping[str, Why]:
        """Judge the entity."""
        condition = entity.get(self.where)
        applies = isinstance(condition, str) and condition in self.is_one_of
        if not applies or entity.get(self.name) is None:
            return {}
        return {self.name: "value must be null", ENTITY: [_CONDITION.format(self.where)]}


def _filled(entity: Mapping[str, Any], names: tuple[str, ...]) -> int:
    return sum(_value(entity, name) not in (None, "", [], {}) for name in names)


def _value(entity: object, name: str) -> object:
    for part in name.split("."):
        entity = entity.get(part) if isinstance(entity, Mapping) else None
    return entity


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)
