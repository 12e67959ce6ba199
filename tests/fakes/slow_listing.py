"""A listing that reads at once and answers when told: changes can overtake its pages."""

import asyncio
from array import array

from authsvc.store import DigestListing


class SlowListing:
    """A ``DigestListing``; while ``held``, each page waits for ``release``."""

    def __init__(self, listing: DigestListing) -> None:
        self._listing = listing
        self._waiting: list[asyncio.Future[None]] = []
        self.held = False
        self.asked = 0

    async def page(self, start: int, *, size: int) -> "array[int]":
        self.asked += 1
        page = await self._listing.page(start, size=size)
        if self.held:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
        return page

    @property
    def waiting(self) -> int:
        """How many pages are held back."""
        return len(self._waiting)

    def release(self, *, failure: Exception | None = None) -> None:
        """Let the oldest page go, or let it fail."""
        waiter = self._waiting.pop(0)
        if failure is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(failure)
