"""Whose entities a nested path means."""

from dataclasses import dataclass

from authsvc.entities import Entity


@dataclass(frozen=True, slots=True)
class Owner:
    """The entity that a nested path goes through: ``field`` refers to it."""

    field: str
    id: str

    @property
    def column(self) -> str:
        """The stored field that holds the owner's id."""
        return f"{self.field}_id"

    def owns(self, entity: Entity) -> bool:
        """Tell whether an entity belongs to this owner."""
        return bool(getattr(entity, self.column) == self.id)
