from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from analytics.moesif import MoesifCollector
from authsvc.entities import Plugin
from authsvc.memory import MemoryDatabase
from authsvc.store import Retention
from sidecar.consumer_sync import ConsumerSync
from sidecar.moesif_source import load_setup
from sidecar.told_consumers import ToldConsumers
from tests.deadline import eventually
from tests.fakes.collector import Collector, Hang
from tests.fakes.entities import a_consumer, a_route, an_id
from tests.fakes.profile_counts import ProfileCounts


class Scene:
    """Consumers in memory, and what collectors hear of them."""

    def __init__(self, collector: Collector, database: MemoryDatabase, sync: ConsumerSync) -> None:
        self.collector = collector
        self.database = database
        self._sync = sync
        self._plugins = 0

    async def plug(self, name: str = "moesif", **config: Any) -> Plugin:
        """Add a plugin, and go by it."""
        if name == "moesif":
            config = {
                "application_id": "APP1",
                "api_endpoint": self.collector.url,
                "sync_consumers": True,
            } | config
        self._plugins += 1
        route = a_route(self._plugins)
        await self.database.routes.insert(route)
        plugin = Plugin(
            id=an_id(900 + self._plugins),
            created_at=1,
            updated_at=1,
            name=name,
            config=config,
            route_id=route.id,
        )
        await self.database.plugins.insert(plugin)
        await self.configure()
        return plugin

    async def configure(self) -> None:
        self._sync.configure(await load_setup(self.database, default=None))

    async def heard(self, *users: str) -> None:
        """Wait until the collector heard of these users, in this order, and nothing else."""
        await eventually(lambda: len(self.users()) >= len(users), f"the users {users}")
        assert [user["user_id"] for user in self.users()] == list(users)

    def users(self) -> list[dict[str, Any]]:
        return [
            user
            for post in self.collector.accepted
            if post.path == "/v1/users/batch"
            for user in post.events
        ]

    def companies(self) -> list[str]:
        return [
            company["company_id"]
            for post in self.collector.accepted
            if post.path == "/v1/companies/batch"
            for company in post.events
        ]


@asynccontextmanager
async def running(database: MemoryDatabase | None = None) -> AsyncIterator[Scene]:
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # a note may be under way
        async with (
            Collector() as collector,
            started(collector, database or MemoryDatabase(), Path(folder)) as scene,
        ):
            yield scene


@asynccontextmanager
async def started(
    collector: Collector, database: MemoryDatabase, folder: Path
) -> AsyncIterator[Scene]:
    """Yield what one run of the process is, in front of a collector that may outlive it."""
    counts = ProfileCounts()
    async with (
        MoesifCollector() as sink,
        ConsumerSync(stores=database, sink=sink, metrics=counts, folder=folder, poll=0.01) as sync,
    ):
        yield Scene(collector, database, sync)


async def test_all_consumers_are_told_and_then_those_that_change() -> None:
    async with running() as scene:
        await scene.database.consumers.insert(a_consumer(1, username="alice", tags=("gold",)))
        await scene.plug()
        await scene.heard("alice")
        await scene.database.consumers.insert(a_consumer(2, username="bob", custom_id="17"))
        await scene.heard("alice", "17")
        await scene.database.consumers.replace(a_consumer(1, username="alicia"))
        await scene.heard("alice", "17", "alicia")
    alice, bob, _ = scene.users()
    assert alice == {
        "user_id": "alice",
        "metadata": {"consumer_id": an_id(1), "username": "alice", "tags": ["gold"]},
    }
    assert bob["metadata"] == {"consumer_id": an_id(2), "username": "bob", "custom_id": "17"}


async def test_ids_are_those_that_events_have() -> None:
    async with running() as scene:
        tags = ("user:u-1", "company:acme")
        await scene.database.consumers.insert(a_consumer(1, custom_id="17", tags=tags))
        await scene.plug(user_id_from="tags:user:", company_id_from="tags:company:")
        await scene.heard("u-1")
        assert scene.users()[0]["company_id"] == "acme"
        assert scene.companies() == ["acme"]


@pytest.mark.parametrize("reference", ["guest", an_id(1)])
async def test_the_anonymous_consumer_is_no_user(reference: str) -> None:
    async with running() as scene:
        await scene.database.consumers.insert(a_consumer(1, username="guest"))
        await scene.database.consumers.insert(a_consumer(2, username="alice"))
        await scene.plug("key-auth-enc", anonymous=reference)
        await scene.plug()
        await scene.heard("alice")


async def test_a_consumer_that_is_gone_is_not_told() -> None:
    async with running() as scene:
        await scene.plug()
        gone = a_consumer(1, username="gone")
        await scene.database.consumers.insert(gone)
        await scene.database.consumers.delete(gone.id)
        await scene.database.consumers.insert(a_consumer(2, username="there"))
        await scene.heard("there")


async def test_what_no_plugin_wants_is_not_told() -> None:
    async with running() as scene:
        await scene.database.consumers.insert(a_consumer(1, username="alice"))
        await scene.plug(application_id="APP2", sync_consumers=False)
        await scene.plug(application_id="APP1")
        await scene.heard("alice")
        asked = {post.headers["x-moesif-application-id"] for post in scene.collector.posts}
    assert asked == {"APP1"}


async def test_it_ends_with_the_option() -> None:
    async with running() as scene:
        plugin = await scene.plug()
        await scene.database.consumers.insert(a_consumer(1, username="alice"))
        await scene.heard("alice")
        await scene.database.plugins.delete(plugin.id)
        await scene.configure()
        await scene.database.consumers.insert(a_consumer(2, username="bob"))
        await scene.plug(application_id="APP2")
        await scene.heard("alice", "alice", "bob")


async def test_the_same_configuration_again_begins_nothing_anew() -> None:
    async with running() as scene:
        await scene.database.consumers.insert(a_consumer(1, username="alice"))
        await scene.plug()
        await scene.heard("alice")
        await scene.configure()
        await scene.database.consumers.insert(a_consumer(2, username="bob"))
        await scene.heard("alice", "bob")


async def test_a_restart_tells_only_what_is_new(tmp_path: Path) -> None:
    database = MemoryDatabase()
    async with Collector() as collector:
        for number in (1, 2, 3):
            await database.consumers.insert(a_consumer(number, username=f"user-{number}"))
        async with started(collector, database, tmp_path) as scene:
            await scene.plug()
            await scene.heard("user-1", "user-2", "user-3")
            await eventually(lambda: len(noted(tmp_path)) == 3, "a note of all")
            as_it_was = noted(tmp_path)[an_id(3)]
            await database.consumers.replace(a_consumer(3, username="third"))
            await eventually(lambda: noted(tmp_path)[an_id(3)] != as_it_was, "a note of the third")
        await database.consumers.replace(a_consumer(2, username="second"))
        await database.consumers.insert(a_consumer(4, username="user-4"))
        async with started(collector, database, tmp_path) as scene:
            await scene.configure()
            await scene.heard("user-1", "user-2", "user-3", "third", "second", "user-4")
            await database.consumers.delete(an_id(1))
            await eventually(lambda: len(noted(tmp_path)) == 4, "a note of the fourth")
        async with started(collector, database, tmp_path) as scene:
            await scene.configure()
            await eventually(lambda: len(noted(tmp_path)) == 3, "a note of those that are left")
            assert len(scene.users()) == 6


async def test_who_was_being_told_of_at_the_end_is_told_again(tmp_path: Path) -> None:
    database = MemoryDatabase()
    async with Collector(201, Hang(60), 201) as collector:
        await database.consumers.insert(a_consumer(1, username="alice"))
        async with started(collector, database, tmp_path) as scene:
            await scene.plug()
            await eventually(lambda: noted(tmp_path), "a note of it")
            await database.consumers.replace(a_consumer(1, username="alicia"))
            await eventually(lambda: len(collector.posts) == 2, "a request without an answer")
        # The collector may well have taken that; as it was before is not what is known there.
        await database.consumers.replace(a_consumer(1, username="alice"))
        async with started(collector, database, tmp_path) as scene:
            await scene.configure()
            await scene.heard("alice", "alice")


def noted(folder: Path) -> dict[str, str]:
    """Return what is on disk of the only collector."""
    paths = list(folder.glob("*.consumers"))
    return ToldConsumers(paths[0]).load() if paths else {}


async def test_other_ids_are_told_although_consumers_are_the_same() -> None:
    async with running() as scene:
        await scene.database.consumers.insert(a_consumer(1, username="alice", tags=("user:a",)))
        plugin = await scene.plug()
        await scene.heard("alice")
        await scene.database.plugins.delete(plugin.id)
        await scene.plug(user_id_from="tags:user:")
        await scene.heard("alice", "a")


async def test_one_collector_that_is_away_delays_no_other() -> None:
    async with running() as scene, Collector(503) as busy:
        await scene.database.consumers.insert(a_consumer(1, username="alice"))
        await scene.plug(application_id="APP2", api_endpoint=busy.url)
        await eventually(lambda: busy.posts, "a try at the other collector")
        await scene.plug(application_id="APP1")
        await scene.heard("alice")


async def test_where_the_log_does_not_reach_back_all_are_told_again() -> None:
    database = MemoryDatabase(retention=Retention(changes=1, seconds=0, every=1))
    async with running(database) as scene, Collector(201, 503, 201) as slow:
        scene.collector = slow
        await database.consumers.insert(a_consumer(1, username="user-1"))
        await scene.plug()
        await scene.heard("user-1")
        await database.consumers.insert(a_consumer(2, username="user-2"))
        await eventually(lambda: len(slow.posts) == 2, "a try that fails")
        for number in (3, 4):  # while it waits, what came first falls out of the log
            await database.consumers.insert(a_consumer(number, username=f"user-{number}"))
        names = {f"user-{number}" for number in range(1, 5)}
        await eventually(
            lambda: {user["user_id"] for user in scene.users()} == names, "all the users", within=8
        )
