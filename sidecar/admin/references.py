"""References by name, such as ``consumer.username=bob``, turned into references by id."""

from collections.abc import Mapping
from typing import Any, Protocol

from sidecar.admin.containers import Reference
from sidecar.admin.problems import unresolved_reference


class Identified(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str:
        """The id."""


class Referable(Protocol):
    """Entities that others refer to."""

    async def find(self, **fields: object) -> Identified | None:
        """Return the one entity with these values, or None."""


async def resolve_references(
    references: Mapping[str, Reference],
    values: Mapping[str, Any],
    others: Mapping[str, Referable],
) -> dict[str, Any]:
    """Return the values with an id in each reference that had a name instead.

    Raises:
        ProblemError: Nothing has that name.
    """
    resolved = dict(values)
    for field, reference in references.items():
        given = values.get(field)
        if isinstance(given, Mapping) and "id" not in given:
            by = next((name for name in reference.names if isinstance(given.get(name), str)), None)
            if by is not None:
                target = await others[reference.entity].find(**{by: given[by]})
                if target is None:
                    raise unresolved_reference(field, by, given[by], reference.entity)
                resolved[field] = {**given, "id": target.id}
    return resolved
