"""How a kind of entity stands in its table."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from authsvc.entities import Entity, StoredCredential
from authsvc.errors import KeyringError
from authsvc.keyring import key_id_of
from authsvc.kinds import Kind
from authsvc.postgres.connections import Row
from authsvc.storable import encode_document

E = TypeVar("E", bound=Entity)

_Convert = Callable[[Any], Any]
_LISTS = ("tags", "protocols", "methods", "hosts", "paths")
_DOCUMENTS = ("headers", "config", "metadata")
_DECODERS: Mapping[str, _Convert] = {
    **dict.fromkeys(_LISTS, tuple),
    **dict.fromkeys(_DOCUMENTS, json.loads),
}
_ENCODERS: Mapping[str, _Convert] = dict.fromkeys(_DOCUMENTS, encode_document)


class Table(Generic[E]):
    """The columns of a kind, and the way between its rows and its entities."""

    def __init__(self, kind: Kind[E]) -> None:
        self.kind = kind
        self.name = kind.name
        self._decoders: dict[str, _Convert] = {**_DECODERS, **dict.fromkeys(kind.ids, str)}

    def selected(self, prefix: str = "") -> str:
        """Return the list of columns for a SELECT; ``prefix`` starts the names that they get."""
        return ", ".join(f'{self.name}."{name}" AS "{prefix}{name}"' for name in self.kind.columns)

    def values(self, entity: E) -> dict[str, object]:
        """Return an entity's values by column."""
        values = {name: _encode(name, getattr(entity, name)) for name in self.kind.columns}
        if isinstance(entity, StoredCredential):
            values["key_id"] = _sealing_key(entity)
        return values

    def entity(self, row: Row, prefix: str = "") -> E:
        """Return the entity that a selected row holds."""
        return self.kind.entity(
            **{name: self._decode(name, row[prefix + name]) for name in self.kind.columns}
        )

    def _decode(self, name: str, value: Any) -> Any:
        decode = self._decoders.get(name)
        return value if decode is None or value is None else decode(value)


class Conditions:
    """A WHERE clause and its arguments, made together so that a value is always a parameter."""

    def __init__(self) -> None:
        self.arguments: list[object] = []
        self._conditions: list[str] = []

    def add(self, condition: str, value: object) -> None:
        """Ask for a condition; ``{}`` in it stands for the value's parameter."""
        self.require(condition.format(self.parameter(value)))

    def require(self, condition: str) -> None:
        """Ask for a condition whose parameters were added before."""
        self._conditions.append(condition)

    def add_equal(self, column: str, value: object) -> None:
        """Ask for a column to have a value; None: to have none."""
        if value is None:
            self.require(f'"{column}" IS NULL')
        else:
            self.add(f'"{column}" = {{}}', _encode(column, value))

    def parameter(self, value: object) -> str:
        """Add an argument and return how the statement refers to it."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def __str__(self) -> str:
        return f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""


def _encode(name: str, value: Any) -> object:
    encode = _ENCODERS.get(name)
    return value if encode is None or value is None else encode(value)


def _sealing_key(credential: StoredCredential) -> str | None:
    try:
        return key_id_of(credential.sealed_key)
    except KeyringError:  # what no key has sealed counts for none
        return None
