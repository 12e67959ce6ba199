"""Connections to the database: pooled, bounded in time, and with errors of ours only.

What callers can rely on:

1. No call takes longer than it says, even if the server hangs or the pool is exhausted.
2. Nothing but a ``StoreError`` comes out (``violations``), and none has the URL in it.
3. No session state is left on a connection, and no statement is prepared by name: a pooler in
   transaction mode may stand in between.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, TypeAlias, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from authsvc.errors import DatabaseUrlError, StoreError, StoreUnavailableError
from authsvc.postgres.violations import translated

T = TypeVar("T")
Row: TypeAlias = asyncpg.Record
# In quotes: generic for the type checker only.
Connection: TypeAlias = "asyncpg.Connection[Row]"
Lease: TypeAlias = "PoolConnectionProxy[Row]"

CALL_SECONDS = 5.0
_CONNECT_SECONDS = 5.0
_FIRST_SECONDS = 1.0  # for the first try, which tells whether the URL can be used at all
_CLOSE_SECONDS = 2.0
_RETRY_SECONDS = 0.02  # at most: apart, those who collided do not collide again
# A writer that is stopped or cut off must not hold the counter's lock for ever.
_BEGIN = """
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL idle_in_transaction_session_timeout = '10s'
"""


async def connect(dsn: str, *, seconds: float = _CONNECT_SECONDS) -> Connection:
    """Open a single connection, to be closed by the caller.

    Raises:
        DatabaseUrlError: ``dsn`` is malformed.
        StoreUnavailableError: The server is away or refuses.
    """
    with translated(), _url_checked():
        return await asyncpg.connect(dsn, timeout=seconds, statement_cache_size=0)


class Connections:
    """A pool, and the two ways to use it: ``fetch`` and ``write``."""

    def __init__(self, pool: "asyncpg.Pool[Row]") -> None:
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, *, size: int) -> AsyncIterator["Connections"]:
        """Make a pool of at most ``size`` connections; a server that is away may come later.

        Raises:
            DatabaseUrlError: ``dsn`` is malformed.
        """
        pool = asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=size,
            timeout=_CONNECT_SECONDS,
            statement_cache_size=0,
            reset=_leave,
        )
        with _url_checked():
            await pool
        connections = cls(pool)
        try:
            with suppress(StoreUnavailableError):
                await connections.fetch("SELECT 1", seconds=_FIRST_SECONDS)
            yield connections
        finally:
            await _close(pool)

    async def fetch(self, sql: str, *arguments: Any, seconds: float = CALL_SECONDS) -> list[Row]:
        """Run one statement and return its rows.

        Raises:
            StoreError: It did not work, or not within ``seconds``.
        """
        with translated():
            async with asyncio.timeout(seconds), self._lease() as lease:
                return await lease.fetch(sql, *arguments)

    async def write(self, work: Callable[[Lease], Awaitable[T]]) -> T:
        """Run ``work`` in a transaction; again if the database asks for that.

        Raises:
            StoreError: It did not work, or not within ``CALL_SECONDS``.
        """
        with translated():
            async with asyncio.timeout(CALL_SECONDS):
                while True:
                    with suppress(asyncpg.SerializationError, asyncpg.DeadlockDetectedError):
                        return await self._transaction(work)
                    await asyncio.sleep(random.uniform(0, _RETRY_SECONDS))  # noqa: S311 - no secret

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Lease]:
        """Hold one connection, in a transaction that sees the database as it is now.

        Raises:
            StoreUnavailableError: The database is away.
        """
        async with AsyncExitStack() as stack:
            with translated():
                async with asyncio.timeout(CALL_SECONDS):
                    lease = await stack.enter_async_context(self._lease())
                    await lease.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                yield lease
            finally:
                with suppress(StoreError), translated():
                    if not lease.is_closed():
                        await lease.execute("ROLLBACK", timeout=_CLOSE_SECONDS)

    async def _transaction(self, work: Callable[[Lease], Awaitable[T]]) -> T:
        async with self._lease() as lease:
            await lease.execute(_BEGIN)
            try:
                result = await work(lease)
                await lease.execute("COMMIT")
            except (asyncpg.PostgresError, StoreError):
                if not lease.is_closed() and lease.is_in_transaction():
                    await lease.execute("ROLLBACK")
                raise
            return result

    @asynccontextmanager
    async def _lease(self) -> AsyncIterator[Lease]:
        with _url_checked():
            lease = await self._pool.acquire()
        try:
            yield lease
        except asyncio.CancelledError:
            # Out of time, or nobody waits any more. A cancelled query would be waited for, and
            # its server may be the one that hangs.
            lease.terminate()
            raise
        finally:
            await self._pool.release(lease)


@contextmanager
def _url_checked() -> Iterator[None]:
    # asyncpg parses the URL when it connects, and quotes it in what it raises.
    try:
        yield
    except ValueError:
        raise DatabaseUrlError from None


async def _leave(connection: Connection) -> None:
    """Do nothing to a connection that comes back: nothing in its session was changed."""


async def _close(pool: "asyncpg.Pool[Row]") -> None:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await pool.close()
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        pool.terminate()
