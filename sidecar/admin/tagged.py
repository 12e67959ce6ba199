"""Tags: which entities have which."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from heapq import merge
from typing import Any
from uuid import UUID

from authsvc.store import TAGGED, EntityStore, TagFilter
from sidecar.admin import problems
from sidecar.admin.arguments import is_utf8
from sidecar.admin.call import Call, Reply
from sidecar.admin.operation import JsonSchema, Listed, Operation
from sidecar.admin.paging import Position, envelope, page_size, page_start
from sidecar.admin.roles import READABLE
from sidecar.admin.routing import Endpoint

_BATCH = 1000  # entities that are read at a time, at most
_PARTS = 3  # of a position
_COLUMNS = ("tag", "entity_name", "entity_id")
_ROW: JsonSchema = {
    "type": "object",
    "required": list(_COLUMNS),
    "properties": {name: {"type": "string"} for name in _COLUMNS},
}


@dataclass(frozen=True, slots=True, order=True)
class TaggedEntity:
    """One tag of one entity. Rows are in this order: by id, then by kind, then by tag."""

    entity_id: str
    entity_name: str
    tag: str

    @property
    def position(self) -> Position:
        """Where the row stands in the order of all."""
        return [self.entity_id, self.entity_name, self.tag]

    def show(self) -> dict[str, str]:
        """Return the row as the API shows it."""
        return {"tag": self.tag, "entity_name": self.entity_name, "entity_id": self.entity_id}


class TaggedEntities:
    """Finds tags in all stores; ``stores`` by the API's name of what they hold."""

    def __init__(self, stores: Mapping[str, EntityStore[Any]]) -> None:
        self._stores = stores

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints ``/tags`` and ``/tags/{tags}``."""
        listed = {
            "GET": Operation(
                summary="List which entities have which tags.",
                gives=Listed(_ROW),
                arguments=("size", "offset"),
            )
        }
        return [
            Endpoint("/tags", {"GET": self._read_all}, READABLE, listed),
            Endpoint("/tags/{tags}", {"GET": self._read_one}, READABLE, listed),
        ]

    async def page(
        self, *, size: int, after: Position | None = None, tag: str | None = None
    ) -> list[TaggedEntity]:
        """Return at most ``size`` rows, those after a position, of one tag or of all."""
        start = TaggedEntity(*after) if after else None
        found = [await self._first(name, size=size, start=start, tag=tag) for name in self._stores]
        return list(merge(*found))[:size]

    async def _first(
        self, name: str, *, size: int, start: TaggedEntity | None, tag: str | None
    ) -> list[TaggedEntity]:
        rows: list[TaggedEntity] = []
        async for entity in self._entities(name, start, tag, size=min(size, _BATCH)):
            tags = (tag,) if tag is not None else entity.tags or ()
            made = (TaggedEntity(entity.id, name, one) for one in sorted(set(tags)))
            rows += [row for row in made if start is None or row > start]
            if len(rows) >= size:
                break
        return rows[:size]

    async def _entities(
        self, name: str, start: TaggedEntity | None, tag: str | None, *, size: int
    ) -> AsyncIterator[Any]:
        tags = TAGGED if tag is None else TagFilter((tag,), "any")
        # The entity of the last row may have more tags: begin with it, not after it.
        after = _before(start.entity_id) if start else None
        while True:
            batch = await self._stores[name].page(size=size, after=after, tags=tags)
            for entity in batch:
                yield entity
            if len(batch) < size:
                return
            after = batch[-1].id

    async def _read_all(self, call: Call) -> Reply:
        return await self._reply(call, None)

    async def _read_one(self, call: Call) -> Reply:
        tag = call.segments["tags"]
        if not is_utf8(tag):
            raise problems.invalid_unique("tag", "must not contain invalid utf-8")
        return await self._reply(call, tag)

    async def _reply(self, call: Call, tag: str | None) -> Reply:
        size = page_size(call.arguments)
        after = page_start(call.arguments, parts=_PARTS)
        body = envelope(
            await self.page(size=size + 1, after=after, tag=tag),
            size=size,
            path=call.path,
            arguments=call.arguments,
            show=TaggedEntity.show,
            position=lambda row: row.position,
            carried=("size",),
        )
        return Reply(body=body)


def _before(entity_id: str) -> str | None:
    number = UUID(entity_id).int
    return str(UUID(int=number - 1)) if number else None
