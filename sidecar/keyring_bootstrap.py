"""Makes the first keys of a database's keyring, and proves that the root key opens it."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from authsvc.custodian import Custodian
from authsvc.entities import WrappedKey
from authsvc.errors import RingChangedError, UniqueViolationError
from authsvc.keyring import generate_key, generate_key_id
from authsvc.recovery_key import RecoveryKey
from authsvc.ring_store import KeyringStore
from authsvc.root_key import RootKey
from authsvc.sealing import DATA, INDEX, Sealer


async def ensure_keyring(
    store: KeyringStore,
    root_key: RootKey,
    *,
    recovery: RecoveryKey | None = None,
    clock: Callable[[], float] = time.time,
) -> None:
    """Return once there is a keyring that the root key opens. Any number of processes may do so.

    With a recovery key, every key is then also kept encrypted to it.

    Raises:
        RootKeyError: The keyring was wrapped by another root key.
        StoreUnavailableError: The database is away.
    """
    for purpose in (DATA, INDEX):
        keys = await store.load()
        # Before anything is added: keys under two root keys would be a ring that nobody opens.
        _prove(keys, root_key)
        if not any(key.purpose == purpose for key in keys):
            with suppress(UniqueViolationError):  # another process was first: its key counts
                await store.add(_new_key(purpose, root_key, clock))
    sealer = Sealer.unwrap(await store.load(), root_key)
    custodian = Custodian(store=store, root_key=root_key, sealer=sealer, recovery=recovery)
    with suppress(RingChangedError):  # whoever changes it keeps copies as well
        await custodian.keep_copies()


def _prove(keys: Sequence[WrappedKey], root_key: RootKey) -> None:
    for key in keys:
        root_key.unwrap(key.wrapped, purpose=key.purpose, key_id=key.id)


def _new_key(purpose: str, root_key: RootKey, clock: Callable[[], float]) -> WrappedKey:
    key_id = generate_key_id()
    return WrappedKey(
        id=key_id,
        created_at=int(clock()),
        purpose=purpose,
        wrapped=root_key.wrap(generate_key(), purpose=purpose, key_id=key_id),
        active=True,
    )
