"""Questions to the store, put together: many ask, and one statement answers.

What callers can rely on:

1. The store is asked after the question was: what was committed before it is in the answer.
2. A question that finds a lane free leaves with all others of the same moment; while every lane
   is taken, the next batch collects. Nobody waits for a batch to fill.
3. A question is answered, or has failed, within ``patience``, its wait for a lane included.
4. A failure is that of one batch. One caller that gives up does no harm to the others, and what
   nobody waits for any more is not asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Generic, TypeVar

from authsvc.errors import StoreUnavailableError

K = TypeVar("K")
V = TypeVar("V")

# Of rows that exist, so many take the event loop a millisecond to read; twice as many would be no
# cheaper each.
SIZE = 64
# Two, so that the next batch does not wait for an answer that is on its way, and a connection that
# hangs is not all there is. The pool has others to serve.
LANES = 2
# Envoy, and the client behind it, give up after a second or so.
PATIENCE_SECONDS = 0.8

Ask = Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]


@dataclass(slots=True)
class _Question(Generic[V]):
    answer: "asyncio.Future[V | None]"
    waiting: int = 0


class Batches(Generic[K, V]):
    """Questions of one kind."""

    def __init__(
        self,
        ask: Ask[K, V],
        *,
        size: int = SIZE,
        lanes: int = LANES,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._ask = ask
        self._size = size
        self._lanes = lanes
        self._patience = patience
        self._collected: dict[K, _Question[V]] = {}
        self._under_way: set[asyncio.Task[Mapping[K, V]]] = set()
        self._leaving: asyncio.Handle | None = None

    async def find(self, key: K) -> V | None:
        """Return what the store has for a key, or None.

        Raises:
            StoreUnavailableError: There was no answer in time.
            Exception: Whatever else the store raises.
        """
        question = self._collected.get(key) or self._collect(key)
        question.waiting += 1
        try:
            # Unlike awaiting it, leaves it alone when a caller is cancelled.
            await asyncio.wait({question.answer}, timeout=self._patience)
        finally:
            question.waiting -= 1
            if not question.waiting and self._collected.get(key) is question:
                del self._collected[key]
        if not question.answer.done():
            raise StoreUnavailableError("the database did not answer in time")
        return question.answer.result()

    async def close(self) -> None:
        """Cancel what is under way and wait for its end."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _collect(self, key: K) -> _Question[V]:
        loop = asyncio.get_running_loop()
        question = self._collected[key] = _Question[V](loop.create_future())
        if self._leaving is None and len(self._under_way) < self._lanes:
            self._leaving = loop.call_soon(self._leave)
        return question

    def _leave(self) -> None:
        """Ask for what was collected, as far as lanes are free."""
        self._leaving = None
        while self._collected and len(self._under_way) < self._lanes:
            batch = {key: self._collected.pop(key) for key in self._first()}
            task = asyncio.ensure_future(self._ask(tuple(batch)))
            self._under_way.add(task)
            task.add_done_callback(partial(self._arrive, batch))

    def _first(self) -> tuple[K, ...]:
        return tuple(islice(self._collected, self._size))

    def _arrive(self, batch: Mapping[K, _Question[V]], task: "asyncio.Task[Mapping[K, V]]") -> None:
        self._under_way.discard(task)
        self._leave()
        failure = (
            StoreUnavailableError("the look-up was given up")
            if task.cancelled()
            else task.exception()
        )
        for key, question in batch.items():
            if failure is None:
                question.answer.set_result(task.result().get(key))
            else:
                question.answer.set_exception(failure)
                question.answer.exception()  # seen: everybody who waited may have gone
