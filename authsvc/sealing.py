"""Makes stored credentials of keys, and keys of stored credentials.

The only place where a key, its blind index and its ciphertext meet: the Admin API seals and
reveals through it, the decision proves a presented key through it.
"""

import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from authsvc.apikey import ApiKey
from authsvc.blind_index import BlindIndex
from authsvc.entities import StoredCredential, WrappedKey
from authsvc.errors import KeyringError, RootKeyError
from authsvc.keyring import Binding, Keyring, key_id_of
from authsvc.root_key import RootKey

DATA = "data"
INDEX = "index"


class Sealer:
    """Seals, opens and digests keys under one keyring and one index key.

    While an index key gives way to another, ``others`` are those that rows may be found by yet.
    """

    def __init__(
        self,
        *,
        keyring: Keyring,
        blind_index: BlindIndex,
        index_key_id: str | None = None,
        others: Sequence[BlindIndex] = (),
    ) -> None:
        self._keyring = keyring
        self._blind_index = blind_index
        self._index_key_id = index_key_id
        self._others = tuple(others)
        self._tally: Counter[str] = Counter()

    @classmethod
    def unwrap(cls, wrapped: Sequence[WrappedKey], root_key: RootKey) -> "Sealer":
        """Open a stored ring.

        Raises:
            RootKeyError: The root key did not wrap these keys, or the ring lacks an active one.
        """
        opened = {
            key.id: root_key.unwrap(key.wrapped, purpose=key.purpose, key_id=key.id)
            for key in wrapped
        }
        active = {key.purpose: key.id for key in wrapped if key.active}
        if DATA not in active or INDEX not in active:
            raise RootKeyError("the database's keyring has no active key")
        data = {key.id: opened[key.id] for key in wrapped if key.purpose == DATA}
        return cls(
            keyring=Keyring(data, active=active[DATA]),
            blind_index=BlindIndex(opened[active[INDEX]]),
            index_key_id=active[INDEX],
            others=[
                BlindIndex(opened[key.id])
                for key in wrapped
                if key.purpose == INDEX and not key.active
            ],
        )

    def adopt(self, other: "Sealer") -> None:
        """Go on with another's keys: the ring was changed while this process runs."""
        self._keyring = other._keyring  # noqa: SLF001 - another of this very class
        self._blind_index = other._blind_index  # noqa: SLF001
        self._index_key_id = other._index_key_id  # noqa: SLF001
        self._others = other._others  # noqa: SLF001

    @property
    def active(self) -> str:
        """The id of the data key that seals."""
        return self._keyring.active

    def holds(self, credential: StoredCredential) -> bool:
        """Tell whether the data key that a credential names is on the ring as it is known here."""
        try:
            return key_id_of(credential.sealed_key) in self._keyring.ids
        except KeyringError:
            return False

    def take_tally(self) -> Mapping[str, int]:
        """Return how often each data key has sealed since this was last asked."""
        tally, self._tally = self._tally, Counter()
        return tally

    def digest(self, key: ApiKey) -> bytes:
        """Return the blind index of a key, under the active index key."""
        return self._blind_index.digest(key.reveal())

    @property
    def index_key_id(self) -> str | None:
        """The id of the index key that digests."""
        return self._index_key_id

    @property
    def changes_index(self) -> bool:
        """Whether rows may be found by more than one index key."""
        return bool(self._others)

    def searches(self, key: ApiKey) -> tuple[bytes, ...]:
        """Return the digests to look for, in turn: usually one.

        The active one comes first and, where there are others, last again: a row may go from
        another to it between two looks.
        """
        first = self.digest(key)
        if not self._others:
            return (first,)
        return (first, *(index.digest(key.reveal()) for index in self._others), first)

    def seal(
        self,
        key: ApiKey,
        *,
        credential_id: str,
        consumer_id: str,
        created_at: int,
        expires_at: int | None = None,
        tags: tuple[str, ...] | None = None,
        enabled: bool = True,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> StoredCredential:
        """Make the stored form of a consumer's key."""
        return StoredCredential(
            id=credential_id,
            created_at=created_at,
            consumer_id=consumer_id,
            digest=self.digest(key),
            sealed_key=self._sealed(key, credential_id, consumer_id),
            expires_at=expires_at,
            tags=tags,
            enabled=enabled,
            name=name,
            metadata=metadata,
            index_key_id=self._index_key_id,
        )

    def reveal(self, credential: StoredCredential) -> ApiKey:
        """Open a stored credential.

        Raises:
            KeyringError: It was not sealed here for this row and consumer, or its blind index
                belongs to another key.
        """
        key = self.open_key(
            credential.sealed_key,
            credential_id=credential.id,
            consumer_id=credential.consumer_id,
        )
        if not any(hmac.compare_digest(each, credential.digest) for each in self.searches(key)):
            raise KeyringError
        return key

    def open_key(self, sealed_key: bytes, *, credential_id: str, consumer_id: str) -> ApiKey:
        """Open the key of a credential of which nothing else is known.

        Raises:
            KeyringError: It was not sealed under this ring for this row and consumer.
        """
        try:
            return ApiKey(self._keyring.open(sealed_key, _binding(credential_id, consumer_id)))
        except ValueError:
            raise KeyringError from None

    def reseal(self, credential: StoredCredential) -> StoredCredential:
        """Return a credential under the active data key; the same if it is already.

        Its encryption is not in the tally: who seals rows by the thousand reserves that before.

        Raises:
            KeyringError: It does not open.
        """
        key = self.reveal(credential)
        if not self._keyring.needs_rotation(credential.sealed_key):
            return credential
        binding = _binding(credential.id, credential.consumer_id)
        return replace(credential, sealed_key=self._keyring.seal(key.reveal(), binding))

    def reindex(self, credential: StoredCredential) -> StoredCredential:
        """Return a credential found by the active index key; the same if it is already.

        Raises:
            KeyringError: It does not open.
        """
        digest = self.digest(self.reveal(credential))
        indexed = replace(credential, digest=digest, index_key_id=self._index_key_id)
        return credential if indexed == credential else indexed

    def proves(self, credential: StoredCredential, presented: ApiKey) -> bool:
        """Tell whether the presented key is the one that was sealed in this credential.

        Raises:
            KeyringError: The credential does not open: somebody changed the row.
        """
        return self.reveal(credential) == presented

    def _sealed(self, key: ApiKey, credential_id: str, consumer_id: str) -> bytes:
        self._tally[self._keyring.active] += 1
        return self._keyring.seal(key.reveal(), _binding(credential_id, consumer_id))


def keys_of(credential: StoredCredential) -> frozenset[str]:
    """Return the ids of the keys that a credential was made with, as far as it names them."""
    ids = set() if credential.index_key_id is None else {credential.index_key_id}
    with suppress(KeyringError):  # what no key has sealed is refused when it is read
        ids.add(key_id_of(credential.sealed_key))
    return frozenset(ids)


def _binding(credential_id: str, consumer_id: str) -> Binding:
    return Binding(table="credentials", column="key", row_id=credential_id, consumer_id=consumer_id)
