"""Claims about how a worker learns what changed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from authsvc.apikey import ApiKey
from authsvc.entities import Consumer, Plugin, WrappedKey
from authsvc.errors import RootKeyError, StoreUnavailableError
from authsvc.memory import MemoryDatabase
from authsvc.metrics import NullMetrics
from authsvc.request import Request
from authsvc.store import Retention
from tests.deadline import eventually
from tests.fakes.issuer import Issuer, make_sealer
from tests.fakes.worker import Worker, make_worker


class FollowingMetrics(NullMetrics):
    def __init__(self) -> None:
        self.states: list[tuple[bool, int]] = []

    def followed(self, *, connected: bool, seq: int) -> None:
        self.states.append((connected, seq))


class Bench:
    """A database with one key, and a worker that has caught up with it."""

    def __init__(self, *, retention: Retention = Retention()) -> None:  # noqa: B008 - frozen
        self.now = 1_000.0
        self.monotonic = 50.0
        self.database = MemoryDatabase(clock=lambda: self.now, retention=retention)
        self.sealer = make_sealer()
        self.issuer = Issuer(self.database, sealer=self.sealer, clock=lambda: self.now)
        self.metrics = FollowingMetrics()
        self.worker: Worker = make_worker(
            self.database,
            sealer=self.sealer,
            clock=lambda: self.now,
            monotonic=lambda: self.monotonic,
            metrics=self.metrics,
        )
        self.follower = self.worker.follower
        self.bob: Consumer

    async def fill(self) -> "Bench":
        self.bob = await self.issuer.add_consumer("bob")
        self.key = await self.issuer.add_key(self.bob, "good")
        await self.follower.catch_up()
        return self

    async def reason(self, key: str = "good", **fields: object) -> str:
        request = Request(
            method="GET",
            path="/",
            headers=(("apikey", key.encode()),),
            **fields,  # type: ignore[arg-type]  # as the caller has them
        )
        return str((await self.worker.authenticator.decide(request)).reason)

    async def username(self) -> str | None:
        identity = await self.worker.resolver.find(ApiKey(b"good"))
        return identity.owner.consumer.username if identity else None


@pytest.fixture
async def bench() -> Bench:
    return await Bench().fill()


async def delete_key(bench: Bench) -> None:
    await bench.database.credentials.delete(bench.key.id)


async def change_key(bench: Bench) -> None:
    await bench.issuer.change_key(bench.key, "better")


async def add_key(bench: Bench) -> None:
    await bench.issuer.add_key(bench.bob, "better")


async def expire_key(bench: Bench) -> None:
    await bench.database.credentials.replace(replace(bench.key, expires_at=1_000))


async def delete_consumer(bench: Bench) -> None:
    await bench.database.consumers.delete(bench.bob.id)


async def configure(bench: Bench) -> None:
    await bench.issuer.add_route("r", key_auth_enc={"key_names": ["other"]})


async def configure_everything(bench: Bench) -> None:
    plugin = Plugin(
        id=str(uuid4()), created_at=0, updated_at=0, name="acl", config={"allow": ["admin"]}
    )
    await bench.database.plugins.insert(plugin)


async def let_in_members_of(bench: Bench) -> None:
    await configure_everything(bench)
    await bench.issuer.add_group(bench.bob, "admin")


# what is written: what becomes of the key "good", and of the key "better"
CHANGES: dict[str, tuple[Callable[[Bench], Awaitable[None]], str, str]] = {
    "a deleted key": (delete_key, "unknown_key", "unknown_key"),
    "a changed key": (change_key, "unknown_key", "key"),
    "a new key": (add_key, "key", "key"),
    "an expired key": (expire_key, "expired_key", "unknown_key"),
    "a deleted consumer": (delete_consumer, "unknown_key", "unknown_key"),
    "a plugin on the route": (configure, "missing_key", "missing_key"),
    "a plugin for everything": (configure_everything, "not_a_member", "unknown_key"),
    "a group": (let_in_members_of, "key", "unknown_key"),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_is_applied_with_the_next_reading(bench: Bench, name: str) -> None:
    write, good, better = CHANGES[name]
    assert (await bench.reason(), await bench.reason("better")) == ("key", "unknown_key")
    await write(bench)
    assert (await bench.reason(), await bench.reason("better")) == ("key", "unknown_key")
    await bench.follower.catch_up()
    assert (await bench.reason(route="r"), await bench.reason("better", route="r")) == (
        good,
        better,
    )


async def test_a_renamed_consumer_is_told_by_its_new_name(bench: Bench) -> None:
    assert await bench.username() == "bob"
    await bench.issuer.rename(bench.bob, "robert")
    await bench.follower.catch_up()
    assert await bench.username() == "robert"


async def test_every_page_of_the_log_is_read(bench: Bench) -> None:
    assert await bench.reason() == "key"
    for _ in range(2_100):
        await bench.issuer.add_consumer(str(uuid4()))
    await delete_key(bench)
    await bench.follower.catch_up()
    assert await bench.reason() == "unknown_key"
    assert await bench.database.board.slowest() == await bench.database.changes.head()


async def test_where_the_log_no_longer_reaches_back_everything_is_forgotten() -> None:
    bench = await Bench(retention=Retention(changes=2, seconds=0)).fill()
    assert await bench.reason() == "key"
    await delete_key(bench)
    await configure(bench)
    for number in range(10):
        bench.now += 1
        await bench.issuer.add_consumer(f"filler-{number}")
    await bench.follower.catch_up()
    assert await bench.reason() == "unknown_key"
    assert await bench.reason(route="r") == "missing_key"
    assert await bench.database.board.slowest() == await bench.database.changes.head()


async def test_a_database_that_was_put_back_is_read_anew(bench: Bench) -> None:
    assert await bench.reason() == "key"
    bench.follower._seq = 1_000_000
    await bench.database.credentials.delete(bench.key.id)
    await bench.follower.catch_up()
    assert await bench.reason() == "unknown_key"
    assert await bench.database.board.slowest() == await bench.database.changes.head()


async def test_what_was_applied_is_reported(bench: Bench) -> None:
    head = await bench.database.changes.head()
    assert await bench.database.board.slowest() == head
    await bench.issuer.add_key(bench.bob, "better")
    assert await bench.database.board.slowest() == head
    await bench.follower.catch_up()
    assert await bench.database.board.slowest() == head + 1
    assert bench.metrics.states[-1] == (True, head + 1)


async def test_the_log_counts_as_read_for_three_seconds_from_when_the_reading_began(
    bench: Bench,
) -> None:
    bench.monotonic += 2.9
    assert bench.follower.is_fresh
    bench.monotonic += 0.1
    assert not bench.follower.is_fresh
    began = bench.monotonic
    since = bench.database.changes.since

    async def slow(seq: int, *, limit: int = 1000) -> object:
        bench.monotonic += 2
        return await since(seq, limit=limit)

    bench.database.changes.since = slow  # type: ignore[method-assign,assignment]  # takes its time
    await bench.follower.catch_up()
    bench.monotonic = began + 2.9
    assert bench.follower.is_fresh
    bench.monotonic = began + 3
    assert not bench.follower.is_fresh


async def test_a_worker_that_has_not_read_the_log_is_not_fresh() -> None:
    assert not Bench().follower.is_fresh


async def test_without_the_store_nothing_is_skipped(bench: Bench) -> None:
    assert await bench.reason() == "key"
    bench.worker.link.cut = True
    await delete_key(bench)
    with pytest.raises(StoreUnavailableError):
        await bench.follower.catch_up()
    assert await bench.reason() == "key"
    bench.worker.link.cut = False
    await bench.follower.catch_up()
    assert await bench.reason() == "unknown_key"


async def test_a_created_key_is_not_taken_for_unknown_when_the_log_was_not_read(
    bench: Bench,
) -> None:
    assert await bench.reason("better") == "unknown_key"
    await add_key(bench)
    bench.monotonic += 3
    assert await bench.reason("better") == "key"


async def test_a_worker_does_not_start_without_the_store(bench: Bench) -> None:
    bench.worker.link.cut = True
    with pytest.raises(StoreUnavailableError):
        async with bench.follower.following():
            pass


async def test_following_begins_with_what_is_there() -> None:
    bench = Bench()
    await bench.issuer.add_route("r", key_auth_enc={"realm": "first"})
    async with bench.follower.following():
        policy = bench.worker.authenticator.policies.find("r", None)
        assert policy is not None
        assert policy.key_auth.realm == "first"
        assert bench.follower.is_fresh
        assert await bench.database.board.slowest() == await bench.database.changes.head()
    assert await bench.database.board.slowest() is None


async def test_changes_are_applied_in_the_background(bench: Bench) -> None:
    async with bench.follower.following():
        assert await bench.reason() == "key"
        await delete_key(bench)
        await eventually(lambda: _is(bench, "unknown_key"), "a deleted key to stop working")
        await bench.issuer.add_key(bench.bob, "good")
        await eventually(lambda: _is(bench, "key"), "a created key to start working")


async def test_following_goes_on_after_an_outage(bench: Bench) -> None:
    async with bench.follower.following():
        assert await bench.reason() == "key"
        bench.worker.link.cut = True
        await delete_key(bench)
        await eventually(lambda: (False, 2) in bench.metrics.states, "the outage to be noticed")
        assert await bench.reason() == "key"
        bench.worker.link.cut = False
        await eventually(lambda: _is(bench, "unknown_key"), "a deleted key to stop working")


async def test_leaving_does_not_need_the_store(bench: Bench) -> None:
    async with bench.follower.following():
        bench.worker.link.cut = True


class BrokenReload:
    """Fails while it has a ``failure``."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    async def __call__(self) -> None:
        if self.failure:
            raise self.failure


BREAKING = {"a ring that does not open": RootKeyError("no"), "a bug": RuntimeError("a bug")}


@pytest.mark.parametrize("name", BREAKING)
async def test_a_revoked_key_stops_working_although_the_log_cannot_be_applied(
    bench: Bench, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authsvc.follower.POLL_SECONDS", 0.01)
    monkeypatch.setattr("authsvc.follower._PAGE", 1)  # what follows is on pages never read
    later = await bench.issuer.add_key(bench.bob, "later")
    reload = BrokenReload()
    bench.follower._reload_keyring = reload
    async with bench.follower.following():
        assert (await bench.reason(), await bench.reason("later")) == ("key", "key")
        reload.failure = BREAKING[name]
        await _change_ring(bench)
        await delete_key(bench)
        await eventually(lambda: _is(bench, "unknown_key"), "a deleted key to stop working")
        assert not bench.metrics.states[-1][0]
        await bench.database.credentials.delete(later.id)
        await eventually(lambda: _is(bench, "unknown_key", "later"), "the next one to stop too")
        reload.failure = None
        await add_key(bench)
        await eventually(lambda: bench.metrics.states[-1][0], "the log to be applied again")
        assert await bench.reason("better") == "key"


async def test_a_stricter_policy_applies_although_the_ring_does_not_open(bench: Bench) -> None:
    assert await bench.reason() == "key"
    bench.follower._reload_keyring = BrokenReload(RootKeyError("no"))
    await _change_ring(bench)
    await configure_everything(bench)
    with pytest.raises(RootKeyError):
        await bench.follower.catch_up()
    assert await bench.reason() == "not_a_member"


async def test_an_outage_while_reloading_does_not_keep_a_revoked_key_working(bench: Bench) -> None:
    assert await bench.reason() == "key"
    bench.follower._reload_policies = BrokenReload(StoreUnavailableError("away"))
    await configure(bench)
    await delete_key(bench)
    with pytest.raises(StoreUnavailableError):
        await bench.follower.catch_up()
    assert await bench.reason() == "unknown_key"


async def test_a_new_ring_is_read_before_anything_is_remembered_under_it(bench: Bench) -> None:
    assert await bench.reason("better") == "unknown_key"
    rotated = make_sealer(b"\x03", index=b"\x04")

    async def adopt() -> None:
        bench.sealer.adopt(rotated)

    bench.follower._reload_keyring = adopt
    await Issuer(bench.database, sealer=rotated, clock=lambda: bench.now).add_key(
        bench.bob, "better"
    )
    await _change_ring(bench)
    await bench.follower.catch_up()
    assert await bench.reason("better") == "key"


async def test_all_is_forgotten_when_the_ring_changes(bench: Bench) -> None:
    assert await bench.reason() == "key"
    asked = bench.worker.directory.asked
    await _change_ring(bench)
    await bench.follower.catch_up()
    assert await bench.reason() == "key"
    assert bench.worker.directory.asked == asked + 1


async def test_applying_twice_at_once_changes_nothing(bench: Bench) -> None:
    assert await bench.reason() == "key"
    await delete_key(bench)
    await asyncio.gather(*(bench.follower.catch_up() for _ in range(5)))
    assert await bench.reason() == "unknown_key"
    assert await bench.database.board.slowest() == await bench.database.changes.head()


async def _is(bench: Bench, reason: str, key: str = "good") -> bool:
    return await bench.reason(key) == reason


async def _change_ring(bench: Bench) -> None:
    key = WrappedKey(id=uuid4().hex[:8], created_at=0, purpose="data", wrapped=b"")
    await bench.database.keyring.add(key)
