"""What a worker remembers of keys: who a key belongs to, and that a key is unknown.

Bounded, least recently used first out. Nothing here expires by itself: the change log tells what
to forget (``authsvc.follower``), and an expiry is checked at use (``authsvc.authenticator``).
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from authsvc.decision import Identity

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedMap(Generic[K, V]):
    """A mapping that forgets what was used longest ago when it is full."""

    __slots__ = ("_capacity", "_entries")

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("a map has room for at least one entry")
        self._capacity = capacity
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return what is remembered, or None."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> tuple[K, V] | None:
        """Remember; return the entry that had to be forgotten for it, or None."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._capacity:
            return self._entries.popitem(last=False)
        return None

    def pop(self, key: K) -> V | None:
        """Forget one entry and return it, or None."""
        return self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


class CredentialCache:
    """Identities by blind index, and blind indexes known to belong to nobody."""

    def __init__(self, *, credentials: int = 100_000, unknown: int = 65_536) -> None:
        self._known: BoundedMap[bytes, Identity] = BoundedMap(credentials)
        self._unknown: BoundedMap[bytes, bool] = BoundedMap(unknown)
        # One blind index by itself: nearly all consumers have one key, and a set is 200 bytes.
        self._of_consumer: dict[str, bytes | set[bytes]] = {}

    def find(self, digest: bytes) -> Identity | None:
        """Return the identity behind a blind index, if it is remembered."""
        return self._known.get(digest)

    def is_unknown(self, digest: bytes) -> bool:
        """Tell whether it is remembered that nobody has this blind index."""
        return self._unknown.get(digest) is not None

    def remember(self, digest: bytes, identity: Identity) -> None:
        """Keep an identity."""
        self._unknown.pop(digest)
        self.forget_digest(digest)
        forgotten = self._known.put(digest, identity)
        self._link(digest, identity)
        if forgotten is not None:
            self._unlink(*forgotten)

    def remember_unknown(self, digest: bytes) -> None:
        """Keep that nobody has this blind index."""
        self.forget_digest(digest)
        self._unknown.put(digest, value=True)

    def forget_digest(self, digest: bytes) -> None:
        """Forget all about one blind index."""
        self._unknown.pop(digest)
        identity = self._known.pop(digest)
        if identity is not None:
            self._unlink(digest, identity)

    def forget_unknown(self) -> None:
        """Forget which blind indexes nobody has."""
        self._unknown.clear()

    def forget_consumer(self, consumer_id: str) -> None:
        """Forget every identity of one consumer."""
        digests = self._of_consumer.pop(consumer_id, set())
        for digest in (digests,) if isinstance(digests, bytes) else digests:
            self._known.pop(digest)

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()
        self._unknown.clear()
        self._of_consumer.clear()

    @property
    def sizes(self) -> tuple[int, int]:
        """How many identities and how many unknown blind indexes are remembered."""
        return len(self._known), len(self._unknown)

    def _link(self, digest: bytes, identity: Identity) -> None:
        consumer_id = identity.owner.consumer.id
        digests = self._of_consumer.setdefault(consumer_id, digest)
        if isinstance(digests, set):
            digests.add(digest)
        elif digests != digest:
            self._of_consumer[consumer_id] = {digests, digest}

    def _unlink(self, digest: bytes, identity: Identity) -> None:
        consumer_id = identity.owner.consumer.id
        digests = self._of_consumer.get(consumer_id)
        if isinstance(digests, set):
            digests.discard(digest)
        if not digests or digests == digest:
            self._of_consumer.pop(consumer_id, None)
