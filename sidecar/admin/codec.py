"""Between an entity as the store keeps it and as the API shows it."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from authsvc.entities import Entity
from sidecar.admin.containers import Reference
from sidecar.admin.kinds import Fixed
from sidecar.admin.schema import Schema

E = TypeVar("E", bound=Entity)


class Codec(Protocol[E]):
    """One kind of entity in its two forms."""

    def show(self, entity: E, *, now: float) -> dict[str, Any]:
        """Return the entity as the API shows it.

        Raises:
            KeyringError: It holds a sealed value that does not open.
        """

    def show_sealed(self, entity: E, *, now: float) -> dict[str, Any]:
        """Return the same, with null for what would have to be opened."""

    def build(self, document: Mapping[str, Any], *, expires_at: int | None) -> E:
        """Return the stored form of a complete, valid entity."""

    def keys(self, name: str) -> Sequence[dict[str, object]]:
        """Return what the store is asked for the entity of this name, in turn."""

    def field_of(self, column: str) -> str:
        """Return the API's name of a stored field."""

    def collision(self, columns: Sequence[str], document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values, by the API's names, of the stored fields that collided."""


class PlainCodec(Generic[E]):
    """The codec of entities whose fields are stored as they are shown.

    References to other entities are stored by id, lists as tuples, and what ``Fixed`` fields hold
    is not stored at all.
    """

    def __init__(self, schema: Schema, entity_type: type[E]) -> None:
        self._schema = schema
        self._type = entity_type

    def show(self, entity: E, *, now: float) -> dict[str, Any]:  # noqa: ARG002 - nothing ages here
        """Return the entity as the API shows it."""
        return {name: self._shown(entity, name) for name in self._schema.fields}

    def show_sealed(self, entity: E, *, now: float) -> dict[str, Any]:
        """Return the entity as the API shows it."""
        return self.show(entity, now=now)

    def build(self, document: Mapping[str, Any], *, expires_at: int | None) -> E:  # noqa: ARG002
        """Return the stored form of a complete, valid entity."""
        values: dict[str, Any] = {}
        for name, known in self._schema.fields.items():
            value = document[name]
            if isinstance(known.kind, Reference):
                values[f"{name}_id"] = value["id"] if value else None
            elif not isinstance(known.kind, Fixed):
                values[name] = tuple(value) if isinstance(value, list) else value
        return self._type(**values)

    def keys(self, name: str) -> Sequence[dict[str, object]]:
        """Return what the store is asked for."""
        return ({str(self._schema.endpoint_key): name},)

    def field_of(self, column: str) -> str:
        """Return the API's name of a stored field."""
        name = column.removesuffix("_id")
        return name if name in self._schema.references else column

    def collision(self, columns: Sequence[str], document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values that collided."""
        return {name: document[name] for name in map(self.field_of, columns)}

    def _shown(self, entity: E, name: str) -> Any:
        kind = self._schema.kind_of(name)
        if isinstance(kind, Fixed):
            return kind.value
        if isinstance(kind, Reference):
            entity_id = getattr(entity, f"{name}_id")
            return None if entity_id is None else {"id": entity_id}
        value = getattr(entity, name)
        return list(value) if isinstance(value, tuple) else value
