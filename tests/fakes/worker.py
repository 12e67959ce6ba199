"""What a worker consists of, put together on any stores, and a link to them that can be cut."""

import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from authsvc.authenticator import Authenticator
from authsvc.errors import StoreUnavailableError
from authsvc.follower import Follower
from authsvc.known_keys import KnownKeys
from authsvc.metrics import AuthMetrics, NullMetrics
from authsvc.policy import KeyAuthConfig, PolicyBook
from authsvc.policy_source import load_policies
from authsvc.resolver import Resolver
from authsvc.sealing import Sealer
from authsvc.store import (
    Changes,
    DigestListing,
    Directory,
    KnownConsumer,
    KnownCredential,
    Stores,
)

_PATIENCE = 60.0  # seconds: who holds an answer back decides when it comes


@dataclass
class Link:
    """The way to the stores; while it is ``cut``, nothing behind it answers."""

    cut: bool = False

    def cross(self) -> None:
        if self.cut:
            raise StoreUnavailableError("cut")


class LinkedDirectory:
    """A ``Directory`` behind a link; counts what is asked of it."""

    def __init__(self, directory: Directory, link: Link) -> None:
        self._directory = directory
        self._link = link
        self.asked = 0

    async def find_credentials(self, digests: Sequence[bytes]) -> Mapping[bytes, KnownCredential]:
        self.asked += len(digests)
        self._link.cross()
        return await self._directory.find_credentials(digests)

    async def find_consumer(self, reference: str) -> KnownConsumer | None:
        self.asked += 1
        self._link.cross()
        return await self._directory.find_consumer(reference)


class LinkedListing:
    """A ``DigestListing`` behind a link."""

    def __init__(self, listing: DigestListing, link: Link) -> None:
        self._listing = listing
        self._link = link

    async def page(self, start: int, *, size: int) -> "array[int]":
        self._link.cross()
        return await self._listing.page(start, size=size)


class LinkedFeed:
    """The change log and the board behind a link."""

    def __init__(self, database: Stores, link: Link) -> None:
        self._database = database
        self._link = link

    async def head(self) -> int:
        self._link.cross()
        return await self._database.changes.head()

    async def since(self, seq: int, *, limit: int = 1000) -> Changes:
        self._link.cross()
        return await self._database.changes.since(seq, limit=limit)

    async def wait(self, seconds: float) -> None:
        await self._database.changes.wait(0.01 if self._link.cut else seconds)

    async def report(self, worker: str, seq: int) -> None:
        self._link.cross()
        await self._database.board.report(worker, seq)

    async def leave(self, worker: str) -> None:
        self._link.cross()
        await self._database.board.leave(worker)

    async def slowest(self) -> int | None:
        self._link.cross()
        return await self._database.board.slowest()


@dataclass(frozen=True)
class Worker:
    """The parts of a worker; the follower runs only within ``follower.following()``."""

    authenticator: Authenticator
    resolver: Resolver
    follower: Follower
    directory: LinkedDirectory
    link: Link
    known_keys: KnownKeys | None


def make_worker(
    database: Stores,
    *,
    sealer: Sealer,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    default: KeyAuthConfig | None = KeyAuthConfig(),  # noqa: B008 - frozen
    directory: Directory | None = None,
    metrics: AuthMetrics = NullMetrics(),  # noqa: B008 - has no state
    listing: DigestListing | None = None,
    doubts: int = 0,
) -> Worker:
    """Put a worker together; it knows nothing before its follower has caught up.

    With a listing it also knows which keys there are, while ``known_keys.loading()`` lasts.
    """
    link = Link()
    linked = LinkedDirectory(directory or database.directory, link)
    resolver = Resolver(directory=linked, sealer=sealer, metrics=metrics, patience=_PATIENCE)
    nothing = PolicyBook.bind(default=default, plugins=(), routes=(), services=())
    authenticator = Authenticator(resolver=resolver, policies=nothing, clock=clock)

    async def reload_policies() -> None:
        link.cross()
        authenticator.policies = await load_policies(database, default=default)

    async def reload_keyring() -> None:
        link.cross()

    feed = LinkedFeed(database, link)
    follower = Follower(
        feed=feed,
        board=feed,
        worker="worker",
        resolver=resolver,
        reload_policies=reload_policies,
        reload_keyring=reload_keyring,
        metrics=metrics,
        monotonic=monotonic,
    )
    resolver.freshness = follower
    if listing is not None:
        resolver.known_keys = KnownKeys(
            listing=LinkedListing(listing, link),
            sealer=sealer,
            metrics=metrics,
            page=2,
            doubts=doubts,
            rest=0,
            retry=0,
            monotonic=monotonic,
        )
    return Worker(authenticator, resolver, follower, linked, link, resolver.known_keys)
