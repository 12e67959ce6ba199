"""What authsvc and the Admin API need of a database: narrow ports.

Each is implemented in memory (``authsvc.memory``) and on Postgres (``authsvc.postgres``); one
suite, ``tests/contract``, holds both to these docstrings.  Every method may raise
``StoreUnavailableError``, and nothing else than what is said here.  A write that raises it may
have happened all the same: the answer was lost, not necessarily the write.

A *seq* is a position in the change log: it grows with every write, in commit order, without gaps
for a reader.  The log is the truth about what changed; a hint only says "look now".
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from authsvc.audit import AuditTrail
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
from authsvc.ring_store import KeyringStore, RotationStore

E = TypeVar("E", bound=Entity)


@dataclass(frozen=True, slots=True)
class TagFilter:
    """Entities that have all, or any, of these tags; or ``some`` tags, whichever they are."""

    tags: tuple[str, ...]
    match: Literal["all", "any", "some"]


TAGGED = TagFilter((), "some")
"""Entities that have a tag."""


class EntityStore(Protocol[E]):
    """One kind of entity.

    Deleting a consumer also deletes its credentials and ACL entries; deleting a service or a
    route also deletes the plugins on it. A service that a route refers to cannot be deleted.
    Credentials and tokens past ``expires_at`` are absent from every read, and do not stand in the
    way of a new one with the same id or unique fields.

    Ids are compared as UUIDs, in any letter case. What cannot be stored is found nowhere.
    """

    async def get(self, entity_id: str) -> E | None:
        """Return the entity with this id, or None."""

    async def find(self, **fields: object) -> E | None:
        """Return the one entity whose fields have exactly these values, or None.

        The fields together are unique for the entity: ``username=…``; ``digest=…``;
        ``consumer_id=…, group=…``; ``name=…``.
        """

    async def page(
        self,
        *,
        size: int,
        after: str | None = None,
        tags: TagFilter | None = None,
        **fields: object,
    ) -> Sequence[E]:
        """Return at most ``size`` entities in the order of their ids, those after ``after``.

        ``fields`` narrows to entities that have these values (``consumer_id=…``; None: unset).

        Raises:
            UnstorableValueError: ``after`` is not an id.
        """

    async def insert(self, entity: E) -> int:
        """Add an entity; return the seq of the change.

        Raises:
            UnstorableValueError: A value cannot be stored.
            UniqueViolationError: Another entity has the same id (``fields == ("id",)``) or the
                same unique fields. Where several collide, the first is named.
            ForeignKeyViolationError: It refers to something that does not exist.
        """

    async def replace(self, entity: E, *, expected: E | None = None) -> int | None:
        """Store the entity in place of the one with its id; return the seq, or None if absent.

        ``expected`` is that one as it was read: with it, nobody's write since is undone.

        Raises:
            EntityChangedError: It is not as expected; nothing was written.
            UnstorableValueError: A value cannot be stored.
            UniqueViolationError: Another entity has the same unique fields.
            ForeignKeyViolationError: It refers to something that does not exist.
        """

    async def delete(self, entity_id: str) -> int | None:
        """Remove an entity; return the seq, or None if there was none.

        Raises:
            ForeignKeyViolationError: Something else still refers to it.
        """

    async def purge(self, *, before: int, limit: int) -> int:
        """Remove at most so many entities that were past ``expires_at`` by then; return how many.

        What is removed was absent already, so nothing is said of it in the change log.
        """


@dataclass(frozen=True, slots=True)
class KnownConsumer:
    """A consumer as a worker needs it: with the names of its ACL groups, sorted."""

    consumer: Consumer
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownCredential:
    """A credential found by digest, with its consumer."""

    credential: StoredCredential
    owner: KnownConsumer


class Directory(Protocol):
    """What a worker asks for on a cache miss. Reads see everything committed before they began."""

    async def find_credentials(self, digests: Sequence[bytes]) -> Mapping[bytes, KnownCredential]:
        """Return the credentials with these blind indexes, by them; expired ones included."""

    async def find_consumer(self, reference: str) -> KnownConsumer | None:
        """Return the consumer with this id if it looks like one, else with this username."""


class DigestListing(Protocol):
    """Which blind indexes there are, for a worker that wants to know them all."""

    async def page(self, start: int, *, size: int) -> "array[int]":
        """Return what stands for the next digests, those of expired credentials included.

        That is their first eight bytes as a number. In order, from ``start`` on, ``size`` of them
        or less if there are no more. A page has every credential that was there when it was asked
        for; of several that begin alike it may have one. What is no digest of 32 bytes may be left
        out, and does no harm to the others.
        """


EntityName = Literal[
    "consumers", "credentials", "acls", "services", "routes", "plugins", "tokens", "keyring"
]


@dataclass(frozen=True, slots=True)
class Change:
    """One written entity.

    ``consumer_id`` is set for consumers, credentials and ACL entries, ``digest`` for credentials.
    An entity whose digest or consumer changed makes two changes: as it was, then as it is.
    A deletion is one change: whatever belonged to the entity is gone with it.
    """

    seq: int
    entity: EntityName
    entity_id: str
    consumer_id: str | None = None
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes in order of seq; ``complete`` is False if older ones are no longer in the log."""

    changes: tuple[Change, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of the change log is kept: so many changes, and so many seconds, at least."""

    changes: int = 10_000
    seconds: float = 600.0
    every: int = 1_000  # changes between two prunings: pruning costs little, but not nothing


class ChangeFeed(Protocol):
    """The change log, read by every process that keeps something in memory."""

    async def head(self) -> int:
        """Return the seq of the newest committed change, 0 if there is none."""

    async def since(self, seq: int, *, limit: int = 1000) -> Changes:
        """Return the changes after ``seq``, at most ``limit``.

        Not complete if the one after ``seq`` was pruned, or if ``seq`` is beyond the head: the
        database is another one than it was (restored from a backup). Read the head again then.
        """

    async def wait(self, seconds: float) -> None:
        """Return when something may have changed, at the latest after ``seconds``.

        A hint only: it may come late, or for nothing. Never raises because the store is away.
        """


class AppliedBoard(Protocol):
    """Who has applied which change: what ``?wait=applied`` waits for.

    A worker counts as live until it leaves, or was not heard of for ``LIVE_SECONDS``.
    """

    async def report(self, worker: str, seq: int) -> None:
        """Say that this worker lives and has applied every change up to ``seq``."""

    async def leave(self, worker: str) -> None:
        """Say that this worker stops."""

    async def slowest(self) -> int | None:
        """Return the smallest seq among live workers, or None if there are none."""


LIVE_SECONDS = 5.0


class Stores(Protocol):
    """A database: one store for each thing that is kept in it."""

    @property
    def consumers(self) -> EntityStore[Consumer]:
        """Who calls."""

    @property
    def credentials(self) -> EntityStore[StoredCredential]:
        """Their keys."""

    @property
    def acls(self) -> EntityStore[Acl]:
        """Their groups."""

    @property
    def services(self) -> EntityStore[Service]:
        """What is called."""

    @property
    def routes(self) -> EntityStore[Route]:
        """By which names."""

    @property
    def plugins(self) -> EntityStore[Plugin]:
        """Under which rules."""

    @property
    def tokens(self) -> EntityStore[AdminToken]:
        """Who may administrate."""

    @property
    def audit(self) -> AuditTrail:
        """Who did."""

    @property
    def directory(self) -> Directory:
        """What a worker looks up."""

    @property
    def digests(self) -> DigestListing:
        """Which keys there are."""

    @property
    def changes(self) -> ChangeFeed:
        """What was written."""

    @property
    def board(self) -> AppliedBoard:
        """Who has applied it."""

    @property
    def keyring(self) -> KeyringStore:
        """The wrapped keys."""

    @property
    def rotation(self) -> RotationStore:
        """The exchange of one of them for another."""
