"""The first keys of a database, and the way from its ring to a ``Sealer``."""

from collections.abc import Sequence
from contextlib import suppress

from authsvc.entities import WrappedKey
from authsvc.errors import UniqueViolationError
from authsvc.keyring import generate_key, generate_key_id
from authsvc.root_key import RootKey
from authsvc.sealing import DATA, INDEX, Sealer
from authsvc.store import KeyringStore


async def ensure_keyring(store: KeyringStore, root_key: RootKey, *, now: int) -> Sealer:
    """Open the database's ring; a database that has none gets its first keys.

    Any number of processes may do this at once: all end up with the same keys.

    Args:
        store: Where the ring is kept.
        root_key: Wraps new keys and unwraps those that are there.
        now: The time, in epoch seconds, for the keys that are made.

    Raises:
        RootKeyError: The ring was wrapped by another root key. Nothing was written then.
        StoreUnavailableError: The store is away.
    """
    ring = await store.load()
    _check(ring, root_key)
    active = {key.purpose for key in ring if key.active}
    for purpose in (DATA, INDEX):
        if purpose not in active:
            # Another process may be faster; then its key is the one.
            with suppress(UniqueViolationError):
                await store.add(_new_key(root_key, purpose=purpose, now=now))
    return Sealer.unwrap(await store.load(), root_key)


def _check(ring: Sequence[WrappedKey], root_key: RootKey) -> None:
    for key in ring:
        root_key.unwrap(key.wrapped, purpose=key.purpose, key_id=key.id)


def _new_key(root_key: RootKey, *, purpose: str, now: int) -> WrappedKey:
    key_id = generate_key_id()
    wrapped = root_key.wrap(generate_key(), purpose=purpose, key_id=key_id)
    return WrappedKey(id=key_id, created_at=now, purpose=purpose, wrapped=wrapped, active=True)
