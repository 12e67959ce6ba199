"""Claims about finding identities: what is remembered, shared, refused and forgotten."""

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from authsvc.apikey import ApiKey
from authsvc.cache import CredentialCache
from authsvc.decision import Identity
from authsvc.errors import KeyringError, StoreUnavailableError
from authsvc.known_keys import KnownKeys
from authsvc.memory import MemoryDatabase
from authsvc.metrics import NullMetrics
from authsvc.resolver import MAX_KEY_LENGTH, Resolver
from authsvc.store import KnownCredential
from tests.deadline import eventually
from tests.fakes.found_credential import find_credential
from tests.fakes.issuer import Issuer, make_sealer
from tests.fakes.slow_directory import SlowDirectory

KEY = ApiKey(b"good")
NOW = 1_000.0


class CountingMetrics(NullMetrics):
    def __init__(self) -> None:
        self.lookups: Counter[str] = Counter()
        self.refused = 0
        self.sizes = (0, 0)

    def looked_up(self, kind: str) -> None:
        self.lookups[kind] += 1

    def cached(self, *, credentials: int, unknown: int) -> None:
        self.sizes = (credentials, unknown)

    def refused_sealed_value(self) -> None:
        self.refused += 1


@dataclass
class Fresh:
    is_fresh: bool = True


class Bench:
    """A resolver on a database in memory."""

    def __init__(self, *, max_waiting: int = 1024, cache: CredentialCache | None = None) -> None:
        self.sealer = make_sealer()
        self.database = MemoryDatabase(clock=lambda: NOW)
        self.issuer = Issuer(self.database, sealer=self.sealer, clock=lambda: NOW)
        self.directory = SlowDirectory(self.database.directory)
        self.metrics = CountingMetrics()
        self.resolver = Resolver(
            directory=self.directory,
            sealer=self.sealer,
            metrics=self.metrics,
            cache=cache,
            max_waiting=max_waiting,
            patience=60.0,
        )
        self.fresh = Fresh()
        self.resolver.freshness = self.fresh

    async def started(self, *lookups: Coroutine[Any, Any, Any]) -> list[asyncio.Task[Any]]:
        """Start look-ups and return when their questions are waiting for answers."""
        tasks = [asyncio.create_task(lookup) for lookup in lookups]
        for _ in range(8):
            await asyncio.sleep(0)
        return tasks


@pytest.fixture
async def bench() -> Bench:
    made = Bench()
    bob = await made.issuer.add_consumer("bob", groups=("admin",))
    await made.issuer.add_key(bob, "good")
    return made


async def test_an_identity_is_found_once_and_remembered(bench: Bench) -> None:
    first = await bench.resolver.find(KEY)
    assert first is not None
    assert first.owner.consumer.username == "bob"
    assert first.owner.groups == ("admin",)
    assert await bench.resolver.find(ApiKey(b"good")) is first
    assert bench.directory.asked == 1
    assert bench.metrics.lookups == {"miss": 1, "hit": 1}
    assert bench.metrics.sizes == (1, 0)


async def test_that_a_key_is_unknown_is_remembered(bench: Bench) -> None:
    for _ in range(2):
        assert await bench.resolver.find(ApiKey(b"bad")) is None
    assert bench.directory.asked == 1
    assert bench.metrics.lookups == {"miss": 1, "known_unknown": 1}
    assert bench.metrics.sizes == (0, 1)


async def test_that_a_key_is_unknown_is_not_believed_while_the_log_is_not_read(
    bench: Bench,
) -> None:
    assert await bench.resolver.find(ApiKey(b"bad")) is None
    bench.fresh.is_fresh = False
    await bench.issuer.add_key(await bench.issuer.add_consumer("eve"), "bad")
    assert await bench.resolver.find(ApiKey(b"bad")) is not None


@pytest.fixture
async def knowing(bench: Bench) -> AsyncIterator[Bench]:
    """A resolver that knows which keys there are."""
    known = KnownKeys(
        listing=bench.database.digests, sealer=bench.sealer, metrics=bench.metrics, doubts=0
    )
    bench.resolver.known_keys = known
    async with known.loading():
        await eventually(lambda: known.are_loaded, "the keys to be known")
        yield bench


async def test_a_key_that_does_not_exist_is_refused_without_the_store(knowing: Bench) -> None:
    for number in range(100):
        assert await knowing.resolver.find(ApiKey(b"bad-%d" % number)) is None
    assert knowing.directory.asked == 0
    assert knowing.metrics.lookups == {"known_unknown": 100}
    assert await knowing.resolver.find(KEY) is not None


async def test_which_keys_there_are_is_not_believed_while_the_log_is_not_read(
    knowing: Bench,
) -> None:
    knowing.fresh.is_fresh = False
    await knowing.issuer.add_key(await knowing.issuer.add_consumer("eve"), "bad")
    assert await knowing.resolver.find(ApiKey(b"bad")) is not None


async def test_a_key_that_is_told_of_is_asked_of_the_store(knowing: Bench) -> None:
    made = await knowing.issuer.add_key(await knowing.issuer.add_consumer("eve"), "bad")
    assert await knowing.resolver.find(ApiKey(b"bad")) is None
    knowing.resolver.forget_credential(made.digest, made.consumer_id)
    assert await knowing.resolver.find(ApiKey(b"bad")) is not None


async def test_with_everything_it_is_forgotten_which_keys_there_are(knowing: Bench) -> None:
    await knowing.issuer.add_key(await knowing.issuer.add_consumer("eve"), "bad")
    knowing.resolver.forget_all()
    assert await knowing.resolver.find(ApiKey(b"bad")) is not None


async def test_nothing_is_believed_to_be_unknown_before_there_is_a_follower(bench: Bench) -> None:
    bench.resolver.freshness = None
    for _ in range(2):
        assert await bench.resolver.find(ApiKey(b"bad")) is None
    assert bench.directory.asked == 2


async def test_a_key_of_the_greatest_length_is_looked_up_and_a_longer_one_is_not(
    bench: Bench,
) -> None:
    await bench.issuer.add_key(await bench.issuer.add_consumer("eve"), "k" * MAX_KEY_LENGTH)
    assert await bench.resolver.find(ApiKey(b"k" * MAX_KEY_LENGTH)) is not None
    assert await bench.resolver.find(ApiKey(b"k" * (MAX_KEY_LENGTH + 1))) is None
    assert bench.directory.asked == 1


async def test_an_expired_key_is_found_with_its_time(bench: Bench) -> None:
    eve = await bench.issuer.add_consumer("eve")
    await bench.issuer.add_key(eve, "short", ttl=5)
    found = await bench.resolver.find(ApiKey(b"short"))
    assert found is not None
    assert found.expires_at == NOW + 5


async def test_everybody_who_asks_shares_one_look_up(bench: Bench) -> None:
    bench.directory.held = True
    keys = [ApiKey(b"good") for _ in range(100)]
    tasks = await bench.started(*(bench.resolver.find(key) for key in keys))
    bench.directory.release()
    found = await asyncio.gather(*tasks)
    assert bench.directory.asked == 1
    assert all(identity is found[0] for identity in found)


async def test_keys_that_are_asked_for_at_once_are_one_question(bench: Bench) -> None:
    keys = [ApiKey(b"bad-%d" % number) for number in range(50)]
    found = await asyncio.gather(*(bench.resolver.find(key) for key in [*keys, KEY]))
    assert found[:50] == [None] * 50
    assert found[50] is not None
    assert bench.directory.asked == 1
    assert bench.metrics.sizes == (1, 50)


async def test_different_keys_do_not_wait_for_each_other(bench: Bench) -> None:
    bench.directory.held = True
    [good] = await bench.started(bench.resolver.find(KEY))
    [bad] = await bench.started(bench.resolver.find(ApiKey(b"bad")))
    bench.directory.release(1)
    assert await bad is None
    assert not good.done()
    bench.directory.release()
    assert await good is not None


@pytest.mark.parametrize("failure", [StoreUnavailableError("away"), RuntimeError("a bug")])
async def test_a_failure_is_shared_but_not_remembered(bench: Bench, failure: Exception) -> None:
    bench.directory.held = True
    tasks = await bench.started(bench.resolver.find(KEY), bench.resolver.find(KEY))
    bench.directory.release(failure=failure)
    assert await asyncio.gather(*tasks, return_exceptions=True) == [failure, failure]
    bench.directory.held = False
    assert await bench.resolver.find(KEY) is not None


async def test_one_caller_that_gives_up_does_not_stop_the_others(bench: Bench) -> None:
    bench.directory.held = True
    first, second = await bench.started(bench.resolver.find(KEY), bench.resolver.find(KEY))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    bench.directory.release()
    assert await second is not None


async def test_a_look_up_goes_on_when_everybody_gave_up(bench: Bench) -> None:
    bench.directory.held = True
    [only] = await bench.started(bench.resolver.find(KEY))
    only.cancel()
    await asyncio.gather(only, return_exceptions=True)
    bench.directory.release()
    await bench.started()
    assert await bench.resolver.find(KEY) is not None
    assert bench.metrics.lookups == {"miss": 1, "hit": 1}


async def test_a_failure_that_nobody_waits_for_is_no_alarm(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.directory.held = True
    [only] = await bench.started(bench.resolver.find(KEY))
    only.cancel()
    await asyncio.gather(only, return_exceptions=True)
    bench.directory.release(failure=StoreUnavailableError("away"))
    await bench.started()
    gc.collect()  # a task that nobody looked at complains when it is collected
    assert not caplog.records


async def test_too_many_look_ups_are_an_outage() -> None:
    bench = Bench(max_waiting=2)
    bench.directory.held = True
    await bench.started(bench.resolver.find(ApiKey(b"1")), bench.resolver.find(ApiKey(b"2")))
    with pytest.raises(StoreUnavailableError):
        await bench.resolver.find(ApiKey(b"3"))
    [joined] = await bench.started(bench.resolver.find(ApiKey(b"1")))
    bench.directory.release()
    assert await joined is None
    bench.directory.held = False
    assert await bench.resolver.find(ApiKey(b"3")) is None
    await bench.resolver.close()


async def test_forgotten_look_ups_count_until_they_end() -> None:
    bench = Bench(max_waiting=1)
    bench.directory.held = True
    await bench.started(bench.resolver.find(ApiKey(b"1")))
    bench.resolver.forget_all()
    with pytest.raises(StoreUnavailableError):
        await bench.resolver.find(ApiKey(b"1"))
    await bench.resolver.close()


def forget_key(bench: Bench) -> None:
    bench.resolver.forget_digest(bench.sealer.digest(KEY))


def forget_someone(bench: Bench) -> None:
    bench.resolver.forget_consumer("whoever")


def forget_all(bench: Bench) -> None:
    bench.resolver.forget_all()


FORGETTING = {"the key": forget_key, "a consumer": forget_someone, "everything": forget_all}


@pytest.mark.parametrize("what", FORGETTING)
async def test_what_was_read_before_a_change_is_not_remembered_after_it(
    bench: Bench, what: str
) -> None:
    bench.directory.held = True
    [before] = await bench.started(bench.resolver.find(KEY))
    credential = await bench.database.credentials.find(digest=bench.sealer.digest(KEY))
    assert credential is not None
    await bench.database.credentials.delete(credential.id)
    FORGETTING[what](bench)
    [after] = await bench.started(bench.resolver.find(KEY))
    bench.directory.release()
    assert await before is not None  # asked before the change was applied
    bench.directory.release()
    assert await after is None
    bench.directory.held = False
    assert await bench.resolver.find(KEY) is None


async def test_a_forgotten_look_up_does_not_end_the_sharing_of_the_next(bench: Bench) -> None:
    bench.directory.held = True
    [first] = await bench.started(bench.resolver.find(KEY))
    forget_key(bench)
    [second] = await bench.started(bench.resolver.find(KEY))
    bench.directory.release()
    await first
    [third] = await bench.started(bench.resolver.find(KEY))
    bench.directory.release()
    assert await third is await second
    assert bench.directory.asked == 2


async def test_forgetting_reaches_what_is_in_memory(bench: Bench) -> None:
    identity = await bench.resolver.find(KEY)
    assert identity is not None
    bench.resolver.forget_consumer(identity.owner.consumer.id)
    await bench.resolver.find(KEY)
    forget_key(bench)
    await bench.resolver.find(KEY)
    forget_all(bench)
    await bench.resolver.find(KEY)
    assert bench.metrics.lookups == {"miss": 4}


async def test_closing_answers_those_who_wait_as_an_outage(bench: Bench) -> None:
    bench.directory.held = True
    [waiting] = await bench.started(bench.resolver.find(KEY))
    await bench.resolver.close()
    with pytest.raises(StoreUnavailableError):
        await waiting


async def test_a_look_up_that_is_cancelled_from_below_is_an_outage(bench: Bench) -> None:
    bench.directory.held = True
    [waiting] = await bench.started(bench.resolver.find(KEY))
    bench.directory.release(failure=asyncio.CancelledError())
    with pytest.raises(StoreUnavailableError):
        await waiting


def moved_to_eve(found: KnownCredential, eve: KnownCredential) -> KnownCredential:
    return replace(found, owner=eve.owner)


def reassigned_to_eve(found: KnownCredential, eve: KnownCredential) -> KnownCredential:
    stolen = replace(found.credential, consumer_id=eve.credential.consumer_id)
    return KnownCredential(stolen, eve.owner)


def eves_ciphertext(found: KnownCredential, eve: KnownCredential) -> KnownCredential:
    return replace(
        found, credential=replace(found.credential, sealed_key=eve.credential.sealed_key)
    )


def eves_row_under_bobs_digest(found: KnownCredential, eve: KnownCredential) -> KnownCredential:
    return replace(eve, credential=replace(eve.credential, digest=found.credential.digest))


def eves_row(_found: KnownCredential, eve: KnownCredential) -> KnownCredential:
    return eve


def flipped(found: KnownCredential, _eve: KnownCredential) -> KnownCredential:
    sealed = found.credential.sealed_key
    broken = sealed[:-1] + bytes([sealed[-1] ^ 1])
    return replace(found, credential=replace(found.credential, sealed_key=broken))


def emptied(found: KnownCredential, _eve: KnownCredential) -> KnownCredential:
    return replace(found, credential=replace(found.credential, sealed_key=b""))


FORGERIES = {
    "the owner of another row": moved_to_eve,
    "given to another consumer": reassigned_to_eve,
    "the ciphertext of another row": eves_ciphertext,
    "another row under this index": eves_row_under_bobs_digest,
    "another row": eves_row,
    "one bit flipped": flipped,
    "nothing sealed": emptied,
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_who_can_only_write_to_the_database_cannot_forge_a_credential(
    bench: Bench, name: str
) -> None:
    eve = await bench.issuer.add_consumer("eve")
    await bench.issuer.add_key(eve, "evil")
    found = await find_credential(bench.database.directory, bench.sealer.digest(KEY))
    other = await find_credential(bench.database.directory, bench.sealer.digest(ApiKey(b"evil")))
    assert found is not None
    assert other is not None

    class Forged:
        async def find_credentials(
            self, digests: Sequence[bytes]
        ) -> Mapping[bytes, KnownCredential]:
            return {digest: FORGERIES[name](found, other) for digest in digests}

    resolver = Resolver(directory=Forged(), sealer=bench.sealer, metrics=bench.metrics)
    for _ in range(2):
        with pytest.raises(KeyringError):
            await resolver.find(KEY)
    assert bench.metrics.refused == 2
    assert bench.metrics.lookups == {"miss": 2}


async def test_a_consumer_is_found_by_id_and_by_name_and_remembered(bench: Bench) -> None:
    by_name = await bench.resolver.find_consumer("bob")
    assert by_name is not None
    assert await bench.resolver.find_consumer(by_name.consumer.id) == by_name
    assert await bench.resolver.find_consumer("bob") is by_name
    assert bench.directory.asked == 2


@pytest.mark.parametrize("what", ["a consumer", "everything"])
async def test_a_consumer_is_forgotten_with_any_other(bench: Bench, what: str) -> None:
    bob = await bench.resolver.find_consumer("bob")
    assert bob is not None
    await bench.issuer.add_group(bob.consumer, "pro")
    FORGETTING[what](bench)
    changed = await bench.resolver.find_consumer("bob")
    assert changed is not None
    assert changed.groups == ("admin", "pro")


async def test_that_a_consumer_does_not_exist_is_remembered_until_one_is_written(
    bench: Bench,
) -> None:
    for _ in range(3):
        assert await bench.resolver.find_consumer("guest") is None
    assert bench.directory.asked == 1
    guest = await bench.issuer.add_consumer("guest")
    bench.resolver.forget_consumer(guest.id)
    assert await bench.resolver.find_consumer("guest") is not None


async def test_that_a_consumer_does_not_exist_is_not_believed_while_the_log_is_not_read(
    bench: Bench,
) -> None:
    assert await bench.resolver.find_consumer("guest") is None
    bench.fresh.is_fresh = False
    await bench.issuer.add_consumer("guest")
    assert await bench.resolver.find_consumer("guest") is not None


async def test_a_consumer_that_was_missing_before_a_change_is_not_missed_after_it(
    bench: Bench,
) -> None:
    bench.directory.held = True
    [before] = await bench.started(bench.resolver.find_consumer("guest"))
    guest = await bench.issuer.add_consumer("guest")
    bench.resolver.forget_consumer(guest.id)
    bench.directory.release()
    assert await before is None
    bench.directory.held = False
    assert await bench.resolver.find_consumer("guest") is not None


async def test_a_consumer_that_was_read_before_a_change_is_not_remembered_after_it(
    bench: Bench,
) -> None:
    bench.directory.held = True
    [before] = await bench.started(bench.resolver.find_consumer("bob"))
    bob = await bench.database.consumers.find(username="bob")
    assert bob is not None
    await bench.issuer.rename(bob, "robert")
    bench.resolver.forget_consumer(bob.id)
    bench.directory.release()
    await before
    bench.directory.held = False
    assert await bench.resolver.find_consumer("bob") is None


async def test_memory_is_bounded_however_many_keys_are_tried() -> None:
    bench = Bench(cache=CredentialCache(credentials=10, unknown=10))
    eve = await bench.issuer.add_consumer("eve")
    for number in range(50):
        await bench.issuer.add_key(eve, f"key-{number}")
        await bench.resolver.find(ApiKey(f"key-{number}".encode()))
        await bench.resolver.find(ApiKey(f"guess-{number}".encode()))
    assert bench.metrics.sizes == (10, 10)
    assert not bench.resolver._credential_flights
    assert not bench.resolver._credential_flights._owned


async def test_no_repr_of_what_is_found_or_remembered_shows_a_key(bench: Bench) -> None:
    identity = await bench.resolver.find(KEY)
    assert isinstance(identity, Identity)
    assert "good" not in repr((identity, bench.resolver, bench.resolver._cache, KEY))
