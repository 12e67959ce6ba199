"""Being asked to stop, by a signal or otherwise, while starting, serving or draining.

Asked while it starts, the work is cancelled; asked while it serves, it is told, and drains.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager

import structlog

_log = structlog.get_logger(__name__)


class Stop:
    """One request to stop. Asking again does nothing more than what ``again`` does.

    ``on_hangup`` is what SIGHUP does meanwhile: nothing, unless there is something to read again.
    """

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._serving = False
        self._again: Callable[[], object] = _nothing
        self.on_hangup: Callable[[], object] = _note_hangup

    def ask(self) -> None:
        """Ask. Safe to call from a signal handler of the event loop."""
        if self._asked.is_set():
            self._again()
        self._asked.set()

    def hang_up(self) -> None:
        """Do what SIGHUP does at the moment."""
        self.on_hangup()

    @property
    def asked(self) -> bool:
        """Whether somebody did."""
        return self._asked.is_set()

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until somebody asks, for so many seconds at most; tell whether they did."""
        try:
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        except TimeoutError:
            return False
        return True

    def serving(self, *, again: Callable[[], object] | None = None) -> None:
        """Say that from now on the work watches for the request itself, and drains.

        Args:
            again: What to do when asked a second time: an operator lost patience.
        """
        self._serving = True
        self._again = again or _nothing

    async def run(self, work: Coroutine[None, None, None]) -> None:
        """Do the work to its end; cancel it if asked before it was ``serving``."""
        task = asyncio.create_task(work)
        asked = asyncio.create_task(self._asked.wait())
        try:
            await asyncio.wait((task, asked), return_when=asyncio.FIRST_COMPLETED)
            if not self._serving and not task.done():
                task.cancel()
            await _finished(task)
        finally:
            asked.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))


@contextmanager
def signals(stop: Stop) -> Iterator[None]:
    """Take SIGTERM and SIGINT as a request to stop; SIGHUP is whatever the stop says it is."""
    loop = asyncio.get_running_loop()
    handlers: dict[signal.Signals, Callable[[], None]] = {
        signal.SIGTERM: stop.ask,
        signal.SIGINT: stop.ask,
        signal.SIGHUP: stop.hang_up,
    }
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


async def _finished(task: Awaitable[None]) -> None:
    current = asyncio.current_task()
    try:
        await task
    except asyncio.CancelledError:
        if current is not None and current.cancelling():
            raise  # it is we who are cancelled


def _note_hangup() -> None:
    _log.warning("SIGHUP ignored: settings are read at start only")


def _nothing() -> None:
    return
