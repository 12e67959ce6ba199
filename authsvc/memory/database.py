"""All stores in memory, as one database."""

import time
from collections.abc import Callable

from authsvc import kinds
from authsvc.entities import Entity
from authsvc.memory.applied_board import MemoryAppliedBoard
from authsvc.memory.change_log import MemoryChangeLog
from authsvc.memory.digest_listing import MemoryDigestListing
from authsvc.memory.directory import MemoryDirectory
from authsvc.memory.keyring_store import MemoryKeyringStore
from authsvc.memory.rotation_store import MemoryRotationStore
from authsvc.memory.table import MemoryTable
from authsvc.store import EntityName, Retention


class MemoryDatabase:
    """``Stores`` that live and die with the process.

    Belongs to one event loop. Nothing in it ever waits for anything but a change, and nothing is
    ever unavailable.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        retention: Retention = Retention(),  # noqa: B008 - frozen
    ) -> None:
        self.changes = MemoryChangeLog(clock=clock, retention=retention)
        tables: dict[EntityName, MemoryTable[Entity]] = {}

        def table(kind: kinds.Kind[kinds.E]) -> MemoryTable[kinds.E]:
            made = MemoryTable(kind, tables=tables, log=self.changes, clock=clock)
            tables[kind.name] = made  # type: ignore[assignment]  # looked up by name: the kind fits
            return made

        self.consumers = table(kinds.CONSUMERS)
        self.credentials = table(kinds.CREDENTIALS)
        self.acls = table(kinds.ACLS)
        self.services = table(kinds.SERVICES)
        self.routes = table(kinds.ROUTES)
        self.plugins = table(kinds.PLUGINS)
        self.tokens = table(kinds.TOKENS)
        self.audit = self.changes.audit
        self.directory = MemoryDirectory(
            consumers=self.consumers, credentials=self.credentials, acls=self.acls
        )
        self.digests = MemoryDigestListing(credentials=self.credentials)
        self.board = MemoryAppliedBoard(clock=clock)
        self.keyring = MemoryKeyringStore(log=self.changes, credentials=self.credentials)
        self.rotation = MemoryRotationStore(
            log=self.changes, keyring=self.keyring, credentials=self.credentials, clock=clock
        )

    def adopt(self, other: "MemoryDatabase") -> int:
        """Have the entities of another database instead of one's own, at once; return the seq.

        Everybody who follows the change log reads everything again. Tokens, the ring and the
        audit log stay. The other database must not be used any more.
        """
        self.consumers.take_over(other.consumers)
        self.credentials.take_over(other.credentials)
        self.acls.take_over(other.acls)
        self.services.take_over(other.services)
        self.routes.take_over(other.routes)
        self.plugins.take_over(other.plugins)
        return self.changes.start_anew()
