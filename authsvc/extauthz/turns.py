"""Turns: so that many who ask for much work do not keep those waiting who ask for little.

What callers can rely on:

1. In one turn of the event loop at most ``size`` of the work is begun; all else waits, in the order
   in which it came, and lets what else there is to do go first.
2. Where there is less than that, nothing waits.
3. Whoever gives up waiting takes nobody's turn.
"""

import asyncio
from collections import deque


class Turns:
    """The turns of one event loop; without one, nothing waits."""

    def __init__(self, size: int) -> None:
        """Let ``size`` of the work be begun in each turn of the loop."""
        self._size = size
        self._left = size
        self._waiting: deque[asyncio.Future[None]] = deque()
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
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        if self._next is None:
            self._next = loop.call_soon(self._begin)
        await turn

    def _begin(self) -> None:
        self._left = self._size
        while self._waiting and self._left:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._left -= 1
        is_idle = self._left == self._size
        self._next = None if is_idle else asyncio.get_running_loop().call_soon(self._begin)
