"""What an entity is: its fields, rules, names and references. One definition for everything.

Requests are validated by it, forms are read by it, answers are written by it, stored values are
made by it, and the OpenAPI document is generated from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from sidecar.admin.containers import Automatic, Field, ListOf, Record, Reference
from sidecar.admin.entity_checks import ENTITY, EntityCheck
from sidecar.admin.kinds import InvalidValueError, Kind, Text, Timestamp, Uuid
from sidecar.admin.problems import ProblemError, Why, schema_violation
from sidecar.admin.text_checks import tag

Preparation = Callable[[dict[str, Any], bool], dict[str, Any]]
"""Rewrites an entity as it was sent, given whether it is being updated."""

_INDEXED = 1024  # bytes: fits into a database's index and into a header
ID = Field(
    kind=Uuid(),
    automatic=Automatic.GENERATED,
    generate=lambda: str(uuid4()),
    doc="The id; random unless given.",
)
CREATED_AT = Field(
    kind=Timestamp(), automatic=Automatic.CREATED_AT, doc="When it was created, epoch seconds."
)
UPDATED_AT = Field(
    kind=Timestamp(), automatic=Automatic.UPDATED_AT, doc="When it was last written."
)
TAGS = Field(
    kind=ListOf(elements=Text(max_length=_INDEXED, checks=(tag,)), distinct=True),
    doc="Words to group and filter by.",
)


def indexed_text(*checks: Callable[[str], str | None]) -> Text:
    """Return the kind of a text that entities are found by."""
    return Text(max_length=_INDEXED, checks=checks)


@dataclass(frozen=True, slots=True)
class Variants:
    """Further fields and rules by the value of one field, as plugins have by their name."""

    key: str
    unknown: str  # with {} for the value
    by_value: Mapping[str, "Variant"]


@dataclass(frozen=True, slots=True)
class Variant:
    """What one value of the key field adds."""

    fields: Mapping[str, Field]
    checks: tuple[EntityCheck, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One kind of entity.

    Attributes:
        name: Its plural, which is also its name in messages and in the list of tags.
        fields: In the order in which they are shown.
        endpoint_key: The field that may stand for the id in a path.
        nested_key: The same below the entity's owner, where it need be unique only there.
        filters: The fields that a list can be narrowed by.
        ttl: Whether ``ttl`` may be sent, which is no field but sets when the entity expires.
        restricted_by: The entities that keep one of these from being deleted.
        checks: The rules across fields.
        prepare: What happens to an entity before it is validated.
        variants: What depends on one field's value.
    """

    name: str
    fields: Mapping[str, Field]
    endpoint_key: str | None = None
    nested_key: str | None = None
    filters: tuple[str, ...] = ()
    ttl: bool = False
    restricted_by: str | None = None
    checks: tuple[EntityCheck, ...] = ()
    prepare: Preparation | None = None
    variants: Variants | None = None
    record: Record = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "record", Record(self.fields))

    @property
    def references(self) -> Mapping[str, Reference]:
        """The references to other entities, by field."""
        return {
            name: known.kind
            for name, known in self.fields.items()
            if isinstance(known.kind, Reference)
        }

    def presented(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return an entity without the quiet fields that say nothing."""
        return {
            name: value
            for name, value in document.items()
            if name not in self.quiet or value != self.fields[name].default
        }

    @property
    def quiet(self) -> frozenset[str]:
        """The fields that are not shown while they have their defaults."""
        return frozenset(name for name, known in self.fields.items() if known.quiet)

    def kind_of(self, name: str) -> Kind:
        """Return the kind of a field."""
        return self.fields[name].kind

    def specialise(self, values: Mapping[str, Any]) -> "Schema":
        """Return the schema for the variant that these values belong to.

        Raises:
            ProblemError: The key field is missing, or has a value that no variant has.
        """
        if self.variants is None:
            return self
        value = values.get(self.variants.key)
        if value is None:
            raise schema_violation({self.variants.key: "required field missing"})
        if not isinstance(value, str):
            raise schema_violation({self.variants.key: "expected a string"})
        variant = self.variants.by_value.get(value)
        if variant is None:
            raise schema_violation({self.variants.key: self.variants.unknown.format(value)})
        return replace(
            self,
            fields={**self.fields, **variant.fields},
            checks=self.checks + variant.checks,
            variants=None,
        )

    def infer(self, form: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entity that a form's texts mean."""
        inferred = self.record.infer(dict(form))
        return inferred if isinstance(inferred, dict) else {}

    def read_new(self, values: Mapping[str, Any], *, now: int) -> dict[str, Any]:
        """Return a complete, valid entity made of the values of a request.

        Raises:
            ProblemError: With everything that is wrong.
        """
        given = self._prepared(values, updating=False)
        for name, automatic in self._automatics().items():
            if automatic is Automatic.UPDATED_AT or given.get(name) is None:
                generated = automatic is Automatic.GENERATED
                given[name] = self.fields[name].generate() if generated else now
        return self._judged(given, updating=False)

    def read_changed(
        self, stored: Mapping[str, Any], changes: Mapping[str, Any], *, now: int
    ) -> dict[str, Any]:
        """Return the stored entity with the changes of a request, complete and valid.

        Null means empty, except for what is filled automatically: that stays as it is.

        Raises:
            ProblemError: With everything that is wrong.
        """
        changes = self._prepared(changes, updating=True)
        for name, automatic in self._automatics().items():
            if automatic is Automatic.UPDATED_AT:
                changes[name] = now
            elif changes.get(name) is None:
                changes.pop(name, None)
        merged = self.record.merge(stored, changes)
        entity = self._judged(merged, updating=True)
        if entity["id"] != stored["id"]:
            raise schema_violation({"id": "cannot be changed"})
        return entity

    def _automatics(self) -> dict[str, Automatic]:
        return {name: known.automatic for name, known in self.fields.items() if known.automatic}

    def _prepared(self, values: Mapping[str, Any], *, updating: bool) -> dict[str, Any]:
        if self.prepare is None:
            return dict(values)
        try:
            return self.prepare(dict(values), updating)
        except InvalidValueError as error:
            raise _violation(error.why) from None

    def _judged(self, values: Mapping[str, Any], *, updating: bool) -> dict[str, Any]:
        entity, reasons = self.record.judge(values)
        for check in self.checks:
            found = dict(check(entity, updating))
            general = found.pop(ENTITY, [])
            reasons = {**found, **reasons}
            if isinstance(general, list) and general:
                earlier = reasons.get(ENTITY, [])
                reasons[ENTITY] = [*(earlier if isinstance(earlier, list) else []), *general]
        if reasons:
            raise schema_violation(reasons)
        return entity


def _violation(why: Why) -> ProblemError:
    return schema_violation(why if isinstance(why, Mapping) else {ENTITY: [why]})
