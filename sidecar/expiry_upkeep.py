"""Removes credentials and tokens that are long past their time, in the background.

Nobody finds them any more; but they take room, and keep the data keys that sealed them in use.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import structlog

from authsvc.errors import StoreError
from authsvc.store import EntityStore, Stores

KEPT_SECONDS = 86_400  # after its end a key is still told to be expired, then it is unknown
_EVERY_SECONDS = 60.0
_BATCH = 500  # rows: some milliseconds
_PAUSE_SECONDS = 0.1  # between two batches, which others write in

Expiring = Literal["credentials", "tokens"]

_log = structlog.get_logger(__name__)


class PurgeMetrics(Protocol):
    """Implemented by the process shell; never raises."""

    def purged(self, *, entity: Expiring, rows: int) -> None:
        """So many rows were removed."""


async def keep_purged(
    stores: Stores,
    *,
    metrics: PurgeMetrics,
    clock: Callable[[], float] = time.time,
    every: float = _EVERY_SECONDS,
    batch: int = _BATCH,
) -> None:
    """Remove what expired a day ago or earlier, every so many seconds. Runs until cancelled.

    Any number of processes may do so.
    """
    expiring: Mapping[Expiring, EntityStore[Any]] = {
        "credentials": stores.credentials,
        "tokens": stores.tokens,
    }
    while True:
        for entity, store in expiring.items():
            before = int(clock()) - KEPT_SECONDS
            try:
                while rows := await store.purge(before=before, limit=batch):
                    metrics.purged(entity=entity, rows=rows)
                    await asyncio.sleep(_PAUSE_SECONDS)
            except StoreError as error:
                _log.warning("nothing purged", entity=entity, error=type(error).__name__)
        await asyncio.sleep(every)
