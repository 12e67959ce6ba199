"""Changes the ring: makes keys, puts them on it and takes them off, carries it elsewhere and back.

What callers can rely on:

1. Nothing is written before the root key has opened the whole ring: a ring under two root keys
   would be one that nobody opens.
2. After a change, the sealer of this process goes on with the new ring.
3. With a recovery key, every key is also kept encrypted to it.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from authsvc.entities import WrappedKey
from authsvc.errors import RecoveryKeyError, RootKeyError
from authsvc.keyring import DATA_KEY_LENGTH, generate_key, generate_key_id, is_key_id
from authsvc.recovery_key import RecoveryKey, RecoveryPrivateKey
from authsvc.ring_recovery import Recovered, recover_keys
from authsvc.ring_store import KeyringStore
from authsvc.root_key import RootKey
from authsvc.sealing import DATA, INDEX, Sealer

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ring:
    """The data keys, without the keys: their ids, oldest first, and which one seals."""

    ids: tuple[str, ...]
    active: str | None


@dataclass(frozen=True, slots=True)
class ClearKey:
    """A data key in clear, to be shown once to whoever made it."""

    id: str
    key: bytes = field(repr=False)


class Custodian:
    """The ring of one database."""

    def __init__(
        self,
        *,
        store: KeyringStore,
        root_key: RootKey,
        sealer: Sealer,
        recovery: RecoveryKey | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._root_key = root_key
        self._sealer = sealer
        self._recovery = recovery
        self._clock = clock

    @property
    def can_export(self) -> bool:
        """Whether there is a recovery key."""
        return self._recovery is not None

    async def reload(self) -> None:
        """Let the sealer go on with the ring as it is stored.

        Raises:
            RootKeyError: The root key does not open it.
        """
        self._sealer.adopt(Sealer.unwrap(await self._store.load(), self._root_key))

    async def try_root_key(self, root_key: RootKey) -> None:
        """Return if a root key opens the ring as it is stored.

        Raises:
            RootKeyError: It does not.
        """
        Sealer.unwrap(await self._store.load(), root_key)

    async def ring(self) -> Ring:
        """Return the data keys that there are."""
        keys = [key for key in await self._store.load() if key.purpose == DATA]
        active = next((key.id for key in keys if key.active), None)
        return Ring(tuple(key.id for key in keys), active)

    async def generate(self) -> tuple[ClearKey, int]:
        """Put a new random data key on the ring; return it and the seq. It is not active.

        Raises:
            RootKeyError: The root key does not open the ring.
        """
        clear = ClearKey(generate_key_id(), generate_key())
        return clear, await self.add(clear)

    async def add(self, clear: ClearKey) -> int:
        """Put a data key on the ring; return the seq. It is not active.

        Raises:
            ValueError: It is not a data key with an id.
            UniqueViolationError: The id is taken.
            RootKeyError: The root key does not open the ring.
        """
        if not is_key_id(clear.id) or len(clear.key) != DATA_KEY_LENGTH:
            raise ValueError("a key id has 8 letters or digits, and a data key 32 bytes")
        seq = await self._add(self.wrapped(clear, purpose=DATA))
        await self.reload()
        return seq

    def wrapped(self, clear: ClearKey, *, purpose: str, active: bool = False) -> WrappedKey:
        """Return a new key as it is stored."""
        place = {"purpose": purpose, "key_id": clear.id}
        return WrappedKey(
            id=clear.id,
            created_at=int(self._clock()),
            purpose=purpose,
            wrapped=self._root_key.wrap(clear.key, **place),
            active=active,
            recovery=self._recovery.seal_key(clear.key, **place) if self._recovery else None,
        )

    async def activate(self, key_id: str) -> int | None:
        """Let a data key seal from now on; return the seq, or None if there is no such key."""
        if key_id not in (await self.ring()).ids:
            return None
        await self.prove()
        seq = await self._store.activate(key_id)
        await self.reload()
        return seq

    async def remove(self, key_id: str) -> int | None:
        """Take a data key off the ring; return the seq, or None if there is no such key.

        Raises:
            KeyInUseError: It is active, or credentials are sealed under it.
        """
        if key_id not in (await self.ring()).ids:
            return None
        seq = await self._store.remove(key_id)
        await self.reload()
        return seq

    async def export(self) -> str:
        """Return the whole ring, index keys included, encrypted to the recovery key: base64 text.

        Raises:
            RecoveryKeyError: There is none.
            RootKeyError: The root key does not open the ring.
        """
        if self._recovery is None:
            raise RecoveryKeyError("there is no recovery public key")
        keys = await self.prove()
        data, index = (
            {
                "active": next((key.id for key in keys if key.active and key.purpose == of), None),
                "keys": {
                    key.id: base64.b64encode(self._open(key)).decode()
                    for key in keys
                    if key.purpose == of
                },
            }
            for of in (DATA, INDEX)
        )
        content = json.dumps({**data, "index": index}).encode()
        return await asyncio.to_thread(self._recovery.seal_ring, content)

    async def import_ring(self, exported: str, private_key: str) -> int | None:
        """Put the data keys of an exported ring on this one; return the seq, None: all were there.

        Which key is active stays as it is. Index keys are not taken over: rows of this database
        are found by its own.

        Raises:
            RecoveryKeyError: It does not open, or a key of an id that is there is another.
            RootKeyError: The root key does not open the ring.
        """
        content = await asyncio.to_thread(_opened_ring, exported, private_key)
        known = {key.id: self._open(key) for key in await self.prove()}
        imported = _exported_keys(content)
        for clear in imported:
            if known.get(clear.id, clear.key) != clear.key:
                raise RecoveryKeyError("the ring has another key of the same id")
        seq = None
        for clear in imported:
            if clear.id not in known:
                seq = await self._store.add(self.wrapped(clear, purpose=DATA))
        await self.reload()
        return seq

    async def recover(self, private_key: str) -> Recovered:
        """Bring back every key from its copy, whatever root key it was wrapped by.

        Raises:
            RecoveryKeyError: That is no private key.
        """
        private = await asyncio.to_thread(RecoveryPrivateKey.from_pem, private_key)
        back = await recover_keys(self._store, private=private, root_key=self._root_key)
        try:
            await self.reload()
        except RootKeyError:
            _log.error("the ring does not open yet", missing=list(back.not_recovered))
        return back

    async def keep_copies(self) -> None:
        """Keep every key encrypted to the recovery key also, where that is not so yet.

        Raises:
            RootKeyError: The root key does not open the ring.
        """
        recovery = self._recovery
        if recovery is None:
            return
        keys = await self.prove()
        if all(recovery.has_sealed(key.recovery) for key in keys):
            return
        copies = [
            replace(
                key,
                recovery=recovery.seal_key(self._open(key), purpose=key.purpose, key_id=key.id),
            )
            for key in keys
        ]
        await self._store.rewrap(copies, announce=False)

    async def prove(self) -> Sequence[WrappedKey]:
        """Return the stored keys once the root key has opened all of them.

        Raises:
            RootKeyError: It does not.
        """
        keys = await self._store.load()
        for key in keys:
            self._open(key)
        return keys

    async def _add(self, key: WrappedKey) -> int:
        await self.prove()
        return await self._store.add(key)

    def _open(self, key: WrappedKey) -> bytes:
        return self._root_key.unwrap(key.wrapped, purpose=key.purpose, key_id=key.id)


def _opened_ring(exported: str, private_key: str) -> bytes:
    return RecoveryPrivateKey.from_pem(private_key).open_ring(exported)


def _exported_keys(content: bytes) -> list[ClearKey]:
    try:
        keys = [
            ClearKey(key_id, base64.b64decode(key, validate=True))
            for key_id, key in json.loads(content)["keys"].items()
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        keys = []
    if not keys or any(not is_key_id(key.id) or len(key.key) != DATA_KEY_LENGTH for key in keys):
        raise RecoveryKeyError("what was exported is not a ring")
    return keys
