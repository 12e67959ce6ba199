"""One kind of entity in memory."""

import bisect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Generic, TypeVar

from authsvc.entities import Entity
from authsvc.errors import (
    EntityChangedError,
    ForeignKeyViolationError,
    UniqueViolationError,
    UnstorableValueError,
)
from authsvc.identifier import canonical_id
from authsvc.kinds import Kind, Written, replaced, written
from authsvc.memory.change_log import MemoryChangeLog
from authsvc.storable import check_storable, encode_document, lookup
from authsvc.store import EntityName, TagFilter

E = TypeVar("E", bound=Entity)


class MemoryTable(Generic[E]):
    """An ``EntityStore``. Tables know each other by name, for their references."""

    def __init__(
        self,
        kind: Kind[E],
        *,
        tables: "Mapping[EntityName, MemoryTable[Entity]]",
        log: MemoryChangeLog,
        clock: Callable[[], float],
    ) -> None:
        self.kind = kind
        self._tables = tables
        self._log = log
        self._clock = clock
        self._ids: list[str] = []  # sorted, for pages
        self._rows: dict[str, E] = {}
        self._unique: dict[tuple[str, ...], dict[tuple[object, ...], str]] = {
            names: {} for names in kind.unique
        }
        self._referring: dict[str, dict[str, list[str]]] = {name: {} for name in kind.references}
        self.refuse: Callable[[E], None] = lambda _entity: None  # raises if it must not be written

    async def get(self, entity_id: str) -> E | None:
        """Return the entity with this id."""
        return await self.find(id=entity_id)

    async def find(self, **fields: object) -> E | None:
        """Return the one entity with these values."""
        wanted = lookup(self.kind, fields)
        return None if wanted is None else next(self.matching(wanted), None)

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
        wanted = lookup(self.kind, fields)
        found: list[E] = []
        if wanted is None:
            return found
        for row in self.matching(wanted, after=start):
            if len(found) == size:
                break
            if tags is None or _has_tags(row, tags):
                found.append(row)
        return found

    async def insert(self, entity: E) -> int:
        """Add an entity."""
        check_storable(self.kind, entity)
        self.refuse(entity)
        self._check_unique(entity, exempt=())
        self._check_references(entity)
        purged = self._purge_expired(entity)
        self._put(entity)
        return self._log.append((*purged, written(self.kind, entity)))

    async def replace(self, entity: E, *, expected: E | None = None) -> int | None:
        """Store the entity in place of the one with its id."""
        check_storable(self.kind, entity)
        old = self._rows.get(entity.id)
        if old is None or self._is_expired(old):
            return None
        if expected is not None and expected != old:
            raise EntityChangedError
        self.refuse(entity)
        self._check_unique(entity, exempt=(entity.id,))
        self._check_references(entity)
        self._remove(old)
        purged = self._purge_expired(entity)
        self._put(entity)
        return self._log.append((*purged, *replaced(self.kind, old, entity)))

    async def delete(self, entity_id: str) -> int | None:
        """Remove an entity and what belongs to it."""
        row = await self.get(entity_id)
        if row is None:
            return None
        self._check_unreferred(row)
        self.remove_with_dependents(row)
        return self._log.append((written(self.kind, row),))

    def fill(self, entities: Iterable[E]) -> None:
        """Add rows without a word in the change log, and without a check.

        The caller answers for it that the table keeps its promises with them.
        """
        for entity in sorted(entities, key=lambda each: each.id):  # so that each goes to the end
            self._put(entity)

    def take_over(self, other: "MemoryTable[E]") -> None:
        """Have the rows of another table of this kind, which must not be used any more."""
        self._ids, self._rows = other._ids, other._rows  # noqa: SLF001 - of this very class
        self._unique, self._referring = other._unique, other._referring  # noqa: SLF001

    async def purge(self, *, before: int, limit: int) -> int:
        """Remove entities whose time is over, without a word in the change log."""
        ends = ((row, getattr(row, "expires_at", None)) for row in self.rows())
        over = list(islice((row for row, end in ends if end is not None and end <= before), limit))
        for row in over:
            self.remove_with_dependents(row)
        return len(over)

    def matching(self, wanted: Mapping[str, object], *, after: str | None = None) -> Iterator[E]:
        """Yield the living rows with these values (as they are stored), in the order of ids."""
        for row in self._candidates(wanted, after):
            if not self._is_expired(row) and _has(row, wanted):
                yield row

    def has(self, entity_id: str) -> bool:
        """Tell whether there is a row with this id, also an expired one."""
        return entity_id in self._rows

    def rows(self, *, after: str | None = None) -> Iterator[E]:
        """Yield all rows in the order of their ids, also expired ones."""
        for at in range(
            0 if after is None else bisect.bisect_right(self._ids, after), len(self._ids)
        ):
            yield self._rows[self._ids[at]]

    def overwrite(self, entity: E) -> None:
        """Put a row in place of the one with its id, without a word in the change log."""
        self._check_unique(entity, exempt=(entity.id,))
        self._remove(self._rows[entity.id])
        self._put(entity)

    def referring(self, name: str, entity_id: str) -> list[E]:
        """Return the rows whose reference ``name`` is this id, also expired ones."""
        return [self._rows[at] for at in self._referring[name].get(entity_id, ())]

    def remove_with_dependents(self, row: E) -> None:
        """Remove a row and the rows of other tables that belong to it."""
        for table, name in self._referrers(cascades=True):
            for dependent in table.referring(name, row.id):
                table.remove_with_dependents(dependent)
        self._remove(row)

    def by_unique(self, names: tuple[str, ...], values: tuple[object, ...]) -> E | None:
        """Return the row with these unique values, also an expired one."""
        found = self._unique[names].get(values)
        return None if found is None else self._rows[found]

    def _candidates(self, wanted: Mapping[str, object], after: str | None) -> Iterator[E]:
        for names in self.kind.unique:
            values = tuple(wanted.get(name) for name in names)
            if set(names) <= wanted.keys() and any(value is not None for value in values):
                row = self.by_unique(names, values)
                if row is not None and (after is None or row.id > after):
                    yield row
                return
        ids = self._ids
        for name, by_target in self._referring.items():
            if isinstance(target := wanted.get(name), str):
                ids = by_target.get(target, [])
        for at in range(0 if after is None else bisect.bisect_right(ids, after), len(ids)):
            yield self._rows[ids[at]]

    def _check_unique(self, entity: E, *, exempt: tuple[str, ...]) -> None:
        for names, values in _unique_values(self.kind, entity):
            row = self.by_unique(names, values)
            if row is not None and row.id not in exempt and not self._is_expired(row):
                raise UniqueViolationError(names)

    def _check_references(self, entity: E) -> None:
        for name, reference in self.kind.references.items():
            target = getattr(entity, name)
            if target is not None and not self._tables[reference.to].has(target):
                raise ForeignKeyViolationError(name)

    def _check_unreferred(self, row: E) -> None:
        for table, name in self._referrers(cascades=False):
            if table.referring(name, row.id):
                raise ForeignKeyViolationError(name)

    def _referrers(self, *, cascades: bool) -> "Iterator[tuple[MemoryTable[Entity], str]]":
        for table in self._tables.values():
            for name, reference in table.kind.references.items():
                if reference.to == self.kind.name and reference.cascades == cascades:
                    yield table, name

    def _purge_expired(self, entity: E) -> list[Written]:
        found = (self.by_unique(*unique) for unique in _unique_values(self.kind, entity))
        expired = {row.id: row for row in found if row is not None and self._is_expired(row)}
        for row in expired.values():
            self._remove(row)
        return [written(self.kind, expired[id_]) for id_ in sorted(expired)]

    def _is_expired(self, row: E) -> bool:
        expires_at: int | None = getattr(row, "expires_at", None)
        return expires_at is not None and expires_at <= self._clock()

    def _put(self, entity: E) -> None:
        row = _own(self.kind, entity)
        self._rows[row.id] = row
        bisect.insort(self._ids, row.id)
        for names, values in _unique_values(self.kind, row):
            self._unique[names][values] = row.id
        for name, target in _targets(self.kind, row):
            bisect.insort(self._referring[name].setdefault(target, []), row.id)

    def _remove(self, row: E) -> None:
        del self._rows[row.id]
        _discard(self._ids, row.id)
        for names, values in _unique_values(self.kind, row):
            del self._unique[names][values]
        for name, target in _targets(self.kind, row):
            _discard(self._referring[name][target], row.id)
            if not self._referring[name][target]:
                del self._referring[name][target]


def _unique_values(kind: Kind[E], row: E) -> Iterator[tuple[tuple[str, ...], tuple[object, ...]]]:
    for names in kind.unique:
        values = tuple(getattr(row, name) for name in names)
        if any(value is not None for value in values):
            yield names, values


def _targets(kind: Kind[E], row: E) -> Iterator[tuple[str, str]]:
    for name in kind.references:
        if (target := getattr(row, name)) is not None:
            yield name, target


def _discard(sorted_ids: list[str], entity_id: str) -> None:
    del sorted_ids[bisect.bisect_left(sorted_ids, entity_id)]


def _own(kind: Kind[E], entity: E) -> E:
    """Copy an entity as deep as the caller could still change it."""
    documents = {
        name: json.loads(encode_document(value))
        for name in kind.columns
        if isinstance(value := getattr(entity, name), Mapping)
    }
    return replace(entity, **documents)


def _has(row: object, wanted: Mapping[str, object]) -> bool:
    return all(getattr(row, name) == value for name, value in wanted.items())


def _has_tags(row: Entity, tags: TagFilter) -> bool:
    if row.tags is None:
        return False
    if tags.match == "some":
        return bool(row.tags)
    return {"all": all, "any": any}[tags.match](tag in row.tags for tag in tags.tags)
