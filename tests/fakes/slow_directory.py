"""A directory that reads at once and answers when told: changes can overtake its answers."""

import asyncio
from collections.abc import Mapping, Sequence

from authsvc.store import Directory, KnownConsumer, KnownCredential


class SlowDirectory:
    """A ``Directory``; while ``held``, what was asked waits for ``release``."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._waiting: list[asyncio.Future[None]] = []
        self.held = False
        self.asked = 0

    async def find_credentials(self, digests: Sequence[bytes]) -> Mapping[bytes, KnownCredential]:
        found = await self._directory.find_credentials(digests)
        await self._answer()
        return found

    async def find_consumer(self, reference: str) -> KnownConsumer | None:
        found = await self._directory.find_consumer(reference)
        await self._answer()
        return found

    @property
    def waiting(self) -> int:
        """How many answers are held back."""
        return len(self._waiting)

    def release(self, at: int = 0, *, failure: BaseException | None = None) -> None:
        """Let one answer go, the oldest by default, or let it fail."""
        waiter = self._waiting.pop(at)
        if waiter.done():  # given up
            return
        if failure is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(failure)

    async def _answer(self) -> None:
        self.asked += 1
        if self.held:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
