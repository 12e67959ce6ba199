"""Which entity of a file is which row of a database.

Rules, for one kind of entity:

1. An entity with an id of its own is the row of that id.
2. Any other is the row of the same name: the username (or else the custom id) of a consumer, the
   name of a service or a route, the group of a consumer, a plugin's name and scope, the key of a
   consumer's credential. Without one it is the row of the id that was derived for it.
3. Nothing else is taken for the same. Where a row has what must be unique of an entity that it is
   not, the two collide.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import uuid4

from authsvc.apikey import ApiKey
from authsvc.kinds import Kind
from authsvc.policy import KEY_AUTH, KEY_AUTH_NAMES
from authsvc.sealing import Sealer
from sidecar.declarative.declaration import Declared, DeclaredCredential

D = TypeVar("D", bound=Declared)
Claim = tuple[tuple[str, ...], tuple[Hashable, ...]]
"""Fields that must be unique together, and their values."""

_SCOPE = ("name", "route_id", "service_id")
_DIGEST = ("digest",)


@dataclass(frozen=True, slots=True)
class Collision(Generic[D]):
    """An entity of the file that cannot be there beside a row, and by which fields."""

    entity: D
    fields: tuple[str, ...]
    row: Any


@dataclass(frozen=True, slots=True)
class Matches(Generic[D]):
    """What became of every entity: its final id, its row if there is one, and its collisions."""

    ids: Mapping[str, str]  # by the id that the declaration has
    rows: Mapping[str, Any]  # by the same
    collisions: Sequence[Collision[D]]


class Matcher(Generic[D]):
    """Meets the rows of one kind, all of them, one after the other."""

    def __init__(
        self, kind: Kind[Any], entities: Sequence[D], *, given_ids: frozenset[str], sealer: Sealer
    ) -> None:
        """Take the entities of a file, the ids that it gave, and what digests keys."""
        self._kind = kind
        self._sealer = sealer
        self._given = given_ids
        self._entities = {entity.id: entity for entity in entities}
        self._claimed: dict[Claim, str] = {}
        self._names: dict[str, set[Claim]] = {}
        for entity in entities:
            claims = list(self._claims(entity))
            self._claimed |= dict.fromkeys(claims, entity.id)
            self._names[entity.id] = set(_names(claims))
        self._by_id: dict[str, Any] = {}
        self._met: list[tuple[str, Claim, Any]] = []

    def meet(self, row: Any) -> None:
        """Have a look at a row."""
        if row.id in self._entities:
            self._by_id[row.id] = row
        for claim in self._claims(row):
            claimant = self._claimed.get(claim)
            if claimant is not None:
                self._met.append((claimant, claim, row))

    def matches(self) -> Matches[D]:
        """Return who is who, when all rows were met."""
        rows = {each: row for each, row in self._by_id.items() if each in self._given}
        taken = set(rows)
        for entity_id, row in self._candidates():
            if entity_id not in rows and row.id not in taken:
                rows[entity_id] = row
                taken.add(row.id)
        ids = {each: self._final_id(each, rows.get(each)) for each in self._entities}
        collisions = [
            Collision(self._entities[entity_id], claim[0], row)
            for entity_id, claim, row in self._met
            if ids[entity_id] != row.id
        ]
        return Matches(ids, rows, collisions)

    def _candidates(self) -> Iterator[tuple[str, Any]]:
        """Yield rows for entities that came without an id: by name, then by derived id."""
        for entity_id, claim, row in self._met:
            named = claim in self._names[entity_id] and entity_id not in self._given
            if named and self._has_owner_of(row, entity_id):
                yield entity_id, row
        for entity_id, row in self._by_id.items():
            if self._has_derived_id(entity_id) and self._has_owner_of(row, entity_id):
                yield entity_id, row

    def _has_owner_of(self, row: Any, entity_id: str) -> bool:
        entity = self._entities[entity_id]
        return not isinstance(entity, DeclaredCredential) or entity.consumer_id == row.consumer_id

    def _has_derived_id(self, entity_id: str) -> bool:
        # That of a key comes from its place in the file, where next time another key may be.
        entity = self._entities[entity_id]
        return not isinstance(entity, DeclaredCredential) or entity.generated

    def _final_id(self, entity_id: str, row: Any | None) -> str:
        if row is not None:
            return str(row.id)
        if entity_id in self._given:
            return entity_id
        free = entity_id not in self._by_id and self._has_derived_id(entity_id)
        return entity_id if free else str(uuid4())

    def _claims(self, entity: Any) -> Iterator[Claim]:
        """Yield what is unique of an entity or a row, but for its id."""
        if isinstance(entity, DeclaredCredential):
            if isinstance(entity.key, ApiKey) and not entity.generated:
                for digest in dict.fromkeys(self._sealer.searches(entity.key)):
                    yield _DIGEST, (digest,)
            return
        for fields in self._kind.unique[1:]:
            values = tuple(_value(entity, field) for field in fields)
            if any(value is not None for value in values):
                yield fields, values


def _names(claims: Sequence[Claim]) -> Iterator[Claim]:
    """Yield by what an entity is known: the first that is unique; of a plugin, its scope."""
    scopes = [claim for claim in claims if claim[0] == _SCOPE]
    known_by = (scopes or list(claims))[:1]
    yield from (claim for claim in claims if claim[0] == (known_by[0][0] if known_by else None))


def _value(entity: Any, field: str) -> Any:
    value = getattr(entity, field)
    # The two names of key authentication mean one plugin.
    return KEY_AUTH if field == "name" and value in KEY_AUTH_NAMES else value
