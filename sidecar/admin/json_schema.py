"""JSON Schemas of what the API takes and gives, made of the definitions that validate requests.

They say less than those definitions, never more: what they refuse, the API refuses.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sidecar.admin.containers import Document, Field, ListOf, MapOf, Record, Reference
from sidecar.admin.kinds import LATEST, Boolean, Fixed, Integer, Kind, Number, Text, Timestamp, Uuid
from sidecar.admin.plugin_configs import Checked
from sidecar.admin.schema import Schema

JsonDocument = dict[str, Any]
_LONGEST_TTL = 100_000_000
_HINT: JsonDocument = {
    "type": ["string", "null"],
    "description": "How it begins, for who may not see it.",
}
_ID: JsonDocument = {"type": "string", "format": "uuid"}


def shown(schema: Schema) -> JsonDocument:
    """Return the JSON Schema of an entity as the API answers it."""
    properties = {name: _shown_field(known) for name, known in schema.fields.items()}
    if schema.ttl:
        properties["ttl"] = {"type": ["integer", "null"], "minimum": 0}
    required = [name for name in properties if name not in schema.quiet]
    hints = {f"{name}_hint": _HINT for name, known in schema.fields.items() if known.secret}
    properties |= hints
    return {"type": "object", "required": required, "properties": properties}


def sent(schema: Schema, *, partial: bool = False) -> JsonDocument:
    """Return the JSON Schema of an entity as clients send it; ``partial``: a change of one."""
    if schema.variants is None:
        return _sent(schema, partial=partial)
    names = list(schema.variants.by_value)
    if partial:
        return _sent(schema, partial=True)
    alternatives = []
    for name in names:
        document = _sent(schema.specialise({schema.variants.key: name}), partial=False)
        document["properties"][schema.variants.key] = {"const": name}
        alternatives.append(document)
    return {"oneOf": alternatives}


def _sent(schema: Schema, *, partial: bool) -> JsonDocument:
    document = _record(schema.fields, partial=partial)
    if schema.ttl:
        document["properties"]["ttl"] = {
            "type": "integer",
            "minimum": 0,
            "maximum": _LONGEST_TTL,
            "description": "Seconds until it expires; 0: never.",
        }
    return document


def _record(fields: Mapping[str, Field], *, partial: bool = False) -> JsonDocument:
    properties = {name: _sent_field(known) for name, known in fields.items()}
    document: JsonDocument = {"type": "object", "properties": properties}
    missing = [name for name, known in fields.items() if _must_be_sent(known)]
    return document if partial or not missing else {**document, "required": missing}


def _must_be_sent(known: Field) -> bool:
    return known.required and known.default is None and not isinstance(known.kind, Record)


def _sent_field(known: Field) -> JsonDocument:
    document = _kind(known.kind) if known.required else _nullable(_kind(known.kind))
    if known.default is not None:
        document["default"] = known.default
    return {**document, "description": known.doc}


def _shown_field(known: Field) -> JsonDocument:
    document = _SHOWN.get(type(known.kind), _kind)(known.kind)
    is_there = known.required or (known.automatic is not None and not known.secret)
    return {**(document if is_there else _nullable(document)), "description": known.doc}


def _nullable(document: JsonDocument) -> JsonDocument:
    if isinstance(document.get("type"), str) and "enum" not in document:
        return {**document, "type": [document["type"], "null"]}
    return {"anyOf": [document, {"type": "null"}]}


def _kind(kind: Kind) -> JsonDocument:
    return dict(_KINDS[type(kind)](kind))


def _text(kind: Text) -> JsonDocument:
    if kind.one_of:
        return {"enum": list(kind.one_of)}
    document: JsonDocument = {"type": "string", "minLength": kind.min_length}
    # The limit is in bytes, of which a character has at least one.
    return document | ({} if kind.max_length is None else {"maxLength": kind.max_length})


def _integer(kind: Integer) -> JsonDocument:
    if kind.one_of:
        return {"enum": list(kind.one_of)}
    low, high = kind.between or (None, None)
    return {"type": "integer"} | ({} if low is None else {"minimum": low, "maximum": high})


def _list(kind: ListOf) -> JsonDocument:
    return {"type": "array", "items": _kind(kind.elements), "minItems": kind.min_length}


def _reference(kind: Reference) -> JsonDocument:
    names = {"id": _ID, **{name: _kind(known) for name, known in kind.names.items()}}
    return {
        "anyOf": [
            {"type": "object", "required": [name], "properties": {name: known}}
            for name, known in names.items()
        ]
    }


def _checked(kind: Checked) -> JsonDocument:
    least, most = kind.between or (None, None)
    limits = {} if least is None else {"minimum": least, "maximum": most}
    return _kind(kind.base) | limits


_KINDS: Mapping[type, Callable[[Any], JsonDocument]] = {
    Text: _text,
    Uuid: lambda _kind: _ID,
    Integer: _integer,
    Number: lambda _kind: {"type": "number"},
    Timestamp: lambda _kind: {"type": "integer", "minimum": 1, "maximum": LATEST},
    Boolean: lambda _kind: {"type": "boolean"},
    Fixed: lambda kind: {"enum": [kind.value]},
    Checked: _checked,
    ListOf: _list,
    MapOf: lambda kind: {"type": "object", "additionalProperties": _kind(kind.values)},
    Document: lambda _kind: {"type": "object"},
    Record: lambda kind: _record(kind.fields),
    Reference: _reference,
}
_SHOWN: Mapping[type, Callable[[Any], JsonDocument]] = {
    Reference: lambda _kind: {"type": "object", "required": ["id"], "properties": {"id": _ID}},
    Record: lambda _kind: {"type": "object"},
}
