"""``?wait=applied``: an answer that comes when every live worker goes by what was written."""

import asyncio

from authsvc.errors import StoreUnavailableError
from authsvc.store import AppliedBoard, ChangeFeed
from sidecar.admin.arguments import Arguments
from sidecar.admin.call import Reply
from sidecar.admin.problems import plain

_UNSURE = "The write itself is done, but it is not known to be applied by every worker"


class AppliedWait:
    """Waits for the workers, as long as a caller can be expected to."""

    def __init__(
        self,
        *,
        board: AppliedBoard,
        changes: ChangeFeed,
        limit: float = 10.0,  # seconds
        interval: float = 0.02,  # seconds between two looks at the board
    ) -> None:
        self._board = board
        self._changes = changes
        self._limit = limit
        self._interval = interval

    @staticmethod
    def is_wanted(arguments: Arguments) -> bool:
        """Tell whether a request asks for it.

        Raises:
            ProblemError: It asks for something else; said before anything is written.
        """
        if not arguments.has("wait"):
            return False
        if arguments.first("wait") != "applied":
            raise plain(400, "wait must be 'applied'")
        return True

    async def wait(self, reply: Reply) -> None:
        """Return when every live worker has applied what a request wrote.

        A request that found nothing left to write waits for what was written before it.

        Raises:
            ProblemError: 504, it took too long, or the workers could not be asked.
        """
        if not reply.wrote:
            return
        try:
            async with asyncio.timeout(self._limit):
                await self._until_applied(reply.seq)
        except TimeoutError:
            raise plain(504, f"{_UNSURE} within {self._limit:g} seconds") from None
        except StoreUnavailableError:
            raise plain(504, f"{_UNSURE}: the database is unavailable") from None

    async def _until_applied(self, seq: int | None) -> None:
        wanted = await self._changes.head() if seq is None else seq
        while True:
            slowest = await self._board.slowest()
            if slowest is None or slowest >= wanted:
                return
            await asyncio.sleep(self._interval)
