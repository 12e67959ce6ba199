"""The kinds of entity, and what ties them together: the rules that every store keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Generic, TypeVar

from authsvc.entities import (
    Acl,
    AdminToken,
    Consumer,
    Entity,
    Plugin,
    Route,
    Service,
    StoredCredential,
)
from authsvc.store import EntityName

E = TypeVar("E", bound=Entity)


@dataclass(frozen=True, slots=True)
class Reference:
    """A field that holds another entity's id.

    ``cascades``: deleting that entity deletes this one too; otherwise it cannot be deleted.
    """

    to: EntityName
    cascades: bool


@dataclass(frozen=True, slots=True)
class Kind(Generic[E]):
    """One kind of entity.

    ``unique`` lists the fields that must differ together, in the order in which they are checked;
    values that are all None never collide. ``expires`` says that ``expires_at`` ends its life.
    """

    name: EntityName
    entity: type[E]
    unique: tuple[tuple[str, ...], ...]
    references: Mapping[str, Reference] = field(default_factory=dict)
    expires: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the entity's fields."""
        return _columns(self.entity)  # type: ignore[arg-type]  # a class can be hashed

    @property
    def ids(self) -> frozenset[str]:
        """The names of the fields that hold ids."""
        return frozenset({"id", *self.references})

    @property
    def indexed(self) -> frozenset[str]:
        """The names of the fields whose texts an index holds."""
        return frozenset({"tags", *(name for names in self.unique for name in names)})


@cache
def _columns(entity: type[Entity]) -> tuple[str, ...]:
    return tuple(one.name for one in fields(entity))


CONSUMERS = Kind("consumers", Consumer, (("id",), ("username",), ("custom_id",)))
CREDENTIALS = Kind(
    "credentials",
    StoredCredential,
    (("id",), ("digest",)),
    {"consumer_id": Reference("consumers", cascades=True)},
    expires=True,
)
ACLS = Kind(
    "acls",
    Acl,
    (("id",), ("consumer_id", "group")),
    {"consumer_id": Reference("consumers", cascades=True)},
)
SERVICES = Kind("services", Service, (("id",), ("name",)))
ROUTES = Kind(
    "routes",
    Route,
    (("id",), ("name",)),
    {"service_id": Reference("services", cascades=False)},
)
PLUGINS = Kind(
    "plugins",
    Plugin,
    (("id",), ("instance_name",), ("name", "route_id", "service_id")),
    {
        "route_id": Reference("routes", cascades=True),
        "service_id": Reference("services", cascades=True),
    },
)
TOKENS = Kind("tokens", AdminToken, (("id",), ("name",), ("token_hash",)), expires=True)


@dataclass(frozen=True, slots=True)
class Written:
    """What a change says, but for its seq."""

    entity: EntityName
    entity_id: str
    consumer_id: str | None = None
    digest: bytes | None = None


def written(kind: Kind[E], entity: E) -> Written:
    """Return what the change log says of an entity that was written."""
    owner = entity.id if isinstance(entity, Consumer) else getattr(entity, "consumer_id", None)
    return Written(kind.name, entity.id, owner, getattr(entity, "digest", None))


def replaced(kind: Kind[E], old: E, new: E) -> tuple[Written, ...]:
    """Return what the change log says of an entity that took the place of another."""
    before, after = written(kind, old), written(kind, new)
    return (after,) if before == after else (before, after)
