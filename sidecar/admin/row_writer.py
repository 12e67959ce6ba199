"""Writes drafts into a store, so that no writer undoes what another wrote meanwhile."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from authsvc.errors import EntityChangedError, KeyRemovedError
from authsvc.store import EntityStore
from sidecar.admin import problems
from sidecar.admin.codec import Codec, E
from sidecar.admin.problems import ProblemError
from sidecar.admin.row_locks import RowLocks
from sidecar.admin.schema import Schema
from sidecar.admin.violations import written

ATTEMPTS = 5  # of a write, while others write the same entity

S = TypeVar("S")
ReloadRing = Callable[[], Awaitable[None]]

Vetting = Callable[[E], Awaitable[None]]
"""Raises a ProblemError if an entity must not be written."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be stored: a complete, valid document, and when it expires."""

    document: Mapping[str, Any]
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class Written(Generic[E]):
    """An entity after a write, and the seq of the change."""

    entity: E
    seq: int


class RowWriter(Generic[E]):
    """Writes entities of one kind.

    ``vet`` has a last look at each; ``reload_ring`` is called where an entity was made with a key
    that was removed meanwhile, before it is made once more.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        store: EntityStore[E],
        codec: Codec[E],
        vet: Vetting[E] | None = None,
        reload_ring: ReloadRing | None = None,
    ) -> None:
        self._schema = schema
        self._store = store
        self._codec = codec
        self._vet = vet
        self._reload_ring = reload_ring
        self._locks = RowLocks()

    async def insert(self, draft: Draft) -> Written[E]:
        """Add an entity.

        Raises:
            ProblemError: It collides, or refers to nothing.
        """
        entity, seq = await self._write(draft, self._store.insert)
        return Written(entity, seq)

    async def rewrite(
        self, entity_id: str, change: Callable[[E], Awaitable[Draft]]
    ) -> Written[E] | None:
        """Change an entity as its last writer left it, in whatever process that was.

        None: it is gone. ``change`` may be asked several times.

        Raises:
            ProblemError: It collides, refers to nothing, or others are always faster.
        """
        async with self._locks.of(entity_id):
            for _ in range(ATTEMPTS):
                current = await self._store.get(entity_id)
                if current is None:
                    return None
                with suppress(EntityChangedError):
                    return await self._replace(await change(current), current)
        raise busy()

    async def put(self, draft: Draft, current: E | None) -> Written[E] | None:
        """Add an entity, or put it in place of one that was read; None: that one is gone.

        Raises:
            EntityChangedError: That one is not as it was read.
            ProblemError: It collides, or refers to nothing.
        """
        if current is None:
            return await self.insert(draft)
        async with self._locks.of(current.id):
            return await self._replace(
                replace(draft, document={**draft.document, "id": current.id}), current
            )

    async def _replace(self, draft: Draft, current: E) -> Written[E] | None:
        entity, seq = await self._write(draft, partial(self._store.replace, expected=current))
        return None if seq is None else Written(entity, seq)

    async def _write(
        self, draft: Draft, write: Callable[[E], Awaitable[S]], *, again: bool = True
    ) -> tuple[E, S]:
        entity = await self._built(draft)
        try:
            return entity, await written(
                write(entity), draft.document, schema=self._schema, codec=self._codec
            )
        except KeyRemovedError:
            if self._reload_ring is None or not again:
                raise
            await self._reload_ring()
        return await self._write(draft, write, again=False)

    async def _built(self, draft: Draft) -> E:
        entity = self._codec.build(draft.document, expires_at=draft.expires_at)
        if self._vet is not None:
            await self._vet(entity)
        return entity


def busy() -> ProblemError:
    """Others write the entity all the time."""
    return problems.plain(409, "The entity is being written by others: try again")
