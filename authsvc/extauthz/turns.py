"""Turns: so that many who ask for much work do not keep those waiting who ask for little.

What callers can rely on:

1. In one turn of the event loop at most ``size`` of the work is begun, or a ``SHARE``-th of what
   waits, if that is more; all else waits, in the order in which it came, and lets what else there
   is to do go first.  So nothing waits for very many turns, however much there is.
2. Where there is less than that, nothing waits.
3. Whoever gives up waiting takes nobody's turn.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

SHARE = 16


class Turns:
    """The turns of one event loop; without one, nothing waits."""

    def __init__(self, size: int) -> None:
        """Let ``size`` of the work be begun in each turn of the loop."""
        self._size = size
        self._left = size
        self._waiting: deque[Callable[[], bool]] = deque()
        self._next: asyncio.Handle | None = None

    def take(self) -> bool:
        """Return whether work may be begun now; otherwise ``wait``."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return True
        if self._waiting or not self._left:
            return False
        self._left -= 1
        if self._next is None:
            self._next = loop.call_soon(self._begin)
        return True

    async def wait(self) -> None:
        """Return when work may be begun."""
        turn = asyncio.get_running_loop().create_future()
        self.call(partial(_wake, turn))
        await turn

    def call(self, work: Callable[[], bool]) -> None:
        """Have work done when it may be begun; it returns whether it took the turn."""
        self._waiting.append(work)
        if self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        at_once = self._left = max(self._size, len(self._waiting) // SHARE)
        try:
            while self._waiting and self._left:
                if self._waiting.popleft()():
                    self._left -= 1
        finally:
            is_idle = self._left == at_once and not self._waiting
            self._next = None if is_idle else asyncio.get_running_loop().call_soon(self._begin)


class Postponed:
    """An answer that is ready, and is to be given when it is its turn.

    It may be awaited as well; ``give`` takes neither a task nor a future.
    """

    __slots__ = ("_given", "_message", "_turns")

    def __init__(self, turns: Turns, message: bytes, *, given: Callable[[], None]) -> None:
        """Wait for nothing yet; ``given`` is called once the answer is given."""
        self._turns = turns
        self._message = message
        self._given = given

    def give(self, take: Callable[[bytes], bool]) -> None:
        """Have the answer taken in its turn, by who returns whether it still was wanted."""
        self._turns.call(partial(self._give, take))

    def __await__(self) -> Generator[Any, None, bytes]:
        yield from self._turns.wait().__await__()
        self._given()
        return self._message

    def _give(self, take: Callable[[bytes], bool]) -> bool:
        is_taken = take(self._message)
        if is_taken:
            self._given()
        return is_taken


def _wake(turn: asyncio.Future[None]) -> bool:
    if turn.done():
        return False
    turn.set_result(None)
    return True
