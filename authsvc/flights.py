"""Look-ups under way: one for all who ask for the same, and no more than can be waited for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from authsvc.errors import StoreUnavailableError

K = TypeVar("K")
V = TypeVar("V")


class Flights(dict[K, "asyncio.Task[V]"]):
    """Look-ups under way, by what they look up."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity
        self._owned: set[asyncio.Task[V]] = set()

    async def join(
        self,
        key: K,
        start: Callable[[], Awaitable[V]],
        remember: Callable[[K, V], None],
    ) -> V:
        """Return the result of the look-up under way, or of a new one.

        One caller that gives up does not stop the others: the look-up goes on without it.

        Raises:
            StoreUnavailableError: Too many are under way, or it was given up.
        """
        task = self.get(key)
        if task is None:
            if len(self._owned) >= self._capacity:
                raise StoreUnavailableError("too many look-ups are waiting")
            task = asyncio.ensure_future(self._fly(key, start(), remember))
            self[key] = task
            self._owned.add(task)
            task.add_done_callback(self._land)
        await asyncio.wait({task})  # unlike awaiting it, leaves it alone when a caller is cancelled
        if task.cancelled():
            # Not the caller was cancelled, so it still owes an answer: nobody can tell.
            raise StoreUnavailableError("the look-up was given up")
        return task.result()

    def abandon(self, key: K) -> None:
        """Let who waits have the result, but neither remember it nor share it further."""
        self.pop(key, None)

    def abandon_all(self) -> None:
        """Abandon every look-up under way."""
        self.clear()

    async def close(self) -> None:
        """Cancel every look-up and wait for its end."""
        tasks = list(self._owned)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _land(self, task: "asyncio.Task[V]") -> None:
        self._owned.discard(task)
        if not task.cancelled():
            task.exception()  # seen: everybody who waited for it may have gone

    async def _fly(self, key: K, result: Awaitable[V], remember: Callable[[K, V], None]) -> V:
        own = asyncio.current_task()
        try:
            value = await result
            if self.get(key) is own:
                remember(key, value)
            return value
        finally:
            if self.get(key) is own:
                del self[key]
