"""What a worker remembers of keys: who a key belongs to, and that a key is unknown.

Bounded, least recently used first out. Nothing here expires by itself: the change log tells what
to forget (``authsvc.follower``), and an expiry is checked at use (``authsvc.authenticator``).
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from authsvc.decision import Identity

_SPARED_AT_MOST = 64  # entries, to make room for one

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


class Kept:
    """What ``SecondChances`` keeps.

    Attributes:
        is_used: Somebody asked for it since it was kept, or since it was spared.
    """

    __slots__ = ("is_used",)

    def __init__(self) -> None:
        self.is_used = False


E = TypeVar("E", bound=Kept)


class SecondChances(Generic[K, E]):
    """A mapping that forgets, when it is full, what came longest ago and is not used.

    For what is asked for much more often than it changes: to note a use costs next to nothing.
    """

    __slots__ = ("_capacity", "_entries")

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("a map has room for at least one entry")
        self._capacity = capacity
        self._entries: OrderedDict[K, E] = OrderedDict()

    def get(self, key: K) -> E | None:
        """Return what is kept, or None."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.is_used = True
        return entry

    def put(self, key: K, entry: E) -> None:
        """Keep; forget another one if there is no room."""
        self._entries.pop(key, None)
        if len(self._entries) >= self._capacity:
            self._forget()
        self._entries[key] = entry

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def _forget(self) -> None:
        for _ in range(_SPARED_AT_MOST):
            key, oldest = self._entries.popitem(last=False)
            if not oldest.is_used:
                return
            oldest.is_used = False
            self._entries[key] = oldest
        self._entries.popitem(last=False)


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

    def hold(self, digest: bytes) -> "Held | None":
        """Return the identity behind a blind index, to see later whether it still is."""
        identity = self.find(digest)
        if identity is None:
            return None
        ours = self._of_consumer.get(identity.owner.consumer.id)
        # The one that is kept already, if it is at hand: one more would be 80 bytes.
        return Held(self, ours if isinstance(ours, bytes) and ours == digest else digest, identity)

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


class Held(Kept):
    """An identity that was remembered when somebody asked to hold it.

    Attributes:
        cache: What remembered it.
        digest: Its blind index.
        identity: The identity.
    """

    __slots__ = ("cache", "digest", "identity")

    def __init__(self, cache: CredentialCache, digest: bytes, identity: Identity) -> None:
        super().__init__()
        self.cache = cache
        self.digest = digest
        self.identity = identity

    def is_remembered(self) -> bool:
        """Tell whether it is remembered now: nothing was heard of a change to it."""
        return self.cache.find(self.digest) is self.identity
