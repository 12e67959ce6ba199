import asyncio
from collections.abc import Callable
from typing import Any

from analytics.application_id import ApplicationId
from analytics.collector import Target
from analytics.moesif import MoesifCollector
from analytics.profiles import Profile, ProfileKind, ProfileOutcome, ProfileSender
from tests.fakes.collector import Answer, Collector, Reply
from tests.fakes.profile_counts import ProfileCounts

USERS, COMPANIES = "/v1/users/batch", "/v1/companies/batch"
ALICE = Profile("alice", "acme", {"tags": ["gold"]})
BOB = Profile("bob")


def target(collector: Collector) -> Target:
    return Target(
        application_id=ApplicationId("APP1"),
        endpoint=collector.url,
        connect_timeout=5.0,
        send_timeout=10.0,
    )


class Scene:
    """A collector with a script, and what is sent to it."""

    def __init__(self, *script: Answer) -> None:
        self.collector = Collector(*script)
        self.counts = ProfileCounts()
        self.waits: list[float] = []

    async def tell(self, *lots: list[Profile]) -> list[tuple[str, list[dict[str, Any]]]]:
        """Send lots one after another; return what the collector took, by path."""
        async with self.collector, MoesifCollector() as sink:
            sender = ProfileSender(sink=sink, metrics=self.counts, name="global", wait=self._wait)
            for profiles in lots:
                await sender.send(profiles, target(self.collector))
        return [(post.path, post.events) for post in self.collector.accepted]

    async def _wait(self, seconds: float, _cut_short: asyncio.Event) -> None:
        self.waits.append(seconds)


async def test_companies_are_told_before_the_users_that_name_them() -> None:
    scene = Scene()
    assert await scene.tell([ALICE, BOB]) == [
        (COMPANIES, [{"company_id": "acme"}]),
        (
            USERS,
            [
                {"user_id": "alice", "company_id": "acme", "metadata": {"tags": ["gold"]}},
                {"user_id": "bob", "metadata": {}},
            ],
        ),
    ]
    assert scene.counts.counts == {
        (ProfileKind.COMPANIES, ProfileOutcome.ACCEPTED): 1,
        (ProfileKind.USERS, ProfileOutcome.ACCEPTED): 2,
    }
    assert scene.collector.posts[0].headers["x-moesif-application-id"] == "APP1"


async def test_a_company_is_told_once() -> None:
    taken = await Scene().tell([ALICE], [ALICE, Profile("carol", "acme")])
    assert [path for path, _ in taken] == [COMPANIES, USERS, USERS]


async def test_many_users_go_in_batches_in_their_order() -> None:
    taken = await Scene().tell([Profile(str(number)) for number in range(250)])
    assert [len(users) for _, users in taken] == [100, 100, 50]
    assert [user["user_id"] for _, users in taken for user in users] == list(map(str, range(250)))


async def test_what_is_not_taken_is_sent_again_for_as_long_as_it_takes() -> None:
    scene = Scene(503, Reply(429, {"Retry-After": "7"}), 401, 201)
    assert await scene.tell([BOB]) == [(USERS, [{"user_id": "bob", "metadata": {}}])]
    assert len(scene.waits) == 3
    assert scene.waits[1] >= 7
    assert scene.counts.counts[ProfileKind.USERS, ProfileOutcome.RETRY] == 3


async def test_a_collector_that_is_away_is_waited_for() -> None:
    scene = Scene()
    async with Collector() as gone:
        pass
    waits = []

    async def wait(seconds: float, _cut_short: asyncio.Event) -> None:
        waits.append(seconds)
        await gone.start()

    async with MoesifCollector() as sink:
        sender = ProfileSender(sink=sink, metrics=scene.counts, name="global", wait=wait)
        await sender.send([BOB], target(gone))
        await gone.stop()
    assert len(waits) == 1
    assert [post.path for post in gone.accepted] == [USERS]


def unless(user: str) -> Callable[[list[dict[str, Any]]], int]:
    return lambda users: 400 if any(each["user_id"] == user for each in users) else 201


async def test_one_bad_user_costs_that_user_only() -> None:
    scene = Scene(unless("7"))
    taken = await scene.tell([Profile(str(number)) for number in range(20)])
    told = [user["user_id"] for _, users in taken for user in users]
    assert told == [str(number) for number in range(20) if number != 7]
    assert scene.counts.counts[ProfileKind.USERS, ProfileOutcome.REJECTED] == 1
