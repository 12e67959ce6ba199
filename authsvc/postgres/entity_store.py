"""One kind of entity on Postgres."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Generic, TypeVar

from authsvc.entities import Entity, StoredCredential
from authsvc.errors import EntityChangedError, UnstorableValueError
from authsvc.identifier import canonical_id
from authsvc.kinds import Written, replaced, written
from authsvc.postgres.change_log import ChangeLog
from authsvc.postgres.connections import Connections, Lease
from authsvc.postgres.keyring_store import refuse_removed_keys
from authsvc.postgres.table import Conditions, Table
from authsvc.storable import check_storable, lookup
from authsvc.store import TagFilter

E = TypeVar("E", bound=Entity)

_TAGS = {"all": "tags @> {}::text[]", "any": "tags && {}::text[]", "some": "tags <> {}::text[]"}


class PostgresEntityStore(Generic[E]):
    """An ``EntityStore`` over one table.

    Names of tables and columns in its statements come from the entity's dataclass; values are
    always parameters.
    """

    def __init__(
        self,
        table: Table[E],
        *,
        connections: Connections,
        log: ChangeLog,
        clock: Callable[[], float],
    ) -> None:
        self._table = table
        self._kind = table.kind
        self._connections = connections
        self._log = log
        self._clock = clock

    async def get(self, entity_id: str) -> E | None:
        """Return the entity with this id."""
        return await self.find(id=entity_id)

    async def find(self, **fields: object) -> E | None:
        """Return the one entity with these values."""
        wanted = lookup(self._kind, fields)
        if wanted is None:
            return None
        rows = await self._select(self._living(wanted), size=1)
        return rows[0] if rows else None

    async def page(
        self,
        *,
        size: int,
        after: str | None = None,
        tags: TagFilter | None = None,
        **fields: object,
    ) -> Sequence[E]:
        """Return entities in the order of their ids."""
        start = None if after is None else canonical_id(after)
        if start is None and after is not None:
            raise UnstorableValueError("after")
        wanted = lookup(self._kind, fields)
        if wanted is None:
            return []
        where = self._living(wanted)
        if start is not None:
            where.add("id > {}", start)
        if tags is not None:
            where.add(_TAGS[tags.match], tags.tags)
        return await self._select(where, size=size)

    async def insert(self, entity: E) -> int:
        """Add an entity."""
        check_storable(self._kind, entity)

        async def work(lease: Lease) -> int:
            purged = await self._purge_expired(lease, entity)
            await self._add(lease, entity)
            seq = await self._log.append(lease, (*purged, written(self._kind, entity)))
            await self._refuse_removed_keys(lease, entity)
            return seq

        return await self._log.write(work)

    async def replace(self, entity: E, *, expected: E | None = None) -> int | None:
        """Store the entity in place of the one with its id."""
        check_storable(self._kind, entity)

        async def work(lease: Lease) -> int | None:
            old = await self._lock(lease, entity.id)
            if old is None:
                return None
            if expected is not None and expected != old:
                raise EntityChangedError
            purged = await self._purge_expired(lease, entity)
            await self._change(lease, entity)
            seq = await self._log.append(lease, (*purged, *replaced(self._kind, old, entity)))
            await self._refuse_removed_keys(lease, entity)
            return seq

        return await self._log.write(work)

    async def delete(self, entity_id: str) -> int | None:
        """Remove an entity and what belongs to it."""
        wanted = lookup(self._kind, {"id": entity_id})
        if wanted is None:
            return None

        async def work(lease: Lease) -> int | None:
            removed = await self._remove(lease, self._living(wanted))
            return await self._log.append(lease, removed) if removed else None

        return await self._log.write(work)

    async def purge(self, *, before: int, limit: int) -> int:
        """Remove entities whose time is over, without a word in the change log."""
        if not self._kind.expires:
            return 0
        # Whoever else is at it, or puts a new one in an old one's place, is not waited for.  An
        # array, because a planner may run what stands behind IN again and again, each time finding
        # others: then more go than the limit.
        rows = await self._connections.fetch(
            f"DELETE FROM {self._table.name} WHERE id = ANY(ARRAY("  # noqa: S608 - see the class
            f"SELECT id FROM {self._table.name} WHERE expires_at <= $1"
            " ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING id",
            before,
            limit,
        )
        return len(rows)

    async def _select(self, where: Conditions, *, size: int) -> list[E]:
        rows = await self._connections.fetch(
            f"SELECT {self._table.selected()} FROM {self._table.name} {where}"  # noqa: S608 - see the class
            f" ORDER BY id LIMIT {where.parameter(size)}",
            *where.arguments,
        )
        return [self._table.entity(row) for row in rows]

    async def _lock(self, lease: Lease, entity_id: str) -> E | None:
        where = self._living({"id": entity_id})
        row = await lease.fetchrow(
            f"SELECT {self._table.selected()} FROM {self._table.name} {where} FOR UPDATE",  # noqa: S608 - see the class
            *where.arguments,
        )
        return None if row is None else self._table.entity(row)

    async def _add(self, lease: Lease, entity: E) -> None:
        values = self._table.values(entity)
        await lease.execute(
            f"INSERT INTO {self._table.name} ({_names(values)}) VALUES ({_parameters(values)})",  # noqa: S608 - see the class
            *values.values(),
        )

    async def _change(self, lease: Lease, entity: E) -> None:
        values = self._table.values(entity)
        await lease.execute(
            f"UPDATE {self._table.name} SET ({_names(values)}) = ({_parameters(values)})"  # noqa: S608 - see the class
            " WHERE id = $1",  # the first column
            *values.values(),
        )

    async def _remove(self, lease: Lease, where: Conditions) -> list[Written]:
        rows = await lease.fetch(
            f"DELETE FROM {self._table.name} {where} RETURNING {self._table.selected()}",  # noqa: S608 - see the class
            *where.arguments,
        )
        return [written(self._kind, self._table.entity(row)) for row in rows]

    async def _refuse_removed_keys(self, lease: Lease, entity: E) -> None:
        if isinstance(entity, StoredCredential):
            await refuse_removed_keys(lease, entity)

    async def _purge_expired(self, lease: Lease, entity: E) -> list[Written]:
        """Remove expired rows that would stand in the way of this entity; in order of their ids."""
        if not self._kind.expires:
            return []
        where = Conditions()
        where.add("expires_at <= {}", int(self._clock()))
        same = (
            f'"{name}" = {where.parameter(getattr(entity, name))}'
            for names in self._kind.unique
            for name in names
        )
        where.require(f"({' OR '.join(same)})")
        return sorted(await self._remove(lease, where), key=attrgetter("entity_id"))

    def _living(self, wanted: Mapping[str, object]) -> Conditions:
        where = Conditions()
        for name, value in wanted.items():
            where.add_equal(name, value)
        if self._kind.expires:
            where.add("(expires_at IS NULL OR expires_at > {})", int(self._clock()))
        return where


def _names(values: Mapping[str, object]) -> str:
    return ", ".join(f'"{name}"' for name in values)


def _parameters(values: Mapping[str, object]) -> str:
    return ", ".join(f"${place}" for place in range(1, len(values) + 1))
