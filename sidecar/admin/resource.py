"""Entities of one kind as the API reads and writes them, whatever the path that led to them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic

import structlog

from authsvc.entities import Entity
from authsvc.errors import EntityChangedError, ForeignKeyViolationError, KeyringError
from authsvc.store import EntityStore
from sidecar.admin import problems
from sidecar.admin.arguments import is_utf8
from sidecar.admin.call import Call
from sidecar.admin.codec import Codec, E
from sidecar.admin.documents import Clock, Documents
from sidecar.admin.expiry import expiry, parse_ttl
from sidecar.admin.kinds import is_uuid
from sidecar.admin.owner import Owner
from sidecar.admin.paging import envelope, page_size, page_start
from sidecar.admin.payload import Payload
from sidecar.admin.problems import ProblemError
from sidecar.admin.references import Referable
from sidecar.admin.row_writer import ATTEMPTS, Draft, RowWriter, Written, busy
from sidecar.admin.schema import Schema
from sidecar.admin.tag_filter import parse_tag_filter

_log = structlog.get_logger(__name__)
Filling = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Returns the values of a new entity with what was left out."""


class Resource(Generic[E]):
    """All entities of one kind.

    ``others`` are the resources by name, among them those that references lead to. ``fill``
    completes what a new entity is made of, and ``rows`` writes.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        store: EntityStore[E],
        codec: Codec[E],
        rows: RowWriter[E],
        others: Mapping[str, Referable],
        clock: Clock,
        fill: Filling | None = None,
    ) -> None:
        self.schema = schema
        self._fill = fill
        self._store = store
        self._rows = rows
        self._codec = codec
        self._documents = Documents(schema, others=others, clock=clock)
        self._clock = clock

    async def get(self, entity_id: str) -> E | None:
        """Return the entity with this id."""
        return await self._store.get(entity_id)

    async def find(self, **fields: object) -> E | None:
        """Return the one entity with these values."""
        return await self._store.find(**fields)

    async def locate(self, segment: str, owner: Owner | None = None) -> E | None:
        """Return the entity that a path's segment means: an id by its looks, else a name.

        Raises:
            ProblemError: The segment cannot mean any.
        """
        entity = await self._look_up(segment, owner)
        return None if entity and owner and not owner.owns(entity) else entity

    def show(self, entity: E) -> dict[str, Any]:
        """Return an entity as the API shows it.

        Raises:
            KeyringError: It holds a sealed value that does not open.
        """
        return self.schema.presented(self._document(entity))

    def _document(self, entity: E) -> dict[str, Any]:
        try:
            return self._codec.show(entity, now=self._clock())
        except KeyringError:
            _log.error("a stored value does not open", entity=self.schema.name, entity_id=entity.id)
            raise

    async def page(self, call: Call, owner: Owner | None = None) -> dict[str, Any]:
        """Return the page of a list that a request asks for.

        Raises:
            ProblemError: It asks for an impossible one.
        """
        size = page_size(call.arguments)
        tags = parse_tag_filter(call.arguments)
        after = page_start(call.arguments)
        rows = await self._store.page(
            size=size + 1,
            after=after[0] if after else None,
            tags=None if owner else tags,  # below an owner Kong checks the filter and ignores it
            **({owner.column: owner.id} if owner else {}),
        )
        return envelope(
            rows,
            size=size,
            path=call.path,
            arguments=call.arguments,
            show=self.show_listed,
            position=lambda row: [row.id],
            carried=("size",) if owner else ("tags", "size"),
        )

    def show_listed(self, entity: E) -> dict[str, Any]:
        """Return an entity as lists show it: one that does not open must not hide the others."""
        try:
            return self.show(entity)
        except KeyringError:
            return self.schema.presented(self._codec.show_sealed(entity, now=self._clock()))

    async def insert(
        self, payload: Payload, owner: Owner | None = None, *, expires_at: int | None = None
    ) -> Written[E]:
        """Create an entity; ``expires_at`` counts where the payload has no ``ttl``.

        Raises:
            ProblemError: It is not valid, or collides.
        """
        ttl, values = self._opened(payload)
        values = await self._filled(_given(values, owner))
        document = await self._documents.new(values, is_form=payload.is_form)
        return await self._rows.insert(
            Draft(document, expires_at if ttl is None else self._expiry(ttl))
        )

    async def update(
        self, segment: str, payload: Payload, owner: Owner | None = None
    ) -> Written[E]:
        """Change some fields of an entity.

        Raises:
            ProblemError: It does not exist, would not be valid, or would collide.
        """
        ttl, values = self._opened(payload)
        found = await self.locate(segment, owner)
        if found is None:
            raise self._missing(segment, owner)

        async def changed(current: E) -> Draft:
            document = await self._documents.changed(
                self._document(current), values, is_form=payload.is_form
            )
            if owner and document[owner.field] != {"id": owner.id}:
                raise problems.schema_violation({owner.field: "cannot be changed here"})
            return Draft(document, _end(current) if ttl is None else self._expiry(ttl))

        replaced = await self._rows.rewrite(found.id, changed)
        if replaced is None:
            raise self._missing(segment, owner)
        return replaced

    async def upsert(
        self, segment: str, payload: Payload, owner: Owner | None = None
    ) -> Written[E]:
        """Put an entity in place of the one that the path means, or where there is none.

        Raises:
            ProblemError: It is not valid, collides, or the path means somebody else's.
        """
        ttl, values = self._opened(payload)
        addressed = self._addressed(segment, _given(values, owner), owner)
        for _ in range(ATTEMPTS):
            current = await self._look_up(segment, owner)
            if current and owner and not owner.owns(current):
                raise problems.not_found()
            filled = await self._filled(addressed)
            document = await self._documents.new(filled, is_form=payload.is_form)
            try:
                stored = await self._rows.put(Draft(document, self._expiry(ttl)), current)
            except EntityChangedError:
                continue
            except ProblemError:
                # What collided may be this very entity, created by somebody else just now.
                if current is not None or await self._look_up(segment, owner) is None:
                    raise
                continue
            if stored is not None:
                return stored
        raise busy()

    async def delete(self, segment: str, owner: Owner | None = None) -> int | None:
        """Remove an entity; return the seq, or None if there was none.

        Raises:
            ProblemError: Something refers to it; or below an owner, there was none.
        """
        found = await self.locate(segment, owner)
        if found is None and owner:
            raise problems.not_found()
        try:
            return await self._store.delete(found.id) if found else None
        except ForeignKeyViolationError:
            by = str(self.schema.restricted_by)
            raise problems.still_referenced(self.schema.name, by) from None

    async def associate(self, entity_id: str, owner: Owner) -> int | None:
        """Let an entity refer to another one; return the seq, None if it is gone."""

        async def associated(current: E) -> Draft:
            document = {**self._document(current), owner.field: {"id": owner.id}}
            return Draft(document, _end(current))

        replaced = await self._rows.rewrite(entity_id, associated)
        return replaced.seq if replaced else None

    async def expire(self, entity_id: str, expires_at: int) -> int | None:
        """Let an entity end no later than this; return the seq, None if it is gone."""

        async def expiring(current: E) -> Draft:
            end = _end(current)
            return Draft(
                self._document(current), expires_at if end is None else min(end, expires_at)
            )

        replaced = await self._rows.rewrite(entity_id, expiring)
        return replaced.seq if replaced else None

    async def _look_up(self, segment: str, owner: Owner | None) -> E | None:
        if not is_utf8(segment):
            names = self.schema.endpoint_key or self.schema.nested_key or "id"
            raise problems.invalid_unique(names, "must not contain invalid utf-8")
        if is_uuid(segment):
            return await self._store.get(segment)
        if owner and self.schema.nested_key:
            names_here = {owner.column: owner.id, self.schema.nested_key: segment}
            return await self._store.find(**names_here)
        if self.schema.endpoint_key:
            return await self._find_named(segment)
        raise problems.invalid_primary_key()

    async def _find_named(self, name: str) -> E | None:
        for key in self._codec.keys(name):
            found = await self._store.find(**key)
            if found is not None:
                return found
        return None

    def _addressed(
        self, segment: str, values: Mapping[str, Any], owner: Owner | None
    ) -> Mapping[str, Any]:
        if is_uuid(segment):
            return {**values, "id": segment}
        if owner and self.schema.nested_key:
            return {self.schema.nested_key: segment, **values}
        return {**values, str(self.schema.endpoint_key): segment}

    async def _filled(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        return values if self._fill is None else await self._fill(values)

    def _opened(self, payload: Payload) -> tuple[int | None, Mapping[str, Any]]:
        if not self.schema.ttl:
            return None, payload.values
        ttl = parse_ttl(payload)
        return ttl, {name: value for name, value in payload.values.items() if name != "ttl"}

    def _expiry(self, ttl: int | None) -> int | None:
        return expiry(ttl or 0, now=self._clock())

    def _missing(self, segment: str, owner: Owner | None) -> ProblemError:
        if owner:
            return problems.not_found()
        if is_uuid(segment):
            return problems.no_such_entity("id", segment.lower())
        name = str(self.schema.endpoint_key)
        secret = self.schema.fields[name].secret
        return problems.no_such_entity(name, problems.REDACTED if secret else segment)


def _end(entity: Entity) -> int | None:
    expires_at: int | None = getattr(entity, "expires_at", None)
    return expires_at


def _given(values: Mapping[str, Any], owner: Owner | None) -> Mapping[str, Any]:
    return {**values, owner.field: {"id": owner.id}} if owner else values
