"""From a presented key to an identity: memory first, then the store, once for all who ask.

What callers can rely on:

1. An identity is returned, and remembered, only after its ciphertext opened and equals the key.
2. What was read before a change is never remembered after it: an invalidation also reaches
   look-ups under way.
3. Identities in memory are good without the store; that a key or a consumer is unknown is believed
   only while the change log is being read, since it may have been created since. So is which keys
   there are (``authsvc.known_keys``).
4. At most ``max_waiting`` look-ups are under way; more are refused as an outage, not queued.
5. Keys that are looked up at the same moment are one question to the store (``authsvc.batches``).
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import structlog

from authsvc.apikey import ApiKey
from authsvc.batches import PATIENCE_SECONDS, Batches
from authsvc.cache import BoundedMap, CredentialCache, Held
from authsvc.decision import Identity
from authsvc.errors import KeyringError, RootKeyError
from authsvc.flights import Flights
from authsvc.known_keys import KnownKeys
from authsvc.metrics import AuthMetrics
from authsvc.sealing import Sealer
from authsvc.store import Directory, KnownConsumer, KnownCredential

MAX_KEY_LENGTH = 4096  # bytes; what is longer is unknown without being digested
_MAX_CONSUMERS = 10_000
_RELOAD_SECONDS = 1.0  # between two loads of the ring that a look-up asks for

_log = structlog.get_logger(__name__)


class NotInMemoryError(Exception):
    """Memory does not tell who a key belongs to, or who a consumer is: ask the store.

    Attributes:
        key: The key that was asked for, if it was one.
        digest: Its blind index, at the moment of asking.
        reference: The consumer that was asked for, if it was one.
    """

    def __init__(
        self, *, key: ApiKey | None = None, digest: bytes = b"", reference: str | None = None
    ) -> None:
        super().__init__("ask the store")
        self.key = key
        self.digest = digest
        self.reference = reference


class Freshness(Protocol):
    """Whether what was forgotten is up to date."""

    @property
    def is_fresh(self) -> bool:
        """Whether the change log was read lately."""


class Resolver:
    """Finds identities, and consumers by reference."""

    def __init__(
        self,
        *,
        directory: Directory,
        sealer: Sealer,
        metrics: AuthMetrics,
        cache: CredentialCache | None = None,
        max_waiting: int = 1024,
        patience: float = PATIENCE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._sealer = sealer
        self._metrics = metrics
        self._monotonic = monotonic
        self._cache = cache or CredentialCache()
        self._consumers: BoundedMap[str, KnownConsumer] = BoundedMap(_MAX_CONSUMERS)
        self._missing: BoundedMap[str, bool] = BoundedMap(_MAX_CONSUMERS)
        self._credentials = Batches[bytes, KnownCredential](
            directory.find_credentials, patience=patience
        )
        self._credential_flights = Flights[bytes, Identity | None](max_waiting)
        self._consumer_flights = Flights[str, KnownConsumer | None](max_waiting)
        self.freshness: Freshness | None = None
        #: Which keys exist, if that is known ahead; to be set before the change log is followed.
        self.known_keys: KnownKeys | None = None
        self.reload_keyring: Callable[[], Awaitable[None]] | None = None
        self._reloaded_at = float("-inf")

    def peek(self, key: ApiKey) -> Identity | None:
        """Return what ``recall`` returns, and count nothing.

        Raises:
            NotInMemoryError: As ``recall``.
        """
        if len(key.reveal()) > MAX_KEY_LENGTH:
            return None
        digest = self._sealer.digest(key)
        identity = self._cache.find(digest)
        if identity is None and not (self._is_fresh and self._is_unknown(digest)):
            raise NotInMemoryError(key=key, digest=digest)
        return identity

    def hold(self, key: ApiKey) -> Held | None:
        """Return what memory has of a key, to see later whether it still has it."""
        return self._cache.hold(self._sealer.digest(key))

    def recall(self, key: ApiKey) -> Identity | None:
        """Return what ``find`` returns, if that is possible without the store.

        Raises:
            NotInMemoryError: It is not.
        """
        identity = self.peek(key)
        if identity is not None:
            self._metrics.looked_up("hit")
        elif len(key.reveal()) <= MAX_KEY_LENGTH:
            self._metrics.looked_up("known_unknown")
        return identity

    def recall_consumer(self, reference: str) -> KnownConsumer | None:
        """Return what ``find_consumer`` returns, if that is possible without the store.

        Raises:
            NotInMemoryError: It is not.
        """
        known = self._consumers.get(reference)
        if known is None and not (self._missing.get(reference) and self._is_fresh):
            raise NotInMemoryError(reference=reference)
        return known

    async def find(self, key: ApiKey, *, digest: bytes | None = None) -> Identity | None:
        """Return the identity behind a key, expired or not; None if the key is unknown.

        Args:
            key: The key.
            digest: As ``recall`` has just said that it is not in memory; None: look there first.

        Raises:
            StoreUnavailableError: It is not in memory, and the store did not answer.
            KeyringError: The stored credential is not what was once sealed.
        """
        if digest is None:
            try:
                return self.recall(key)
            except NotInMemoryError as missing:
                digest = missing.digest
        self._metrics.looked_up("miss")
        return await self._credential_flights.join(
            digest, partial(self._look_up, digest, key), self._remember
        )

    async def find_consumer(self, reference: str) -> KnownConsumer | None:
        """Return a consumer by id or username.

        Raises:
            StoreUnavailableError: It is not in memory, and the store did not answer.
        """
        try:
            return self.recall_consumer(reference)
        except NotInMemoryError:
            return await self._consumer_flights.join(
                reference, lambda: self._directory.find_consumer(reference), self._remember_consumer
            )

    def forget_digest(self, digest: bytes) -> None:
        """Forget what is known of one blind index."""
        self._credential_flights.abandon(digest)
        self._cache.forget_digest(digest)
        if self.known_keys is not None:
            self.known_keys.note(digest)

    def forget_credential(self, digest: bytes, consumer_id: str | None) -> None:
        """Forget what is known of one credential.

        While an index key gives way to another, it may be remembered by another digest than the
        one it was written with: then all of its consumer is forgotten, and what is unknown.
        """
        self.forget_digest(digest)
        if self._sealer.changes_index:
            self._cache.forget_unknown()
            if consumer_id is not None:
                self.forget_consumer(consumer_id)

    def forget_consumer(self, consumer_id: str) -> None:
        """Forget a consumer and all its credentials."""
        self._credential_flights.abandon_all()
        self._forget_consumers()
        self._cache.forget_consumer(consumer_id)

    def forget_all(self) -> None:
        """Forget everything: it is not known what changed."""
        self._credential_flights.abandon_all()
        self._forget_consumers()
        self._cache.clear()
        if self.known_keys is not None:
            self.known_keys.forget()

    async def close(self) -> None:
        """Cancel what is under way."""
        await self._credential_flights.close()
        await self._consumer_flights.close()
        await self._credentials.close()

    @property
    def _is_fresh(self) -> bool:
        return self.freshness is not None and self.freshness.is_fresh

    def _is_unknown(self, digest: bytes) -> bool:
        if self._cache.is_unknown(digest):
            return True
        return self.known_keys is not None and self.known_keys.exclude(digest)

    async def _look_up(self, digest: bytes, key: ApiKey) -> Identity | None:
        found = await self._find_credential(digest, key)
        if found is None:
            return None
        if not self._sealer.holds(found.credential):
            await self._catch_up_with_the_ring()
        credential = found.credential
        if not self._is_genuine(found, key):
            self._metrics.refused_sealed_value()
            _log.error(
                "a stored credential does not open",
                credential_id=credential.id,
                consumer_id=credential.consumer_id,
            )
            raise KeyringError
        return Identity(
            found.owner,
            credential.id,
            credential.expires_at,
            enabled=credential.enabled,
            metadata=credential.metadata,
        )

    async def _find_credential(self, digest: bytes, key: ApiKey) -> KnownCredential | None:
        if not self._sealer.changes_index:
            return await self._credentials.find(digest)
        for search in self._sealer.searches(key):
            found = await self._credentials.find(search)
            if found is not None:
                return found
        return None

    async def _catch_up_with_the_ring(self) -> None:
        """Load the ring again: a row may be under a key that the change log is about to tell of.

        Once a second at most, because such a row may also just be damaged.
        """
        now = self._monotonic()
        if self.reload_keyring is None or now - self._reloaded_at < _RELOAD_SECONDS:
            return
        self._reloaded_at = now
        try:
            await self.reload_keyring()
        except RootKeyError:
            _log.error("the keyring does not open with this root key any more")

    def _is_genuine(self, found: KnownCredential, key: ApiKey) -> bool:
        if found.owner.consumer.id != found.credential.consumer_id:
            return False
        try:
            return self._sealer.proves(found.credential, key)
        except KeyringError:
            return False

    def _remember(self, digest: bytes, identity: Identity | None) -> None:
        if identity is None:
            self._cache.remember_unknown(digest)
        else:
            self._cache.remember(digest, identity)
        credentials, unknown = self._cache.sizes
        self._metrics.cached(credentials=credentials, unknown=unknown)

    def _remember_consumer(self, reference: str, consumer: KnownConsumer | None) -> None:
        if consumer is None:
            self._missing.put(reference, value=True)
        else:
            self._consumers.put(reference, consumer)

    def _forget_consumers(self) -> None:
        """Forget those by id and by names old and new: few, and quickly read again."""
        self._consumer_flights.abandon_all()
        self._consumers.clear()
        self._missing.clear()
