"""Brings a whole ring under a root key: from the copies for the recovery key, or from another.

Everything is written in one transaction, or nothing.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from authsvc.entities import WrappedKey
from authsvc.errors import RecoveryKeyError, RootKeyError
from authsvc.recovery_key import RecoveryPrivateKey
from authsvc.ring_store import KeyringStore
from authsvc.root_key import RootKey
from authsvc.sealing import DATA

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """The ids of the data keys that came back, and of the keys of any purpose that did not."""

    recovered: tuple[str, ...]
    not_recovered: tuple[str, ...]


async def recover_keys(
    store: KeyringStore, *, private: RecoveryPrivateKey, root_key: RootKey
) -> Recovered:
    """Wrap every key that has a copy with the root key, whatever wrapped it before.

    A copy can be made by whoever has the public key and can write to the database: where the root
    key still opens the key itself, a copy of another one is refused.

    Raises:
        RingChangedError: The ring was changed meanwhile; nothing was written.
    """
    keys = await store.load()
    anew = [_recovered(key, private, root_key) for key in keys]
    pairs = list(zip(keys, anew, strict=True))
    await store.rewrap([new or old for old, new in pairs], announce=True)
    return Recovered(
        tuple(new.id for new in anew if new is not None and new.purpose == DATA),
        tuple(old.id for old, new in pairs if new is None),
    )


async def rewrap_keys(store: KeyringStore, *, old: RootKey, new: RootKey) -> int:
    """Wrap every key with a new root key; the old one opens none of them afterwards.

    Processes that run go on with the keys in their memory: they are the same. Returns how many
    keys there are.

    Raises:
        RootKeyError: The old root key does not open the ring, or there is none.
        RingChangedError: The ring was changed meanwhile; nothing was written.
    """
    keys: Sequence[WrappedKey] = await store.load()
    if not keys:
        raise RootKeyError("the database has no keyring yet")
    places = [{"purpose": key.purpose, "key_id": key.id} for key in keys]
    opened = [old.unwrap(key.wrapped, **place) for key, place in zip(keys, places, strict=True)]
    wrapped = [new.wrap(key, **place) for key, place in zip(opened, places, strict=True)]
    rewrapped = [replace(key, wrapped=one) for key, one in zip(keys, wrapped, strict=True)]
    await store.rewrap(rewrapped, announce=False)
    return len(keys)


def _recovered(
    key: WrappedKey, private: RecoveryPrivateKey, root_key: RootKey
) -> WrappedKey | None:
    if key.recovery is None:
        _log.warning("key not recovered", key_id=key.id, reason="no copy of it was kept")
        return None
    try:
        opened = private.open_key(key.recovery, purpose=key.purpose, key_id=key.id)
    except RecoveryKeyError as error:
        _log.warning("key not recovered", key_id=key.id, reason=str(error))
        return None
    if not _may_be(key, opened, root_key):
        _log.error("key not recovered", key_id=key.id, reason="its copy is of another key")
        return None
    return replace(key, wrapped=root_key.wrap(opened, purpose=key.purpose, key_id=key.id))


def _may_be(key: WrappedKey, opened: bytes, root_key: RootKey) -> bool:
    try:
        known = root_key.unwrap(key.wrapped, purpose=key.purpose, key_id=key.id)
    except RootKeyError:
        return True  # what a recovery is for: nothing but the copy tells
    return hmac.compare_digest(known, opened)
