"""Does what may wait for a disk, in order, in a thread of its own.

A disk may take seconds, or for ever: the event loop only hands work over.  Each delivery has a
thread, so that the disk work of one never waits for that of another.  What is handed over within
one turn of the loop goes together, and so do the outcomes: switching threads costs more than most
of the work does.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

Done = Callable[[T | Exception], None]
_Task = tuple[Callable[[], Any], Done[Any] | None]
_Outcome = tuple[Done[Any] | None, Any]


class DiskThread:
    """A thread that begins with the first work, and ends with ``close``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._turn: list[_Task] = []
        self._work: SimpleQueue[Sequence[_Task] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._has_ended = asyncio.Event()

    def submit(self, work: Callable[[], T], done: Done[T] | None = None) -> None:
        """Have something done after all that was submitted before.

        Args:
            work: What to do, in the thread.
            done: Told on the event loop what it returned or raised.
        """
        if not self._turn:
            self._loop.call_soon(self._hand_over)
        self._turn.append((work, done))

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
        self._hand_over()
        if self._thread is None:
            return True
        self._work.put(None)
        try:
            async with asyncio.timeout(limit):
                await self._has_ended.wait()
        except TimeoutError:
            return False
        return True

    def _hand_over(self) -> None:
        if not self._turn:
            return
        if self._thread is None:
            # A daemon: a disk that hangs must not keep the process from ending.
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._work.put(self._turn)
        self._turn = []

    def _run(self) -> None:
        while (tasks := self._work.get()) is not None:
            self._tell(_deliver, [(done, _outcome(work)) for work, done in tasks])
        self._tell(self._has_ended.set)

    def _tell(self, done: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(done, *arguments)
        except RuntimeError:  # the loop has ended, and whoever asked with it
            return


def _outcome(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - it belongs to whoever handed the work over
        return error


def _deliver(outcomes: Sequence[_Outcome]) -> None:
    for done, outcome in outcomes:
        if done is not None:
            done(outcome)
