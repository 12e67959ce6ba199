"""What references of a file lead to: entities by id, and by the names that they may be called."""

from collections.abc import Iterable, Mapping

from sidecar.admin.containers import Reference
from sidecar.declarative.items import Item

NAMES = ("username", "name", "instance_name", "custom_id")


class ReferenceIndex:
    """Every entity of a file that others may refer to."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._ids: dict[tuple[str, str], str] = {}
        self._names: dict[tuple[str, str, str], str] = {}
        for item in items:
            entity = item.kind.entity
            self._ids[entity, item.id] = item.id
            for field in NAMES:
                name = item.values.get(field)
                if isinstance(name, str):
                    self._names.setdefault((entity, field, name), item.id)

    def find(self, reference: Reference, given: object) -> str | None:
        """Return the id of what a reference means, None: nothing in the file.

        A text is a name or an id; an object says which.
        """
        match given:
            case str():
                return self._named(reference, given) or self._ids.get(
                    (reference.entity, given.lower())
                )
            case {"id": str(entity_id)}:
                return self._ids.get((reference.entity, entity_id.lower()))
            case Mapping():
                found = (
                    self._names.get((reference.entity, field, given[field]))
                    for field in reference.names
                    if isinstance(given.get(field), str)
                )
                return next(filter(None, found), None)
            case _:
                return None

    def _named(self, reference: Reference, name: str) -> str | None:
        # By what stands for the id in a path too, which of a consumer is not the custom id.
        return self._names.get((reference.entity, next(iter(reference.names), "name"), name))
