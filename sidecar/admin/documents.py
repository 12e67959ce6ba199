"""Complete, valid entities, made of what a request says and (in a change) of what is stored."""

from collections.abc import Callable, Mapping
from typing import Any

from sidecar.admin.references import Referable, resolve_references
from sidecar.admin.schema import Schema

Clock = Callable[[], float]
"""Returns the epoch seconds."""


class Documents:
    """Reads requests by one schema."""

    def __init__(self, schema: Schema, *, others: Mapping[str, Referable], clock: Clock) -> None:
        self._schema = schema
        self._others = others
        self._clock = clock

    async def new(self, values: Mapping[str, Any], *, is_form: bool) -> dict[str, Any]:
        """Return a new entity.

        Raises:
            ProblemError: It is not valid, or refers to a name that nothing has.
        """
        schema = self._schema.specialise(values)
        meant = await self._meant(schema, values, is_form)
        return schema.read_new(meant, now=int(self._clock()))

    async def changed(
        self, stored: Mapping[str, Any], values: Mapping[str, Any], *, is_form: bool
    ) -> dict[str, Any]:
        """Return a stored entity with changes.

        Raises:
            ProblemError: It would not be valid, or refers to a name that nothing has.
        """
        schema = self._schema.specialise({**stored, **values})
        meant = await self._meant(schema, values, is_form)
        before = {name: stored[name] for name in schema.fields}
        return schema.read_changed(before, meant, now=int(self._clock()))

    async def _meant(
        self, schema: Schema, values: Mapping[str, Any], is_form: bool
    ) -> dict[str, Any]:
        meant = schema.infer(values) if is_form else values
        return await resolve_references(schema.references, meant, self._others)
