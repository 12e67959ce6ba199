"""Which keys exist, known ahead, so that an unknown key is refused without asking the store.

What callers can rely on:

1. A key is excluded only if it did not exist when the change log was last applied, and the caller
   sees to it that that was lately: all that existed when loading began is loaded, and every
   change applied since then is noted, also while loading.
2. Where it is not known what changed, nothing is excluded until all is loaded again.
3. While a key may be found by more than one index key, or by another one than was loaded, nothing
   is excluded.
4. Of what could be excluded, a few each second are not: the change that tells of a new key takes
   a moment, and whoever creates a key and uses it at once must not be turned away by that. What a
   flood asks of the store stays bounded, and comes evenly.
5. Memory is bounded: if there are more keys than ``capacity``, nothing is excluded.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from authsvc.errors import StoreUnavailableError
from authsvc.key_index import DIGEST_BYTES, PREFIX_BYTES, KeyIndex
from authsvc.metrics import AuthMetrics
from authsvc.sealing import Sealer
from authsvc.store import DigestListing

CAPACITY = 5_000_000  # keys, of some eight bytes
PAGE = 10_000  # keys: a few milliseconds of the database, a fraction of one of the event loop
DOUBTS = 64  # keys a second, and that many at once
_DOUBT_SECONDS = 1.0  # that a doubt lasts: one decision asks more than once
_RETRY = 1.0  # seconds, after an outage
_REST = 0.1  # seconds for each page that was loaded: some ten times what it took
_END = 1 << 8 * PREFIX_BYTES

_log = structlog.get_logger(__name__)


class KnownKeys:
    """The blind indexes of all credentials, loaded in the background and kept right."""

    def __init__(
        self,
        *,
        listing: DigestListing,
        sealer: Sealer,
        metrics: AuthMetrics,
        capacity: int = CAPACITY,
        page: int = PAGE,
        doubts: int = DOUBTS,
        rest: float = _REST,
        retry: float = _RETRY,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listing = listing
        self._sealer = sealer
        self._metrics = metrics
        self._capacity = capacity
        self._page = page
        self._doubts = doubts
        self._rest = rest
        self._retry = retry
        self._monotonic = monotonic
        self._index: KeyIndex | None = None
        self._index_key_id: str | None = None
        #: Whether all are known.
        self.are_loaded = False
        self._is_wanted = asyncio.Event()
        self._has_complained = False
        self._is_away = False
        self._doubted: dict[bytes, float] = {}  # and since when, the oldest first
        self._doubts_left = float(doubts)
        self._counted_at = monotonic()

    def exclude(self, digest: bytes) -> bool:
        """Tell whether nobody has this blind index; the caller knows that the log is being read."""
        if not self._is_believed or self._index is None or digest in self._index:
            return False
        return not self._is_doubted(digest)

    def note(self, digest: bytes) -> None:
        """Take it that somebody may have this blind index from now on."""
        if self._index is None or len(digest) != DIGEST_BYTES:
            return
        self._index.add(digest)
        self._check_capacity(self._index)
        if self.are_loaded:
            self._metrics.indexed(len(self._index))

    def forget(self) -> None:
        """It is not known what changed: know nothing until all is loaded again."""
        self._drop()
        self._is_wanted.set()

    @asynccontextmanager
    async def loading(self) -> AsyncIterator[None]:
        """Load in the background until left, also again; the change log must be followed already.

        Never raises because the store is away.
        """
        self.forget()
        task = asyncio.create_task(self._keep_loaded(), name="known-keys")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task,))

    @property
    def _is_believed(self) -> bool:
        return (
            self.are_loaded
            and not self._sealer.changes_index
            and self._index_key_id == self._sealer.index_key_id
        )

    def _is_doubted(self, digest: bytes) -> bool:
        now = self._monotonic()
        while self._doubted and now - next(iter(self._doubted.values())) >= _DOUBT_SECONDS:
            del self._doubted[next(iter(self._doubted))]
        if digest in self._doubted:
            return True
        # A second's worth at once in each second would keep waiting who is known.
        gained = (now - self._counted_at) * self._doubts
        self._doubts_left = min(float(self._doubts), self._doubts_left + gained)
        self._counted_at = now
        if self._doubts_left < 1:
            return False
        self._doubts_left -= 1
        self._doubted[digest] = now
        return True

    async def _keep_loaded(self) -> None:
        while True:
            await self._is_wanted.wait()
            self._is_wanted.clear()
            if self._sealer.changes_index:
                continue  # nothing would be believed; when that ends, everything is forgotten
            pages = await self._load()
            # However often everything is forgotten, the database has others to serve.
            await asyncio.sleep(self._rest * pages)

    async def _load(self) -> int:
        """Load all, or what there is time for; return how many pages were read."""
        # From here on, changes are noted; what was written before is in what is read from now on.
        index = self._index = KeyIndex()
        self._index_key_id = self._sealer.index_key_id
        start = pages = 0
        while self._index is index and start < _END:
            try:
                page = await self._listing.page(start, size=self._page)
            except StoreUnavailableError as error:
                if not self._is_away:  # once, not with every try
                    _log.warning("keys not listed; asking for each until they are", why=str(error))
                self._is_away = True
                await asyncio.sleep(self._retry)
                continue
            self._is_away = False
            pages += 1
            index.extend(page)
            start = page[-1] + 1 if len(page) == self._page else _END
            self._check_capacity(index)
        if self._index is index:  # else it was dropped meanwhile
            self.are_loaded = True
            self._metrics.indexed(len(index))
            _log.info("keys are known", keys=len(index))
        return pages

    def _check_capacity(self, index: KeyIndex) -> None:
        if len(index) <= self._capacity or self._index is not index:
            return
        self._drop()
        if not self._has_complained:
            _log.warning("too many keys to know all; asking for each", capacity=self._capacity)
        self._has_complained = True

    def _drop(self) -> None:
        if self._index is not None:
            self._metrics.indexed(0)
        self._index = None
        self.are_loaded = False
