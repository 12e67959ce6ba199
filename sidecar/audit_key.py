"""The key of the audit log's chain: on the keyring, wrapped by the root key like the others."""

import time
from collections.abc import Callable
from contextlib import suppress

from authsvc.entities import WrappedKey
from authsvc.errors import StoreUnavailableError, UniqueViolationError
from authsvc.keyring import generate_key, generate_key_id
from authsvc.ring_store import KeyringStore
from authsvc.root_key import RootKey

PURPOSE = "audit"
_ATTEMPTS = 3


async def open_audit_key(
    store: KeyringStore, root_key: RootKey, *, clock: Callable[[], float] = time.time
) -> bytes:
    """Return the key, made if there is none. Any number of processes may do so.

    Raises:
        RootKeyError: It was wrapped by another root key.
        StoreUnavailableError: The database is away.
    """
    for _ in range(_ATTEMPTS):
        for key in await store.load():
            if key.purpose == PURPOSE and key.active:
                return root_key.unwrap(key.wrapped, purpose=PURPOSE, key_id=key.id)
        with suppress(UniqueViolationError):  # another process was first: its key counts
            await store.add(_new_key(root_key, clock))
    raise StoreUnavailableError("the keyring does not keep what is added to it")


def _new_key(root_key: RootKey, clock: Callable[[], float]) -> WrappedKey:
    key_id = generate_key_id()
    wrapped = root_key.wrap(generate_key(), purpose=PURPOSE, key_id=key_id)
    return WrappedKey(
        id=key_id, created_at=int(clock()), purpose=PURPOSE, wrapped=wrapped, active=True
    )
