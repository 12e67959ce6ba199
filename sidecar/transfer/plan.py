"""What an import has to write, and to delete, so that the database holds what the file says."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from authsvc.apikey import ApiKey
from authsvc.entities import StoredCredential
from authsvc.errors import KeyringError
from authsvc.kinds import ACLS, CONSUMERS, CREDENTIALS, PLUGINS, ROUTES, SERVICES, Kind
from authsvc.sealing import Sealer
from sidecar.declarative.declaration import Declaration, DeclaredCredential
from sidecar.transfer.conflicts import ImportConflictError, conflict_text
from sidecar.transfer.matching import Matcher, Matches

# What grants comes last: a key works only when its consumer's groups and all policies are there.
WRITE_ORDER: tuple[Kind[Any], ...] = (SERVICES, ROUTES, PLUGINS, CONSUMERS, ACLS, CREDENTIALS)
DELETE_ORDER: tuple[Kind[Any], ...] = (CREDENTIALS, ACLS, CONSUMERS, PLUGINS, ROUTES, SERVICES)
_PAGE = 1000  # rows


class Rows(Protocol):
    """A database to read from."""

    async def page(self, kind: Kind[Any], *, size: int, after: str | None = None) -> Sequence[Any]:
        """Return at most ``size`` entities in the order of their ids, those after ``after``."""


async def pages(rows: Rows, kind: Kind[Any]) -> AsyncIterator[Sequence[Any]]:
    """Yield everything of a kind, page by page.

    Raises:
        StoreUnavailableError: The database did not answer.
    """
    after: str | None = None
    while page := await rows.page(kind, size=_PAGE, after=after):
        yield page
        after = page[-1].id


@dataclass(frozen=True, slots=True, kw_only=True)
class KindPlan:
    """What is to be done to one kind of entity.

    ``puts`` are the entities to write, as they are to be; credentials with their keys yet to be
    sealed. ``first`` are the ids of rows that stand in their way, ``gone`` of all others that are
    to be deleted.
    """

    kind: Kind[Any]
    puts: tuple[Any, ...] = field(default=(), repr=False)
    created: int = 0
    unchanged: int = 0
    first: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def updated(self) -> int:
        """How many of the writes are changes."""
        return len(self.puts) - self.created

    @property
    def deleted(self) -> int:
        """How many rows are to be deleted by themselves."""
        return len(self.first) + len(self.gone)


Plan = Mapping[str, KindPlan]
"""By the names of the kinds."""


async def make_plan(
    declaration: Declaration, rows: Rows, *, sealer: Sealer, now: int, prune: bool
) -> Plan:
    """Compare a file with a database.

    Args:
        declaration: The file; its keys in clear.
        rows: The database.
        sealer: Opens the database's keys.
        now: The epoch second that the file was read at.
        prune: Whether what is not in the file goes; of a file that decK selected by tags, only
            what has all of these.

    Raises:
        ImportConflictError: Entities of the file cannot be there beside rows of the database.
        StoreUnavailableError: The database did not answer.
    """
    planner = _Planner(declaration, sealer=sealer, now=now, prune=prune)
    for kind in WRITE_ORDER:
        await planner.take(kind, rows)
    if planner.conflicts:
        raise ImportConflictError(planner.conflicts)
    return planner.plans


class _Planner:
    def __init__(self, declaration: Declaration, *, sealer: Sealer, now: int, prune: bool) -> None:
        self._declaration = declaration
        self._sealer = sealer
        self._now = now
        self._prune = prune
        self._consumer_names: dict[str, str] = {}  # by their ids in the database
        self._final: dict[str, str] = {}  # ids of the file -> of the database
        self.plans: dict[str, KindPlan] = {}
        self.conflicts: list[str] = []

    async def take(self, kind: Kind[Any], rows: Rows) -> None:
        entities = [self._referring(each, kind) for each in getattr(self._declaration, kind.name)]
        given = self._declaration.given_ids
        matcher: Matcher[Any] = Matcher(kind, entities, given_ids=given, sealer=self._sealer)
        prunable = await self._meet_all(matcher, kind, rows)
        found = matcher.matches()
        self._final |= found.ids
        if kind is CONSUMERS:
            self._note_names(found)
        kept = set(found.ids.values())
        surplus = dict.fromkeys(each for each in prunable if each not in kept)
        first = self._obstacles(kind, found, surplus.keys())
        puts = [put for each in entities if (put := self._put(each, found)) is not None]
        self.plans[kind.name] = KindPlan(
            kind=kind,
            puts=tuple(puts),
            created=len(found.ids) - len(found.rows),
            unchanged=len(entities) - len(puts),
            first=tuple(first),
            gone=tuple(each for each in surplus if each not in first),
        )

    async def _meet_all(self, matcher: Matcher[Any], kind: Kind[Any], rows: Rows) -> list[str]:
        """Show every row to the matcher; return the ids of those that may be deleted."""
        wanted = set(self._declaration.select_tags)
        prunable: list[str] = []
        async for page in pages(rows, kind):
            for row in page:
                matcher.meet(row)
                if self._prune and wanted <= set(row.tags or ()):
                    prunable.append(row.id)
        return prunable

    def _referring(self, entity: Any, kind: Kind[Any]) -> Any:
        """Return an entity that refers to others by the ids that they have in the database."""
        known = {name: getattr(entity, name) for name in kind.references}
        return replace(entity, **{name: self._final.get(to, to) for name, to in known.items()})

    def _note_names(self, found: Matches[Any]) -> None:
        self._consumer_names = {
            found.ids[each.id]: each.username or each.custom_id or each.id
            for each in self._declaration.consumers
        }

    def _obstacles(
        self, kind: Kind[Any], found: Matches[Any], surplus: Collection[str]
    ) -> dict[str, None]:
        """Return the rows that have to go first; note the collisions with those that stay."""
        obstacles: dict[str, None] = {}
        for collision in found.collisions:
            if collision.row.id in surplus:
                obstacles[collision.row.id] = None
            else:
                self.conflicts.append(
                    conflict_text(
                        kind,
                        collision,
                        consumers=self._consumer_names,
                        given_ids=self._declaration.given_ids,
                    )
                )
        return obstacles

    def _put(self, entity: Any, found: Matches[Any]) -> Any | None:
        """Return what to write for an entity; None: its row is as the file says."""
        row = found.rows.get(entity.id)
        wanted = replace(entity, id=found.ids[entity.id])
        if row is None:
            return wanted
        if wanted.created_at == self._now:  # the file does not say when
            wanted = replace(wanted, created_at=row.created_at)
        if isinstance(wanted, DeclaredCredential):
            wanted = self._kept(wanted, row)
            return None if self._is_stored(wanted, row) else wanted
        same = replace(wanted, updated_at=row.updated_at) if hasattr(row, "updated_at") else wanted
        return None if same == row else wanted

    def _kept(self, wanted: DeclaredCredential, row: StoredCredential) -> DeclaredCredential:
        """Return a credential with what an import leaves as it is."""
        if wanted.expires_at is not None and row.expires_at is not None:
            # A file that is imported again and again must not let a key live for ever.
            wanted = replace(wanted, expires_at=min(wanted.expires_at, row.expires_at))
        if wanted.generated and (key := self._key_of(row)) is not None:
            wanted = replace(wanted, key=key)
        return wanted

    def _is_stored(self, wanted: DeclaredCredential, row: StoredCredential) -> bool:
        same = all(getattr(wanted, name) == getattr(row, name) for name in _COMPARED)
        return same and wanted.key == self._key_of(row)

    def _key_of(self, row: StoredCredential) -> ApiKey | None:
        try:
            return self._sealer.reveal(row)
        except KeyringError:  # somebody meddled with it: it is written anew
            return None


_COMPARED: Sequence[str] = (
    "consumer_id",
    "created_at",
    "expires_at",
    "tags",
    "enabled",
    "name",
    "metadata",
)
