"""Tells Moesif of consumers, as users, where a ``moesif`` plugin has ``sync_consumers``.

What operators can rely on:

1. Each application id goes its own pace: none waits for another's collector.
2. When this begins, as after a start or a change of the option, all consumers are told but those
   that were told already as what they are; then those that are created or changed, in the order of
   the change log.
3. The change log is the queue.  What it says counts as read once it was taken or refused for
   good; a collector that is away costs no memory, and if the log does not reach back that far any
   more, all consumers are gone through again.
4. What is told are names, ids and tags: a consumer has no keys.  The consumers that stand for
   nobody (the ``anonymous`` of key authentication) are no users, and are left out.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from analytics.application_id import ApplicationId
from analytics.collector import Target
from analytics.destinations import breadth, target_of
from analytics.profiles import Profile, ProfileMetrics, ProfileSender, ProfileSink
from authsvc.annotation import find_id
from authsvc.annotation_rules import IdSource
from authsvc.decision import Identity
from authsvc.entities import Consumer
from authsvc.errors import StoreUnavailableError
from authsvc.store import Change, KnownConsumer, Stores
from sidecar.annotation_source import id_sources
from sidecar.moesif_source import MoesifSetup
from sidecar.told_consumers import ToldConsumers, digest_of

POLL_SECONDS = 1.0
_PAGE = 500  # consumers

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    """What to tell one collector of consumers."""

    target: Target
    label: str
    user_id_from: tuple[IdSource, ...]
    company_id_from: tuple[IdSource, ...]
    anonymous: frozenset[str]

    def profiles(self, consumers: Iterable[Consumer]) -> dict[str, Profile]:
        """Return the users that consumers are, by the consumer's id.

        The ids of users are those that their calls' events have.
        """
        return {
            consumer.id: _profile(consumer, self)
            for consumer in consumers
            if consumer.id not in self.anonymous and consumer.username not in self.anonymous
        }

    def told(self, folder: Path) -> ToldConsumers:
        """Return who this collector was told of, for this application id."""
        name = self.target.application_id.digest(f"consumers {self.target.endpoint}")
        return ToldConsumers(folder / f"{name}.consumers")


@dataclass(frozen=True, slots=True)
class _Telling:
    """How one collector is told."""

    job: _Job
    sender: ProfileSender
    told: ToldConsumers


class ConsumerSync:
    """The tasks that tell collectors of consumers; an async context manager that ends them.

    Args:
        stores: Where consumers are.
        sink: Where users and companies go.
        metrics: Who counts them.
        folder: Where it is noted who was told of.
        poll: Seconds between two looks at the change log.
    """

    def __init__(
        self,
        *,
        stores: Stores,
        sink: ProfileSink,
        metrics: ProfileMetrics,
        folder: Path,
        poll: float = POLL_SECONDS,
    ) -> None:
        self._stores = stores
        self._folder = folder
        self._poll = poll
        self._sink = sink
        self._metrics = metrics
        self._tasks: dict[ApplicationId, tuple[_Job, asyncio.Task[None]]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        tasks = [task for _, task in self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    def configure(self, setup: MoesifSetup) -> None:
        """Go on by what is configured now; where nothing changed, go on as before."""
        wanted = _jobs(setup)
        for application_id, (job, task) in list(self._tasks.items()):
            if wanted.get(application_id) != job:
                task.cancel()
                del self._tasks[application_id]
        for application_id, job in wanted.items():
            if application_id not in self._tasks:
                task = asyncio.create_task(self._follow(job), name="consumer-sync")
                task.add_done_callback(_report)
                self._tasks[application_id] = (job, task)

    async def _follow(self, job: _Job) -> None:
        sender = ProfileSender(sink=self._sink, metrics=self._metrics, name=job.label)
        telling = _Telling(job, sender, job.told(self._folder))
        seq: int | None = None
        while True:
            try:
                seq = await self._catch_up(telling, seq)
            except StoreUnavailableError:
                _log.info("consumers cannot be read; they are told of later", plugin=job.label)
            await asyncio.sleep(self._poll)

    async def _catch_up(self, telling: _Telling, seq: int | None) -> int | None:
        """Tell what changed after a position, or of all if it is None; return the new one."""
        if seq is not None:
            return await self._tell_changes(telling, seq, {})
        head = await self._stores.changes.head()
        # What changed meanwhile may have been told of already.
        return await self._tell_changes(telling, head, await self._tell_all(telling))

    async def _tell_changes(
        self, telling: _Telling, seq: int, before: Mapping[str, str]
    ) -> int | None:
        changes = await self._stores.changes.since(seq)
        if not changes.complete:
            return None
        changed = dict.fromkeys(each.entity_id for each in changes.changes if _is_consumer(each))
        found = [await self._stores.consumers.get(each) for each in changed]
        await _tell(telling, [consumer for consumer in found if consumer is not None], before)
        return changes.changes[-1].seq if changes.changes else seq

    async def _tell_all(self, telling: _Telling) -> dict[str, str]:
        before = await asyncio.to_thread(telling.told.load)
        now: dict[str, str] = {}
        after: str | None = None
        while page := await self._stores.consumers.page(size=_PAGE, after=after):
            now |= await _tell(telling, page, before)
            after = page[-1].id
        if now != before:
            await asyncio.to_thread(telling.told.replace, now)
        return now


async def _tell(
    telling: _Telling, consumers: Sequence[Consumer], before: Mapping[str, str]
) -> dict[str, str]:
    """Tell of consumers but for those that are what they were; return what they are now."""
    profiles = telling.job.profiles(consumers)
    now = {consumer: digest_of(profile) for consumer, profile in profiles.items()}
    news = {each: digest for each, digest in now.items() if before.get(each) != digest}
    if news:
        # Ended after the collector took this, we would not know: a consumer that is then changed
        # back would look as if it were known there as it is.
        await asyncio.to_thread(telling.told.doubt, news)
        await telling.sender.send([profiles[each] for each in news], telling.job.target)
        await asyncio.to_thread(telling.told.add, news)
    return now


def _jobs(setup: MoesifSetup) -> dict[ApplicationId, _Job]:
    """Return what is to be told; of plugins with one application id, the broadest says it."""
    jobs: dict[ApplicationId, _Job] = {}
    for scope in sorted(setup.scopes, key=breadth):
        config = scope.config
        if config.sync_consumers:
            job = _Job(
                target=target_of(config),
                label=scope.label,
                user_id_from=id_sources(config.user_id_from),
                company_id_from=id_sources(config.company_id_from),
                anonymous=setup.anonymous,
            )
            jobs.setdefault(config.application_id, job)
    return jobs


def _profile(consumer: Consumer, job: _Job) -> Profile:
    identity = Identity(KnownConsumer(consumer, ()))
    names = {
        "consumer_id": consumer.id,
        "username": consumer.username,
        "custom_id": consumer.custom_id,
        "tags": list(consumer.tags) if consumer.tags else None,
    }
    return Profile(
        user_id=find_id(job.user_id_from, identity)
        or consumer.custom_id
        or consumer.username
        or consumer.id,
        company_id=find_id(job.company_id_from, identity),
        metadata={name: value for name, value in names.items() if value is not None},
    )


def _is_consumer(change: Change) -> bool:
    return change.entity == "consumers"


def _report(task: asyncio.Task[None]) -> None:
    """Say that a task ended by itself, which none is meant to."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("consumers are no longer told of", error=type(error).__name__)
