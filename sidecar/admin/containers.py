"""Kinds of values that have members: lists, sets, maps, records, references to other entities."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import orjson

from sidecar.admin.kinds import InvalidValueError, Kind, Uuid
from sidecar.admin.problems import Why

SequenceCheck = Callable[[Sequence[Any]], str | None]
"""Returns what is wrong with a list as a whole, or None."""


class Automatic(Enum):
    """What fills a field by itself: null means as good as not given there."""

    GENERATED = auto()  # by the field's ``generate``, unless given
    CREATED_AT = auto()  # the time, unless given
    UPDATED_AT = auto()  # the time of the write, whatever was given


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: its kind, and what it means that it is missing or null.

    ``secret``: its value is shown to who reads the entity, and never in an error.
    ``quiet``: it is not shown while it has its default; so a field of ours is not in a Kong
    client's way.
    """

    kind: Kind
    doc: str
    required: bool = False
    default: Any = None
    automatic: Automatic | None = None
    generate: Callable[[], str] = str
    secret: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """A list; ``distinct``: a set, which keeps the first of equal members, in order."""

    elements: Kind
    distinct: bool = False
    min_length: int = 0
    checks: tuple[SequenceCheck, ...] = ()

    def accept(self, value: object) -> list[Any]:
        """Return the members in their stored form."""
        if not isinstance(value, list | tuple):
            raise InvalidValueError("expected a set" if self.distinct else "expected an array")
        members = _accept_each(self.elements, value)
        if self.distinct:
            members = list(dict.fromkeys(members))
        if len(members) < self.min_length:
            raise InvalidValueError(f"length must be at least {self.min_length}")
        for check in self.checks:
            if problem := check(members):
                raise InvalidValueError(problem)
        return members

    def infer(self, value: object) -> object:
        """Return a list of what each text means; a lone text is a list of one."""
        if value == "":
            return None
        if isinstance(value, str):
            return [self.elements.infer(value)]
        if isinstance(value, list):
            return [self.elements.infer(member) for member in value]
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOf:
    """An object with names of one kind and values of another."""

    keys: Kind
    values: Kind

    def accept(self, value: object) -> dict[str, Any]:
        """Return the members in their stored form."""
        if not isinstance(value, Mapping):
            raise InvalidValueError("expected a map")
        accepted: dict[str, Any] = {}
        reasons: dict[str, Why] = {}
        for name, member in value.items():
            try:
                accepted[self.keys.accept(name)] = _accept_present(self.values, member)
            except InvalidValueError as error:
                reasons[name] = error.why
        if reasons:
            raise InvalidValueError(reasons)
        return accepted

    def infer(self, value: object) -> object:
        """Return an object of what each text means."""
        if isinstance(value, dict):
            return {name: self.values.infer(member) for name, member in value.items()}
        return None if value == "" else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Any object, of at most so many bytes as JSON."""

    max_length: int

    def accept(self, value: object) -> dict[str, Any]:
        """Return the object."""
        if not isinstance(value, Mapping):
            raise InvalidValueError("expected a map")
        try:
            length = len(orjson.dumps(value))
        except TypeError:
            raise InvalidValueError("expected a map") from None
        if length > self.max_length:
            raise InvalidValueError(f"length must be at most {self.max_length}")
        return dict(value)

    def infer(self, value: object) -> object:
        """Return the object as it is."""
        return None if value == "" else value


@dataclass(frozen=True, slots=True)
class Record:
    """An object with known fields."""

    fields: Mapping[str, Field]

    def accept(self, value: object) -> dict[str, Any]:
        """Return every field, those that were not given with their defaults."""
        if not isinstance(value, Mapping):
            raise InvalidValueError("expected a record")
        accepted, reasons = self.judge(value)
        if reasons:
            raise InvalidValueError(reasons)
        return accepted

    def judge(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Why]]:
        """Return every field in its stored form, and why some are not acceptable.

        A field that is not acceptable stands in the first part as it was given.
        """
        reasons: dict[str, Why] = {
            name: "unknown field" for name in values if name not in self.fields
        }
        accepted: dict[str, Any] = {}
        for name, known in self.fields.items():
            try:
                accepted[name] = _accept_field(known, values, name)
            except InvalidValueError as error:
                accepted[name] = values.get(name)
                reasons[name] = error.why
        return accepted, reasons

    def infer(self, value: object) -> object:
        """Return an object of what the text of each known field means."""
        if isinstance(value, dict):
            return {
                name: self.fields[name].kind.infer(member) if name in self.fields else member
                for name, member in value.items()
            }
        return None if value == "" else value

    def merge(self, stored: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the stored fields with the changes: records field by field, lists as a whole."""
        merged = {**stored, **changes}
        for name, known in self.fields.items():
            before, after = stored.get(name), changes.get(name)
            nested = isinstance(before, Mapping) and isinstance(after, Mapping)
            if nested and isinstance(known.kind, Record):
                merged[name] = known.kind.merge(stored[name], changes[name])
        return merged


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Another entity, by id: ``{"id": …}``. ``names``: the fields that may stand for the id."""

    entity: str
    names: Mapping[str, Kind] = field(default_factory=dict)

    def accept(self, value: object) -> dict[str, str]:
        """Return the reference with nothing but the id."""
        given = value if isinstance(value, Mapping) else {}
        reasons: dict[str, Why] = {
            name: "unknown field" for name in given if name != "id" and name not in self.names
        }
        entity_id = given.get("id")
        if "id" not in given:
            reasons["id"] = "missing primary key"
        elif entity_id is None:
            reasons["id"] = "required field missing"
        else:
            try:
                entity_id = Uuid().accept(entity_id)
            except InvalidValueError as error:
                reasons["id"] = error.why
        if reasons:
            raise InvalidValueError(reasons)
        return {"id": str(entity_id)}

    def infer(self, value: object) -> object:
        """Return the reference, with null for empty texts."""
        if isinstance(value, dict):
            return {name: None if text == "" else text for name, text in value.items()}
        return None if value == "" else value


def _accept_field(known: Field, values: Mapping[str, Any], name: str) -> Any:
    value = values.get(name)
    if value is None and name not in values:
        value = known.default
        if value is None and known.required and isinstance(known.kind, Record):
            value = {}
    if value is None:
        if known.required:
            raise InvalidValueError("required field missing")
        return None
    return known.kind.accept(value)


def _accept_present(kind: Kind, value: object) -> Any:
    if value is None:
        raise InvalidValueError("required field missing")
    return kind.accept(value)


def _accept_each(kind: Kind, values: Sequence[object]) -> list[Any]:
    accepted: list[Any] = []
    reasons: list[Why | None] = []
    for position, value in enumerate(values):
        try:
            accepted.append(_accept_present(kind, value))
        except InvalidValueError as error:
            # Only up to the last bad one: what follows it needs no placeholder.
            reasons += [None] * (position - len(reasons)) + [error.why]
    if reasons:
        raise InvalidValueError(reasons)
    return accepted
