"""Claims about knowing which keys there are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from authsvc.apikey import ApiKey
from authsvc.blind_index import BlindIndex
from authsvc.errors import StoreUnavailableError
from authsvc.keyring import Keyring
from authsvc.known_keys import KnownKeys
from authsvc.memory import MemoryDatabase
from authsvc.metrics import NullMetrics
from authsvc.sealing import Sealer
from tests.deadline import eventually
from tests.fakes.issuer import Issuer
from tests.fakes.slow_listing import SlowListing

NOW = 1_000.0
KEYS = [f"key-{number}" for number in range(7)]


class CountingMetrics(NullMetrics):
    def __init__(self) -> None:
        self.keys = -1

    def indexed(self, keys: int) -> None:
        self.keys = keys


def sealer_of(index: bytes, *, key_id: str, others: tuple[bytes, ...] = ()) -> Sealer:
    return Sealer(
        keyring=Keyring({"datakey1": b"\x01" * 32}, active="datakey1"),
        blind_index=BlindIndex(index * 32),
        index_key_id=key_id,
        others=[BlindIndex(other * 32) for other in others],
    )


class Bench:
    """Known keys over a database in memory with seven keys."""

    def __init__(self, **options: Any) -> None:
        self.now = NOW
        self.sealer = sealer_of(b"\x02", key_id="index001")
        self.database = MemoryDatabase(clock=lambda: NOW)
        self.issuer = Issuer(self.database, sealer=self.sealer, clock=lambda: NOW)
        self.listing = SlowListing(self.database.digests)
        self.metrics = CountingMetrics()
        self.known = KnownKeys(
            listing=self.listing,
            sealer=self.sealer,
            metrics=self.metrics,
            page=2,
            retry=0,
            monotonic=lambda: self.now,
            **{"doubts": 0, "rest": 0, **options},
        )

    async def filled(self) -> "Bench":
        self.owner = await self.issuer.add_consumer("bob")
        for key in KEYS:
            await self.issuer.add_key(self.owner, key)
        return self

    def digest(self, key: str) -> bytes:
        return self.sealer.digest(ApiKey.from_text(key))

    def excludes(self, key: str) -> bool:
        return self.known.exclude(self.digest(key))

    async def until_loaded(self) -> None:
        await eventually(lambda: self.known.are_loaded, "the keys to be loaded")

    @asynccontextmanager
    async def loaded(self) -> AsyncIterator[None]:
        async with self.known.loading():
            await self.until_loaded()
            yield


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def bench() -> Bench:
    return await Bench().filled()


async def test_when_all_are_loaded_what_is_not_among_them_is_excluded(bench: Bench) -> None:
    async with bench.loaded():
        assert not any(bench.excludes(key) for key in KEYS)
        assert bench.excludes("another")
    assert bench.metrics.keys == len(KEYS)
    assert bench.listing.asked == 4  # pages of two


async def test_where_there_are_no_keys_all_are_excluded() -> None:
    bench = Bench()
    async with bench.loaded():
        assert bench.excludes("another")
    assert bench.metrics.keys == 0


async def test_nothing_is_excluded_before_all_are_loaded(bench: Bench) -> None:
    assert not bench.excludes("another")
    bench.listing.held = True
    async with bench.known.loading():
        for _ in range(4):
            await eventually(lambda: bench.listing.waiting, "the next page to be asked for")
            assert not bench.excludes("another")
            bench.listing.release()
        await bench.until_loaded()
        assert bench.excludes("another")


async def test_a_key_that_a_change_tells_of_is_known(bench: Bench) -> None:
    async with bench.loaded():
        bench.known.note(bench.digest("new"))
        assert not bench.excludes("new")
        assert bench.metrics.keys == len(KEYS) + 1


async def test_a_key_that_a_change_tells_of_while_loading_is_known_after_it(bench: Bench) -> None:
    bench.listing.held = True
    async with bench.known.loading():
        await eventually(lambda: bench.listing.waiting, "the first page to be read")
        for number in range(20):  # some of them in what was read already
            bench.known.note(bench.digest(f"new-{number}"))
        bench.listing.held = False
        bench.listing.release()
        await bench.until_loaded()
        assert not any(bench.excludes(f"new-{number}") for number in range(20))


async def test_when_all_is_forgotten_all_is_loaded_again(bench: Bench) -> None:
    async with bench.loaded():
        await bench.issuer.add_key(bench.owner, "unheard-of")
        assert bench.excludes("unheard-of")
        bench.known.forget()
        assert not bench.excludes("another")
        assert bench.metrics.keys == 0
        await bench.until_loaded()
        assert bench.excludes("another")
        assert not bench.excludes("unheard-of")


async def test_what_was_being_loaded_when_all_was_forgotten_is_not_believed(bench: Bench) -> None:
    bench.listing.held = True
    async with bench.known.loading():
        await eventually(lambda: bench.listing.waiting, "the first page to be read")
        bench.known.forget()
        bench.listing.release()
        await eventually(lambda: bench.listing.waiting, "the first page to be read again")
        assert not bench.excludes("another")
        bench.listing.held = False
        bench.listing.release()
        await bench.until_loaded()
        assert bench.listing.asked == 1 + 4


async def test_loading_goes_on_where_an_outage_stopped_it(bench: Bench) -> None:
    bench.listing.held = True
    async with bench.known.loading():
        for failure in (None, StoreUnavailableError("away"), None, None, None):
            await eventually(lambda: bench.listing.waiting, "a page to be asked for")
            bench.listing.release(failure=failure)
        await bench.until_loaded()
        assert bench.excludes("another")
        assert not any(bench.excludes(key) for key in KEYS)


async def test_of_an_outage_while_loading_one_line_is_logged(bench: Bench) -> None:
    bench.listing.held = True
    with capture_logs() as logged:
        async with bench.known.loading():
            for _ in range(3):
                await eventually(lambda: bench.listing.waiting, "a page to be asked for")
                bench.listing.release(failure=StoreUnavailableError("away"))
            await eventually(lambda: bench.listing.waiting, "a page to be asked for")
    assert [(line["log_level"], line["why"]) for line in logged] == [("warning", "away")]


async def test_while_an_index_key_gives_way_to_another_nothing_is_excluded(bench: Bench) -> None:
    async with bench.loaded():
        bench.sealer.adopt(sealer_of(b"\x02", key_id="index001", others=(b"\x03",)))
        assert not bench.excludes("another")


async def test_under_another_index_key_than_was_loaded_nothing_is_excluded(bench: Bench) -> None:
    async with bench.loaded():
        bench.sealer.adopt(sealer_of(b"\x03", key_id="index002"))
        assert not any(bench.excludes(key) for key in ("another", *KEYS))


async def test_nothing_is_loaded_while_it_would_not_be_believed(bench: Bench) -> None:
    bench.sealer.adopt(sealer_of(b"\x02", key_id="index001", others=(b"\x03",)))
    async with bench.known.loading():
        await settled()
        assert bench.listing.asked == 0
        bench.sealer.adopt(sealer_of(b"\x02", key_id="index001"))
        bench.known.forget()
        await bench.until_loaded()
        assert bench.excludes("another")


@pytest.mark.parametrize("digest", [b"", b"short", bytes(33)])
async def test_what_is_no_digest_is_not_noted(bench: Bench, digest: bytes) -> None:
    async with bench.loaded():
        bench.known.note(digest)
        assert bench.metrics.keys == len(KEYS)


async def test_too_many_keys_are_not_known_and_that_is_said_once() -> None:
    bench = await Bench(capacity=len(KEYS) - 1).filled()
    bench.listing.held = True
    with capture_logs() as logged:
        async with bench.known.loading():
            for _ in range(2):
                for _ in range(4):  # the last page holds the one too many
                    await eventually(lambda: bench.listing.waiting, "a page to be asked for")
                    bench.listing.release()
                await settled()
                assert not bench.excludes("another")
                bench.known.forget()
    assert bench.metrics.keys == 0
    assert [entry["log_level"] for entry in logged] == ["warning"]


async def test_a_key_too_many_ends_the_knowing() -> None:
    full = await Bench(capacity=len(KEYS)).filled()
    async with full.loaded():
        assert full.excludes("another")
        full.known.note(full.digest("new"))
        assert not full.excludes("another")
        assert full.metrics.keys == 0


async def test_of_those_not_known_a_few_each_second_are_asked_for_all_the_same() -> None:
    bench = await Bench(doubts=2).filled()
    others = [f"other-{number}" for number in range(10)]
    async with bench.loaded():
        for _ in range(2):  # the same ones, however often they are asked about
            assert [bench.excludes(key) for key in others] == [False] * 2 + [True] * 8
        bench.now += 1.0
        assert [bench.excludes(key) for key in reversed(others)] == [False] * 2 + [True] * 8


async def test_in_a_flood_those_come_evenly() -> None:
    bench = await Bench(doubts=4).filled()
    async with bench.loaded():
        assert [bench.excludes(f"first-{number}") for number in range(8)] == [False] * 4 + [
            True
        ] * 4
        for number in range(8):
            bench.now += 0.25
            assert [bench.excludes(f"{number}-{each}") for each in "abc"] == [False, True, True]


async def test_a_doubt_lasts_until_the_decision_that_has_it() -> None:
    bench = await Bench(doubts=1).filled()
    async with bench.loaded():
        bench.now += 0.75
        assert not bench.excludes("new")
        bench.now += 0.5
        assert not bench.excludes("new")
        assert bench.excludes("another")


async def test_what_is_doubted_is_bounded() -> None:
    bench = await Bench(doubts=4).filled()
    async with bench.loaded():
        for number in range(100):
            bench.now += 0.05
            bench.excludes(f"made-up-{number}")
            assert len(bench.known._doubted) <= 8


async def test_the_database_rests_between_two_loads() -> None:
    resting = await Bench(rest=1e9).filled()
    resting.listing.held = True
    async with resting.known.loading():
        for _ in range(4):
            await eventually(lambda: resting.listing.waiting, "a page to be asked for")
            resting.listing.release()
        await resting.until_loaded()
        resting.known.forget()
        await settled()
        assert resting.listing.asked == 4
        assert not resting.excludes("another")
