"""Opens the keyring for a process that seals and changes it, and keeps it up in the background."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from authsvc.custodian import Custodian
from authsvc.encryption_ledger import EncryptionLedger
from authsvc.root_key import RootKey
from authsvc.rotator import Rotator
from authsvc.sealing import Sealer
from authsvc.store import Stores
from sidecar.admin.keyring import FetchRootKey, KeyringEndpoints
from sidecar.admin.routing import Endpoint
from sidecar.admin_metrics import AdminCounters
from sidecar.errors import StartupError
from sidecar.ring_following import follow_ring
from sidecar.ring_upkeep import keep_counted, keep_rotated
from sidecar.root_key_sources import fetch_root_key
from sidecar.settings import Settings, read_recovery_key


@dataclass(frozen=True, slots=True)
class OpenedRing:
    """What seals, what changes the ring, and the endpoints of that."""

    sealer: Sealer
    custodian: Custodian
    endpoints: list[Endpoint]


@asynccontextmanager
async def open_ring(
    settings: Settings, root_key: RootKey, stores: Stores, metrics: AdminCounters
) -> AsyncIterator[OpenedRing]:
    """Open the ring; where there is a database, keep it up inside the context.

    Raises:
        RootKeyError: The root key does not open it.
        StoreUnavailableError: The database is away.
    """
    sealer = Sealer.unwrap(await stores.keyring.load(), root_key)
    custodian = Custodian(
        store=stores.keyring,
        root_key=root_key,
        sealer=sealer,
        recovery=read_recovery_key(settings),
    )
    rotator = Rotator(
        keyring=stores.keyring,
        rotations=stores.rotation,
        custodian=custodian,
        sealer=sealer,
        board=stores.board,
        changes=stores.changes,
        metrics=metrics,
    )
    ledger = EncryptionLedger(
        keyring=stores.keyring,
        sealer=sealer,
        max_age_days=settings.keyring.rotate_after_days,
        metrics=metrics,
    )
    async with AsyncExitStack() as stack:
        if not settings.database.is_off:  # a ring of the moment needs no upkeep
            upkeep: dict[str, Coroutine[None, None, None]] = {
                "ring-following": follow_ring(stores.changes, custodian),
                "ring-counting": keep_counted(ledger),
                "ring-rotation": keep_rotated(rotator, ledger),
            }
            for name, work in upkeep.items():
                stack.push_async_callback(_cancel, asyncio.create_task(work, name=name))
        endpoints = KeyringEndpoints(custodian, rotator, vault=_vault_of(settings)).endpoints()
        yield OpenedRing(sealer, custodian, endpoints)


def _vault_of(settings: Settings) -> FetchRootKey | None:
    if not settings.keyring.root_key_source.startswith("vault-"):
        return None

    async def ask() -> RootKey:
        text = await fetch_root_key(settings)
        if text is None:
            raise StartupError("the vault holds no root key")
        return RootKey.from_base64(text.reveal())

    return ask


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))
