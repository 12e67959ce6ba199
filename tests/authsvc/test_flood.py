"""A flood of keys that do not exist, and those who have one."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from authsvc.apikey import ApiKey
from authsvc.cache import CredentialCache
from authsvc.errors import StoreUnavailableError
from authsvc.known_keys import DOUBTS, KnownKeys
from authsvc.memory import MemoryDatabase
from authsvc.metrics import NullMetrics
from authsvc.resolver import Resolver
from authsvc.store import Directory, KnownConsumer, KnownCredential
from tests.deadline import eventually
from tests.fakes.issuer import Issuer, make_sealer

NOW = 1_000.0
FLOOD = 20_000
WAITING = 256
KNOWN = [f"known-{number}" for number in range(50)]
REMEMBERED = KNOWN[:25]


class Always:
    is_fresh = True


class Watched:
    """A ``Directory`` that counts what is asked, and what is asked at once; ``held``: no answer."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.digests = 0
        self.statements = 0
        self.at_once = 0
        self.most_at_once = 0

    async def find_credentials(self, digests: Sequence[bytes]) -> Mapping[bytes, KnownCredential]:
        self.digests += len(digests)
        self.statements += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.may_answer.wait()
        self.at_once -= 1
        return await self._directory.find_credentials(digests)

    async def find_consumer(self, reference: str) -> KnownConsumer | None:
        return await self._directory.find_consumer(reference)


class Scene:
    """A worker's memory with fifty keys in the database, half of which were used."""

    def __init__(self) -> None:
        self.database = MemoryDatabase(clock=lambda: NOW)
        self.sealer = make_sealer()
        self.store = Watched(self.database.directory)
        self.resolver = Resolver(
            directory=self.store,
            sealer=self.sealer,
            metrics=NullMetrics(),
            cache=CredentialCache(credentials=100, unknown=100),
            max_waiting=WAITING,
            patience=60.0,
        )
        self.resolver.freshness = Always()

    async def fill(self) -> None:
        issuer = Issuer(self.database, sealer=self.sealer, clock=lambda: NOW)
        owner = await issuer.add_consumer("bob")
        for key in KNOWN:
            await issuer.add_key(owner, key)
        for key in REMEMBERED:
            await self.find(key)
        self.store.digests = self.store.statements = self.store.most_at_once = 0

    async def find(self, key: str) -> bool:
        return await self.resolver.find(ApiKey.from_text(key)) is not None

    def flood(self) -> "list[asyncio.Task[bool]]":
        return [asyncio.create_task(self.find(f"made-up-{number}")) for number in range(FLOOD)]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    await scene.fill()
    yield scene
    await scene.resolver.close()


@pytest.mark.parametrize("doubts", [0, DOUBTS])
async def test_once_it_is_known_which_keys_there_are_a_flood_asks_the_store_nothing_but_doubts(
    scene: Scene, doubts: int
) -> None:
    known = KnownKeys(
        listing=scene.database.digests,
        sealer=scene.sealer,
        metrics=NullMetrics(),
        doubts=doubts,
        monotonic=lambda: NOW,
    )
    scene.resolver.known_keys = known
    async with known.loading():
        await eventually(lambda: known.are_loaded, "the keys to be known")
        flood = scene.flood()
        assert all([await scene.find(key) for key in KNOWN])
        assert not any(await asyncio.gather(*flood))
    assert scene.store.digests == doubts + len(KNOWN) - len(REMEMBERED)


async def test_without_that_knowledge_what_waits_is_bounded_and_nobody_gets_in(
    scene: Scene,
) -> None:
    scene.store.may_answer.clear()
    flood = scene.flood()
    await eventually(lambda: sum(each.done() for each in flood) == FLOOD - WAITING, "the rest")
    assert scene.store.most_at_once <= 2
    assert all([await scene.find(key) for key in REMEMBERED])  # at once: nothing is asked for them
    with pytest.raises(StoreUnavailableError):
        await scene.find(KNOWN[-1])  # an outage to its owner, and never let in unknown
    scene.store.may_answer.set()
    outcomes = await asyncio.gather(*flood, return_exceptions=True)
    refused = [each for each in outcomes if each is False]
    assert len(refused) == WAITING
    assert all(isinstance(each, StoreUnavailableError) for each in outcomes if each is not False)
    assert scene.store.statements <= WAITING / 64 + 2
    assert await scene.find(KNOWN[-1])


async def test_a_flood_does_not_push_out_of_memory_who_is_known(scene: Scene) -> None:
    for start in range(0, 10 * WAITING, WAITING):
        await asyncio.gather(*(scene.find(f"made-up-{start + at}") for at in range(WAITING)))
    asked = scene.store.digests
    assert all([await scene.find(key) for key in REMEMBERED])
    assert scene.store.digests == asked
