"""Follows the change log and makes a worker forget what is no longer true.

What callers can rely on:

1. A change is applied within one poll of its commit, a second at the latest; a hint from the
   store makes that sooner.
2. Nothing is skipped: after an outage the log is read on from where it stopped, and where it no
   longer reaches back so far everything is forgotten.
3. What was applied is reported, so that a writer can wait for it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from authsvc.errors import StoreUnavailableError
from authsvc.metrics import AuthMetrics
from authsvc.resolver import Resolver
from authsvc.store import AppliedBoard, Change, ChangeFeed

POLL_SECONDS = 1.0
FRESH_SECONDS = 3.0
_PAGE = 1000

_log = structlog.get_logger(__name__)


class Follower:
    """Applies changes to a resolver, to the policies and to the keyring."""

    def __init__(
        self,
        *,
        feed: ChangeFeed,
        board: AppliedBoard,
        worker: str,
        resolver: Resolver,
        reload_policies: Callable[[], Awaitable[None]],
        reload_keyring: Callable[[], Awaitable[None]],
        metrics: AuthMetrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._feed = feed
        self._board = board
        self._worker = worker
        self._resolver = resolver
        self._reload_policies = reload_policies
        self._reload_keyring = reload_keyring
        self._metrics = metrics
        self._monotonic = monotonic
        self._seq = 0
        self._read_at = float("-inf")
        self._is_away = False

    @property
    def is_fresh(self) -> bool:
        """Whether the log was read to its end within the last three seconds."""
        return self._monotonic() - self._read_at < FRESH_SECONDS

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Read the state that is there now, then follow in the background until left.

        Raises:
            StoreUnavailableError: The store is not there to begin with.
        """
        began = self._monotonic()
        self._seq = await self._feed.head()
        await self._reload_policies()
        await self._reload_keyring()
        self._read_at = began
        await self._report()
        task = asyncio.create_task(self._follow(), name="change-log-follower")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            with suppress(StoreUnavailableError):
                await self._board.leave(self._worker)

    async def catch_up(self) -> None:
        """Apply everything that was committed until now, and report it.

        Raises:
            StoreUnavailableError: The store did not answer; nothing is lost.
        """
        while True:
            began = self._monotonic()
            changes = await self._feed.since(self._seq, limit=_PAGE)
            if not changes.complete:
                await self._start_over()
                break
            await self._apply(changes.changes)
            if len(changes.changes) < _PAGE:
                break
        self._read_at = began  # what is committed from now on is in the next reading
        await self._report()

    async def _follow(self) -> None:
        while True:
            try:
                await self._feed.wait(POLL_SECONDS if self.is_fresh else POLL_SECONDS / 4)
                await self.catch_up()
            except StoreUnavailableError:
                self._note_outage()
                await asyncio.sleep(POLL_SECONDS / 4)
            except Exception:  # noqa: BLE001 - see below
                # A bug, or a ring that the root key does not open, must not leave a worker
                # trusting its memory for ever: it forgets all, and asks the store for everything
                # until the log can be applied again.
                self._metrics.followed(connected=False, seq=self._seq)
                _log.exception("change log not applied")
                self._resolver.forget_all()
                await asyncio.sleep(POLL_SECONDS)

    async def _start_over(self) -> None:
        head = await self._feed.head()
        self._resolver.forget_all()
        await self._reload_policies()
        await self._reload_keyring()
        self._resolver.forget_all()  # also what was read while the policies were
        self._seq = head

    async def _apply(self, changes: tuple[Change, ...]) -> None:
        if not changes:
            return
        # First of all: a revoked key must not go on because something else cannot be read.
        for change in changes:
            self._forget(change)
        entities = {change.entity for change in changes}
        # Before the ring: one that does not open must not keep a stricter policy out.
        if entities & {"plugins", "routes", "services"}:
            await self._reload_policies()
        if "keyring" in entities:
            await self._reload_keyring()
            self._resolver.forget_all()  # digests may be others now
        self._seq = changes[-1].seq

    def _forget(self, change: Change) -> None:
        if change.entity == "credentials" and change.digest is not None:
            self._resolver.forget_credential(change.digest, change.consumer_id)
        elif change.consumer_id is not None:
            self._resolver.forget_consumer(change.consumer_id)

    async def _report(self) -> None:
        await self._board.report(self._worker, self._seq)
        self._metrics.followed(connected=True, seq=self._seq)
        if self._is_away:
            _log.info("change log read again")
        self._is_away = False

    def _note_outage(self) -> None:
        self._metrics.followed(connected=False, seq=self._seq)
        if not self._is_away:  # once, not with every try
            _log.warning("change log not read; going on with what is in memory")
        self._is_away = True
