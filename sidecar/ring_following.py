"""Lets a process that seals go on with the ring as others have changed it."""

import asyncio

import structlog

from authsvc.custodian import Custodian
from authsvc.errors import RootKeyError, StoreUnavailableError
from authsvc.store import ChangeFeed

_POLL_SECONDS = 1.0
_RETRY_SECONDS = 0.5
_BROKEN_SECONDS = 10.0  # between two looks at a ring that does not open
_PAGE = 1000  # changes

_log = structlog.get_logger(__name__)


async def follow_ring(feed: ChangeFeed, custodian: Custodian) -> None:
    """Load the ring again whenever the change log says that it was changed. Runs until cancelled.

    A ring that does not open any more is logged, and the process goes on with the keys it has.
    """
    seq: int | None = None
    while True:
        try:
            if seq is None:
                seq = await feed.head()
                await custodian.reload()
            await feed.wait(_POLL_SECONDS)
            seq = await _catch_up(feed, seq, custodian)
        except StoreUnavailableError:
            await asyncio.sleep(_RETRY_SECONDS)
        except RootKeyError:
            _log.error("the keyring does not open with this root key any more")
            await asyncio.sleep(_BROKEN_SECONDS)
            seq = None


async def _catch_up(feed: ChangeFeed, seq: int, custodian: Custodian) -> int | None:
    """Apply what was changed after ``seq``; return up to where, None: start over."""
    changes = await feed.since(seq, limit=_PAGE)
    if not changes.complete:
        return None
    if any(change.entity == "keyring" for change in changes.changes):
        await custodian.reload()
    return changes.changes[-1].seq if changes.changes else seq
