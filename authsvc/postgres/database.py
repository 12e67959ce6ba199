"""All stores on Postgres, over one pool."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from authsvc import kinds
from authsvc.postgres.applied_board import PostgresAppliedBoard
from authsvc.postgres.audit_trail import PostgresAuditTrail
from authsvc.postgres.bulk_table import PostgresBulkTable
from authsvc.postgres.change_hints import ChangeHints
from authsvc.postgres.change_log import ChangeLog
from authsvc.postgres.connections import Connections, connect
from authsvc.postgres.digest_listing import PostgresDigestListing
from authsvc.postgres.directory import PostgresDirectory
from authsvc.postgres.entity_store import PostgresEntityStore
from authsvc.postgres.keyring_store import PostgresKeyringStore
from authsvc.postgres.rotation_store import PostgresRotationStore
from authsvc.postgres.snapshot import PostgresSnapshot
from authsvc.postgres.table import Table
from authsvc.store import Retention


class Database:
    """``Stores`` on a Postgres (13 or later), or on what speaks its SQL.

    Whatever the server does, the directory's calls end within 0.8 seconds, all others within 5; a
    write may take 2 more, for what it does aside.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        hints: ChangeHints,
        clock: Callable[[], float] = time.time,
        retention: Retention = Retention(),  # noqa: B008 - frozen
    ) -> None:
        self._connections = connections
        self._clock = clock
        self.changes = ChangeLog(connections, hints=hints, retention=retention)

        def store(kind: kinds.Kind[kinds.E]) -> PostgresEntityStore[kinds.E]:
            return PostgresEntityStore(
                Table(kind), connections=connections, log=self.changes, clock=clock
            )

        self.consumers = store(kinds.CONSUMERS)
        self.credentials = store(kinds.CREDENTIALS)
        self.acls = store(kinds.ACLS)
        self.services = store(kinds.SERVICES)
        self.routes = store(kinds.ROUTES)
        self.plugins = store(kinds.PLUGINS)
        self.tokens = store(kinds.TOKENS)
        self.audit = PostgresAuditTrail(connections=connections)
        self.directory = PostgresDirectory(connections=connections)
        self.digests = PostgresDigestListing(connections=connections)
        self.board = PostgresAppliedBoard(connections=connections)
        self.keyring = PostgresKeyringStore(connections=connections, log=self.changes)
        self.rotation = PostgresRotationStore(connections=connections, log=self.changes)

    def bulk(self, kind: kinds.Kind[kinds.E]) -> PostgresBulkTable[kinds.E]:
        """Return what writes entities of one kind by the hundred."""
        return PostgresBulkTable(kind, log=self.changes, clock=self._clock)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[PostgresSnapshot]:
        """Read, inside the context, what was there when it began.

        Raises:
            StoreUnavailableError: The database is away.
        """
        async with self._connections.reading() as lease:
            yield PostgresSnapshot(lease, clock=self._clock)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        dsn: str,
        *,
        pool_size: int,
        clock: Callable[[], float] = time.time,
        retention: Retention = Retention(),  # noqa: B008 - frozen
    ) -> AsyncIterator["Database"]:
        """Open the database for as long as the context lasts.

        A server that is away is no error: calls raise until it is there. The schema is not
        touched: see ``migrate``. Beside the pool there is one connection that listens.

        Raises:
            DatabaseUrlError: ``dsn`` is malformed.
        """
        async with Connections.open(dsn, size=pool_size) as connections:
            hints = ChangeHints(connections, connect=partial(connect, dsn))
            try:
                yield cls(connections, hints=hints, clock=clock, retention=retention)
            finally:
                await hints.close()
