"""Does what may wait for a disk, in order, in a thread of its own.

A disk may take seconds, or for ever: the event loop only hands work over.  Each delivery has a
thread, so that the disk work of one never waits for that of another.
"""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")

Done = Callable[[T | Exception], None]


class _Task(Generic[T]):
    """One piece of work, and who is told of its outcome."""

    def __init__(self, work: Callable[[], T], done: Done[T] | None) -> None:
        self._work = work
        self._done = done

    def run(self, loop: asyncio.AbstractEventLoop) -> None:
        outcome: T | Exception
        try:
            outcome = self._work()
        except Exception as error:  # noqa: BLE001 - it belongs to whoever handed the work over
            outcome = error
        if self._done is not None:
            _tell(loop, self._done, outcome)


class DiskThread:
    """A thread that begins with the first work, and ends with ``close``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._work: SimpleQueue[_Task[object] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._has_ended = asyncio.Event()

    def submit(self, work: Callable[[], T], done: Done[T] | None = None) -> None:
        """Have something done after all that was submitted before.

        Args:
            work: What to do, in the thread.
            done: Told on the event loop what it returned or raised.
        """
        if self._thread is None:
            # A daemon: a disk that hangs must not keep the process from ending.
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._work.put(_Task(work, done))  # type: ignore[arg-type]  # the queue holds tasks of all kinds

    async def ask(self, work: Callable[[], T]) -> T:
        """Have something done, and return what it returns; raise what it raises."""
        answer: asyncio.Future[T] = self._loop.create_future()

        def done(outcome: T | Exception) -> None:
            if answer.done():
                return
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

        self.submit(work, done)
        return await answer

    async def close(self, *, limit: float) -> bool:
        """End after what was submitted; tell whether that was within so many seconds."""
        if self._thread is None:
            return True
        self._work.put(None)
        try:
            async with asyncio.timeout(limit):
                await self._has_ended.wait()
        except TimeoutError:
            return False
        return True

    def _run(self) -> None:
        while (task := self._work.get()) is not None:
            task.run(self._loop)
        _tell(self._loop, lambda _: self._has_ended.set(), None)


def _tell(loop: asyncio.AbstractEventLoop, done: Callable[[T], None], outcome: T) -> None:
    try:
        loop.call_soon_threadsafe(done, outcome)
    except RuntimeError:  # the loop has ended, and whoever asked with it
        return
