"""One kind of entity, written and removed by the hundred: for imports.

What callers can rely on:

1. A call is one transaction: all of it, or nothing, with its changes and its audit entry.
2. The same is refused that a single write refuses. Which of the entities it was, is not told.
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from authsvc.entities import Entity, StoredCredential
from authsvc.kinds import Kind, Written, replaced, written
from authsvc.postgres.change_log import ChangeLog
from authsvc.postgres.connections import Lease
from authsvc.postgres.keyring_store import refuse_removed_keys
from authsvc.postgres.table import Conditions, Table
from authsvc.sealing import keys_of
from authsvc.storable import check_storable

E = TypeVar("E", bound=Entity)


class PostgresBulkTable(Generic[E]):
    """Writes to one table; its statements are made as those of ``PostgresEntityStore``."""

    def __init__(self, kind: Kind[E], *, log: ChangeLog, clock: Callable[[], float]) -> None:
        self._kind = kind
        self._table = Table(kind)
        self._log = log
        self._clock = clock

    async def put_all(self, entities: Sequence[E]) -> int | None:
        """Store entities, each in place of the one with its id if there is one.

        Return the last change's seq, None: there was nothing to do. No id may stand twice. Within
        one call, no entity can take over what is unique of another one that changes as well.

        Raises:
            UnstorableValueError: A value cannot be stored.
            UniqueViolationError: Another entity has the same unique fields.
            ForeignKeyViolationError: One refers to something that does not exist.
            KeyRemovedError: One was made with a key that is off the ring.
        """
        for entity in entities:
            check_storable(self._kind, entity)

        async def work(lease: Lease) -> int | None:
            changes = await self._purge_expired(lease, entities)
            before = await self._locked(lease, [entity.id for entity in entities])
            await self._store(lease, entities)
            for entity in entities:
                old = before.get(entity.id)
                changes += (
                    [written(self._kind, entity)]
                    if old is None
                    else replaced(self._kind, old, entity)
                )
            seq = await self._log.append(lease, changes)
            # Thousands of rows are made with the same few keys: one row stands for all of those.
            made = {keys_of(each): each for each in entities if isinstance(each, StoredCredential)}
            for credential in made.values():
                await refuse_removed_keys(lease, credential)
            return seq

        return await self._log.write(work) if entities else None

    async def delete_all(self, ids: Sequence[str]) -> int | None:
        """Remove those of these that are there, and what belongs to them; return the last seq.

        Raises:
            ForeignKeyViolationError: Something else still refers to one.
        """

        async def work(lease: Lease) -> int | None:
            where = Conditions()
            where.add("id = ANY({}::uuid[])", list(ids))
            removed = await self._remove(lease, where)
            return await self._log.append(lease, removed) if removed else None

        return await self._log.write(work)

    async def _locked(self, lease: Lease, ids: Sequence[str]) -> dict[str, E]:
        rows = await lease.fetch(
            f"SELECT {self._table.selected()} FROM {self._table.name}"  # noqa: S608 - see the class
            " WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE",
            ids,
        )
        return {entity.id: entity for entity in map(self._table.entity, rows)}

    async def _store(self, lease: Lease, entities: Sequence[E]) -> None:
        rows = [self._table.values(entity) for entity in entities]
        names = ", ".join(f'"{name}"' for name in rows[0])
        places = ", ".join(f"${place}" for place in range(1, len(rows[0]) + 1))
        new = ", ".join(f'excluded."{name}"' for name in rows[0])
        await lease.executemany(
            f"INSERT INTO {self._table.name} ({names}) VALUES ({places})"  # noqa: S608 - see the class
            f" ON CONFLICT (id) DO UPDATE SET ({names}) = ({new})",
            [tuple(row.values()) for row in rows],
        )

    async def _purge_expired(self, lease: Lease, entities: Sequence[E]) -> list[Written]:
        """Remove expired rows that would stand in the way of these entities."""
        if not self._kind.expires:
            return []
        where = Conditions()
        where.add("expires_at <= {}", int(self._clock()))
        ids = where.parameter([entity.id for entity in entities])
        digests = where.parameter([getattr(entity, "digest", b"") for entity in entities])
        where.require(f"(id = ANY({ids}::uuid[]) OR digest = ANY({digests}::bytea[]))")
        return await self._remove(lease, where)

    async def _remove(self, lease: Lease, where: Conditions) -> list[Written]:
        rows = await lease.fetch(
            f"DELETE FROM {self._table.name} {where} RETURNING {self._table.selected()}",  # noqa: S608 - see the class
            *where.arguments,
        )
        return [written(self._kind, self._table.entity(row)) for row in rows]
