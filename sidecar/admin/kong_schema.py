"""Schemas in the form in which Kong prints them: what clients read defaults and types from."""

from collections.abc import Callable, Mapping
from typing import Any

from sidecar.admin.containers import Document, Field, ListOf, MapOf, Record, Reference
from sidecar.admin.entity_checks import AtLeastOneOf, EntityCheck, ExactlyOneOf, MustBeNull
from sidecar.admin.kinds import Boolean, Fixed, Integer, Kind, Number, Text, Timestamp, Uuid
from sidecar.admin.plugin_configs import Checked
from sidecar.admin.schema import Schema

Printed = dict[str, Any]
_TTL = {"ttl": {"type": "integer", "description": "Seconds until it expires; null: never."}}
_OF_PLUGINS = ("consumer", "protocols", "config")  # what Kong prints of a plugin's own schema


def print_schema(schema: Schema) -> Printed:
    """Return a schema: its fields in order, each under its name, and its rules."""
    fields = _fields(schema.fields, schema.endpoint_key)
    if schema.ttl:
        fields.append(_TTL)
    return {"fields": fields, "entity_checks": _checks(schema.checks)}


def print_plugin(schema: Schema) -> Printed:
    """Return the schema of one plugin, specialised, without what all plugins have."""
    fields = {name: schema.fields[name] for name in _OF_PLUGINS}
    return {"fields": _fields(fields), "entity_checks": _checks(schema.checks)}


def _fields(fields: Mapping[str, Field], unique: str | None = None) -> list[Printed]:
    return [{name: _field(known, is_unique=name == unique)} for name, known in fields.items()]


def _field(known: Field, *, is_unique: bool) -> Printed:
    printed = _kind(known.kind)
    said = {
        "required": known.required,
        "unique": is_unique,
        "auto": known.automatic is not None,
        "encrypted": known.secret,
    }
    printed |= {name: True for name, holds in said.items() if holds}
    if known.default is not None:
        printed["default"] = known.default
    return {**printed, "description": known.doc}


def _kind(kind: Kind) -> Printed:
    return dict(_PRINTERS[type(kind)](kind))


def _text(kind: Text) -> Printed:
    printed: Printed = {"type": "string"}
    if kind.min_length != 1:  # Kong's own default goes without saying
        printed["len_min"] = kind.min_length
    if kind.max_length is not None:
        printed["len_max"] = kind.max_length
    return printed | ({"one_of": list(kind.one_of)} if kind.one_of else {})


def _integer(kind: Integer) -> Printed:
    printed: Printed = {"type": "integer"}
    if kind.between:
        printed["between"] = list(kind.between)
    return printed | ({"one_of": list(kind.one_of)} if kind.one_of else {})


def _fixed(kind: Fixed) -> Printed:
    types = {bool: "boolean", int: "integer", str: "string"}
    return {"type": types.get(type(kind.value), "any"), "eq": kind.value}


def _list(kind: ListOf) -> Printed:
    printed: Printed = {
        "type": "set" if kind.distinct else "array",
        "elements": _kind(kind.elements),
    }
    return printed | ({"len_min": kind.min_length} if kind.min_length else {})


def _map(kind: MapOf) -> Printed:
    return {"type": "map", "keys": _kind(kind.keys), "values": _kind(kind.values)}


def _checked(kind: Checked) -> Printed:
    printed = _kind(kind.base)
    return printed | ({"between": list(kind.between)} if kind.between else {})


_PRINTERS: Mapping[type, Callable[[Any], Printed]] = {
    Text: _text,
    Uuid: lambda _kind: {"type": "string", "uuid": True},
    Integer: _integer,
    Number: lambda _kind: {"type": "number"},
    Timestamp: lambda _kind: {"type": "integer", "timestamp": True},
    Boolean: lambda _kind: {"type": "boolean"},
    Fixed: _fixed,
    Checked: _checked,
    ListOf: _list,
    MapOf: _map,
    Document: lambda _kind: {"type": "map", "keys": {"type": "string"}, "values": {"type": "any"}},
    Record: lambda kind: {"type": "record", "fields": _fields(kind.fields)},
    Reference: lambda kind: {"type": "foreign", "reference": kind.entity},
}


def _checks(checks: tuple[EntityCheck, ...]) -> list[Printed]:
    """Return the rules that Kong has words for; the others are only told where they are broken."""
    printers = [(check, _CHECKS.get(type(check))) for check in checks]
    return [printer(check) for check, printer in printers if printer is not None]


def _must_be_null(check: MustBeNull) -> Printed:
    condition = {"one_of": sorted(check.is_one_of)}
    return {
        "conditional": {
            "if_field": check.where,
            "if_match": condition,
            "then_field": check.name,
            "then_match": {"eq": None},
        }
    }


_CHECKS: Mapping[type, Callable[[Any], Printed]] = {
    AtLeastOneOf: lambda check: {"at_least_one_of": list(check.names)},
    ExactlyOneOf: lambda check: {"only_one_of": list(check.names)},
    MustBeNull: _must_be_null,
}
