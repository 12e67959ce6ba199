"""How often each data key has sealed, kept in the database, and when that is enough.

AES-GCM with random nonces is safe for 2^32 values under one key (NIST SP 800-38D), and nobody may
lose count: encryptions are reserved in batches before they happen, so that a crash makes the count
too high, never too low.  What is sealed faster than this looks is made up for at the next look.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import structlog

from authsvc.ring_store import KeyringStore
from authsvc.sealing import DATA, Sealer

WARN_AT = 2**31
ROTATE_AT = 3_860_000_000  # 90 % of 2^32: what is under way when it is reached fits as well
RESERVED = 10_000  # encryptions at a time
_DAY = 86_400  # seconds

_log = structlog.get_logger(__name__)


class LedgerMetrics(Protocol):
    """Implemented by the process shell; never raises."""

    def counted(self, *, encryptions: int) -> None:
        """The active key has sealed so often at most."""


class EncryptionLedger:
    """What one process has sealed, and what it may still seal before it has to ask again."""

    def __init__(
        self,
        *,
        keyring: KeyringStore,
        sealer: Sealer,
        max_age_days: int | None = None,
        metrics: LedgerMetrics | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keyring = keyring
        self._sealer = sealer
        self._max_age = None if max_age_days is None else max_age_days * _DAY
        self._metrics = metrics
        self._clock = clock
        self._in_hand: Counter[str] = Counter()  # reserved and not used yet, by key
        self._warned: set[str] = set()

    async def settle(self) -> None:
        """Book what was sealed since the last time, and reserve what will be.

        Raises:
            StoreUnavailableError: Nothing is forgotten; settle again.
        """
        for key_id, sealed in self._sealer.take_tally().items():
            self._in_hand[key_id] -= sealed
        for key_id in {self._sealer.active, *self._in_hand}:
            wanted = RESERVED if key_id == self._sealer.active else 0
            missing = wanted - self._in_hand[key_id]
            if missing > wanted // 2:
                await self._keyring.count(key_id, missing)
                self._in_hand[key_id] += missing

    async def is_due(self) -> bool:
        """Tell whether the active key has sealed, or been there, long enough.

        Raises:
            StoreUnavailableError: Nobody knows.
        """
        keys = await self._keyring.load()
        key = next((key for key in keys if key.purpose == DATA and key.active), None)
        if key is None:
            return False
        if self._metrics is not None:
            self._metrics.counted(encryptions=key.encryptions)
        if key.encryptions >= WARN_AT and key.id not in self._warned:
            self._warned.add(key.id)
            _log.warning("half of what a data key may seal", key_id=key.id, sealed=key.encryptions)
        old = self._max_age is not None and self._clock() - key.created_at >= self._max_age
        return old or key.encryptions >= ROTATE_AT
