"""The audit log: who changed what or tried to, when and from where; chained, so meddling shows.

What callers can rely on:

1. While a deed is being recorded (``recording``), every write to a store makes an entry in the
   same transaction: both happen, or neither. A deed that writes nothing can be noted.
2. Each entry's ``mac`` is keyed, and covers the entry and the one before it. Whoever can write to
   the database, but has not got the key, can neither change, insert, reorder nor remove entries
   without being found by ``verify``; except for the newest ones, if the head is put back with
   them. Against that helps a head that was noted elsewhere.
3. An entry names entities by kind and id, and requests by their template: no key, no body.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Protocol

from authsvc.keyring import length_prefixed

_DONE_ONCE, _REFUSED_OR_OFTEN = b"\x01", b"\x02"  # versions of what a mac covers
_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """A request that may write. ``route`` is its path's template, ``source`` an address.

    ``refused`` is the HTTP status that it was refused with, None: it was not. ``times`` is how
    often the same was done.
    """

    who: str
    role: str
    source: str
    method: str
    route: str
    refused: int | None = None
    times: int = 1


class Write(Protocol):
    """One entity that was written."""

    @property
    def entity(self) -> str:
        """Its kind."""

    @property
    def entity_id(self) -> str:
        """Its id."""


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The newest entry's place in the chain; before the first one (0, nothing)."""

    seq: int = 0
    mac: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What a deed wrote. ``at`` in epoch milliseconds, ``entities`` as ``consumers/<id>``."""

    seq: int
    at: int
    deed: Deed
    entities: tuple[str, ...]
    mac: bytes = field(default=b"", repr=False)

    @property
    def head(self) -> AuditHead:
        """The head that the chain has after this entry."""
        return AuditHead(self.seq, self.mac)


class AuditTrail(Protocol):
    """The entries. They are made by the writes of the other stores, and by ``note``."""

    async def page(self, *, size: int, after: int = 0) -> Sequence[AuditEntry]:
        """Return at most ``size`` entries in their order, those after a seq."""

    async def head(self) -> AuditHead:
        """Return the head: what the next entry will be chained to."""

    async def start(self) -> AuditHead:
        """Return what the first entry that is kept is chained to: nothing, if all are kept."""

    async def note(self) -> None:
        """Make an entry for the deed that is being recorded, without anything written."""


class AuditChain:
    """Makes entries, and proves them; hides its key."""

    __slots__ = ("_clock", "_key")

    def __init__(self, key: bytes, *, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._clock = clock

    def link(self, deed: Deed, writes: Iterable[Write], *, previous: AuditHead) -> AuditEntry:
        """Return the entry that comes after the head."""
        named = dict.fromkeys(f"{write.entity}/{write.entity_id}" for write in writes)
        entry = AuditEntry(
            seq=previous.seq + 1, at=int(self._clock() * 1000), deed=deed, entities=tuple(named)
        )
        return replace(entry, mac=self._mac(entry, previous))

    def proves(self, entry: AuditEntry, *, previous: AuditHead) -> bool:
        """Tell whether this very entry was made after this head."""
        follows = entry.seq == previous.seq + 1
        return hmac.compare_digest(entry.mac, self._mac(entry, previous)) and follows

    def _mac(self, entry: AuditEntry, previous: AuditHead) -> bytes:
        deed = entry.deed
        texts = (deed.who, deed.role, deed.source, deed.method, deed.route, *entry.entities)
        numbers = (str(entry.seq), str(entry.at), str(len(texts)))
        version, more = _version(deed)
        parts = (part.encode() for part in (*more, *numbers, *texts))
        covered = length_prefixed(b"tollkeeper/audit", version, previous.mac, *parts)
        return hmac.digest(self._key, covered, hashlib.sha256)

    def __repr__(self) -> str:
        return "AuditChain('***')"


def _version(deed: Deed) -> tuple[bytes, tuple[str, ...]]:
    """Return the version, and what it covers beyond the first: entries of that stay provable."""
    if deed.refused is None and deed.times == 1:
        return _DONE_ONCE, ()
    return _REFUSED_OR_OFTEN, (str(deed.refused), str(deed.times))


@dataclass(slots=True)
class Recording:
    """A deed that is under way, and the chain that it goes into.

    ``made`` counts the entries that were made of it.
    """

    deed: Deed
    chain: AuditChain
    made: int = 0

    def entry(self, writes: Iterable[Write], *, previous: AuditHead) -> AuditEntry:
        """Return the entry of one transaction's writes."""
        self.made += 1
        return self.chain.link(self.deed, writes, previous=previous)


_current: ContextVar[Recording | None] = ContextVar("audit_recording", default=None)


@contextmanager
def recording(deed: Deed, chain: AuditChain) -> Iterator[Recording]:
    """Have every write made inside, by this task or by those that it starts, recorded."""
    made = Recording(deed, chain)
    token = _current.set(made)
    try:
        yield made
    finally:
        _current.reset(token)


def current_recording() -> Recording | None:
    """Return what a store has to record its write under, None: nothing."""
    return _current.get()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the trail is as it was written.

    ``head`` is the last place up to which it is; ``broken`` the seq of the first entry that is
    missing, or not as it was written, None: there is none.
    """

    head: AuditHead
    broken: int | None = None


async def verify(trail: AuditTrail, chain: AuditChain) -> Verdict:
    """Walk all of the trail that is kept; entries that are made meanwhile are for the next time.

    Raises:
        StoreUnavailableError: The store did not answer.
    """
    target = await trail.head()
    head = await trail.start()
    while head.seq < target.seq:
        entries = await trail.page(size=_PAGE, after=head.seq)
        for entry in entries:
            if not chain.proves(entry, previous=head):
                return Verdict(head, broken=head.seq + 1)
            head = entry.head
            if head.seq == target.seq and head != target:
                return Verdict(head, broken=head.seq)
        if not entries:
            return Verdict(head, broken=head.seq + 1)
    beyond = await trail.page(size=1, after=head.seq)
    if beyond and not chain.proves(beyond[0], previous=head):
        return Verdict(head, broken=head.seq + 1)
    return Verdict(head)
