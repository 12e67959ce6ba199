"""Brings declarations into stores in memory: whole, at once, and again with each edition."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

import structlog

from authsvc.apikey import ApiKey
from authsvc.entities import Acl, Consumer, Plugin, Route, Service, StoredCredential
from authsvc.sealing import Sealer
from authsvc.store import AppliedBoard
from sidecar.declarative.declaration import Declaration, DeclaredCredential
from sidecar.declarative.editions import Declarations, Edition

_LOOK_SECONDS = 0.01
_APPLIED_WITHIN = 5.0  # seconds; a follower that takes longer is not waited for

_log = structlog.get_logger(__name__)
R_contra = TypeVar("R_contra", contravariant=True)


class Table(Protocol[R_contra]):
    """A table that is not in use."""

    def fill(self, entities: Iterable[R_contra]) -> None:
        """Add rows."""


class Tables(Protocol):
    """A database in memory that is not in use."""

    @property
    def consumers(self) -> Table[Consumer]:
        """Who calls."""

    @property
    def credentials(self) -> Table[StoredCredential]:
        """Their keys."""

    @property
    def acls(self) -> Table[Acl]:
        """Their groups."""

    @property
    def services(self) -> Table[Service]:
        """What is called."""

    @property
    def routes(self) -> Table[Route]:
        """By which names."""

    @property
    def plugins(self) -> Table[Plugin]:
        """Under which rules."""


T = TypeVar("T", bound=Tables)
C_contra = TypeVar("C_contra", bound=Tables, contravariant=True)


class Adopting(Protocol[C_contra]):
    """A database in memory that is in use."""

    @property
    def board(self) -> AppliedBoard:
        """Who has applied what."""

    def adopt(self, other: C_contra) -> int:
        """Have another's entities, at once; return the seq of that."""


class Loader(Generic[T]):
    """Brings each edition into a database.

    ``make`` returns a new one to be filled, in a thread; ``sealer`` seals the keys for it, None:
    this process has nothing to do with keys.
    """

    def __init__(
        self,
        declarations: Declarations,
        *,
        database: Adopting[T],
        make: Callable[[], T],
        sealer: Sealer | None,
    ) -> None:
        self._declarations = declarations
        self._database = database
        self._make = make
        self._sealer = sealer
        self._edition: Edition | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def edition(self) -> Edition:
        """The edition that the stores hold."""
        if self._edition is None:
            raise RuntimeError("nothing was loaded yet")
        return self._edition

    async def publish(self, declaration: Declaration) -> bool:
        """Put a declaration in force; return whether every process that serves goes by it.

        Raises:
            CannotPublishError: It cannot be, from here.
            TimeoutError: It is not known whether it is.
        """
        return await self._declarations.publish(declaration)

    def is_following(self) -> bool:
        """Tell whether the next edition will be loaded too."""
        return self._task is not None and not self._task.done()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Load what is in force, then each edition in the background until left."""
        await self.load()
        self._task = asyncio.create_task(self._follow(), name="declarations")
        try:
            yield
        finally:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def load(self) -> None:
        """Wait for the next edition, and load it."""
        edition = await self._declarations.next()
        filled = await asyncio.to_thread(self._filled, edition)
        seq = self._database.adopt(filled)
        self._edition = edition
        await self._until_applied(seq)
        self._declarations.applied(edition.number)

    async def _follow(self) -> None:
        try:
            while True:
                await self.load()
        except Exception:
            _log.exception("declarations are not followed any more")
            raise

    def _filled(self, edition: Edition) -> T:
        tables, declaration = self._make(), edition.declaration
        tables.services.fill(declaration.services)
        tables.routes.fill(declaration.routes)
        tables.plugins.fill(declaration.plugins)
        tables.consumers.fill(declaration.consumers)
        tables.acls.fill(declaration.acls)
        if self._sealer is not None:
            tables.credentials.fill(
                seal(credential, self._sealer) for credential in declaration.credentials
            )
        return tables

    async def _until_applied(self, seq: int) -> None:
        try:
            async with asyncio.timeout(_APPLIED_WITHIN):
                while (slowest := await self._database.board.slowest()) is not None:
                    if slowest >= seq:
                        return
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            _log.warning("a declaration is in force, but is not gone by yet")


def seal(credential: DeclaredCredential, sealer: Sealer) -> StoredCredential:
    """Return the stored form of a declared credential.

    Raises:
        TypeError: Its key is sealed otherwise.
    """
    if not isinstance(credential.key, ApiKey):
        raise TypeError("a sealed key is nothing to load")
    return sealer.seal(
        credential.key,
        credential_id=credential.id,
        consumer_id=credential.consumer_id,
        created_at=credential.created_at,
        expires_at=credential.expires_at,
        tags=credential.tags,
        enabled=credential.enabled,
        name=credential.name,
        metadata=credential.metadata,
    )
