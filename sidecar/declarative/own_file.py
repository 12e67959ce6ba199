"""Declarations in a process that runs one role: it reads the file by itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from sidecar.declarative.declaration import Declaration, keeping_expiries
from sidecar.declarative.editions import CannotPublishError, Edition, Latest
from sidecar.declarative.file import DeclarationFile, FileWatch, LoadMetrics, read_first

_log = structlog.get_logger(__name__)


class OwnFile:
    """``Declarations`` of one file, for one process."""

    def __init__(self, first: Declaration, *, metrics: LoadMetrics) -> None:
        self._newest: Latest[Edition] = Latest()
        self._current = Edition(1, first)
        self._newest.put(self._current)
        self._metrics = metrics

    async def next(self) -> Edition:
        """Wait for the next edition."""
        return await self._newest.take()

    def applied(self, number: int) -> None:
        """Note that this process goes by an edition."""
        self._metrics.loaded(at=time.time())
        _log.info("declaration in force", number=number, digest=self._current.declaration.digest)

    async def publish(self, declaration: Declaration) -> bool:  # noqa: ARG002 - see the port
        """Refuse: the other roles read the file by themselves."""
        raise CannotPublishError(
            "this process runs alone: authsvc and analytics would not hear of it; "
            "change the file of declarative_config, which every role reads"
        )

    async def take(self, declaration: Declaration) -> None:
        """Have what the file says by now in force."""
        if declaration.digest == self._current.declaration.digest:
            self._metrics.unchanged()
            _log.info("declarative file read again: as it was")
            return
        kept = await asyncio.to_thread(keeping_expiries, declaration, self._current.declaration)
        self._current = Edition(self._current.number + 1, kept)
        self._newest.put(self._current)


@asynccontextmanager
async def open_own_file(
    file: DeclarationFile, *, metrics: LoadMetrics
) -> AsyncIterator[tuple[OwnFile, Callable[[], None]]]:
    """Read the file, and follow it inside the context; also yield what has it read now.

    Raises:
        DeclarativeConfigError: It cannot be read, or declares what cannot be.
    """
    declarations = OwnFile(await asyncio.to_thread(read_first, file), metrics=metrics)
    watch = FileWatch(file, take=declarations.take, metrics=metrics)
    task = asyncio.create_task(watch.run(), name="declarative-file")
    try:
        yield declarations, watch.ask
    finally:
        task.cancel()
        await asyncio.wait((task,))
