"""What a process that seals does for the ring in the background: count, and rotate."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from authsvc.encryption_ledger import EncryptionLedger
from authsvc.errors import (
    RootKeyError,
    RotationRunningError,
    StoreError,
    StoreUnavailableError,
)
from authsvc.rotator import Rotator

_SETTLE_SECONDS = 1.0
_LOOK_SECONDS = 1.0  # between two looks for a rotation that another process has left
_DUE_EVERY = 60  # looks: whether a key's time has come is not urgent
_PAUSE_SECONDS = 2.0  # after a failure

_log = structlog.get_logger(__name__)


async def keep_counted(ledger: EncryptionLedger) -> None:
    """Book encryptions, and reserve them. Runs until cancelled."""
    while True:
        await _surviving(ledger.settle)
        await asyncio.sleep(_SETTLE_SECONDS)


async def keep_rotated(rotator: Rotator, ledger: EncryptionLedger) -> None:
    """Begin rotations when they are due, work on whichever is under way. Runs until cancelled."""

    async def begin_if_due() -> None:
        if await ledger.is_due():
            _log.info("the data key's time has come: rotating")
            try:
                await rotator.begin()
            except RotationRunningError:
                return

    async def work() -> None:
        await rotator.work()

    looks = 0
    while True:
        if looks % _DUE_EVERY == 0:
            await _surviving(begin_if_due)
        looks += 1
        await _surviving(work)
        await rotator.wait(_LOOK_SECONDS)


async def _surviving(step: Callable[[], Awaitable[None]]) -> None:
    """Let an outage pass: whatever was under way is gone on with."""
    try:
        await step()
    except StoreUnavailableError:
        _log.warning("the database is away: the ring's upkeep waits")
        await asyncio.sleep(_PAUSE_SECONDS)
    except StoreError as error:  # two rows of one key, say: a person has to look
        _log.error("the ring's upkeep is stuck", error=type(error).__name__)
        await asyncio.sleep(_PAUSE_SECONDS)
    except RootKeyError:
        _log.error("the keyring does not open with this root key any more")
        await asyncio.sleep(_PAUSE_SECONDS)
