"""A delivery against a real collector over HTTP; only the waiting is shortened."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from analytics.application_id import ApplicationId
from analytics.backoff import Backoff, pause
from analytics.batch_sender import BatchSender
from analytics.breaker import Breaker
from analytics.collector import Target
from analytics.delivery import Delivery
from analytics.delivery_settings import DeliverySettings
from analytics.encoding import encode_event
from analytics.event_queue import QueueLimits
from analytics.metrics import DropReason
from analytics.moesif import MoesifCollector
from analytics.shelf import Shelf
from tests.deadline import eventually
from tests.fakes.collector import Answer, Collector
from tests.fakes.counting_metrics import CountingMetrics


class Pauses:
    """Remembers how long it was to wait, and waits much shorter, or until it is hurried."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.held = False

    async def __call__(self, seconds: float, cut_short: asyncio.Event) -> None:
        self.seconds.append(seconds)
        await pause(3600 if self.held else 0.01, cut_short)


class Scene:
    """A delivery, the collector that it sends to, and what was counted."""

    def __init__(self, collector: Collector, client: MoesifCollector, **settings: Any) -> None:
        self.collector = collector
        self.metrics = CountingMetrics()
        self.pauses = Pauses()
        self.shorter = 0
        self.settings = DeliverySettings(
            target=Target(
                application_id=ApplicationId("APP1"),
                endpoint=collector.url,
                connect_timeout=5.0,
                send_timeout=settings.get("send_timeout", 10.0),
            ),
            limits=QueueLimits(
                events=settings.get("events", 1000),
                batch_events=settings.get("batch", 10),
                batch_wait=settings.get("wait", 0.01),
            ),
            compress=settings.get("compress", False),
        )
        self.delivery = Delivery(
            self.settings,
            name="global",
            sender=BatchSender(
                collector=client,
                breaker=Breaker(Backoff(chance=lambda: 1.0)),
                wait=self.pauses,
                metrics=self.metrics,
                name="global",
            ),
            metrics=self.metrics,
            changed=self._became_shorter,
            shelf=settings.get("shelf") or Shelf(),
        )

    def offer(self, count: int, *, start: int = 0) -> None:
        for number in range(start, start + count):
            self.delivery.offer(encode_event({"n": number}))

    async def delivered(self, count: int) -> None:
        await eventually(lambda: self.metrics.events_sent >= count, f"{count} events")
        assert self.metrics.events_sent == count

    async def settled(self) -> None:
        await eventually(lambda: self.delivery.queue.events == 0, "an empty queue")

    @property
    def numbers(self) -> list[int]:
        return [event["n"] for event in self.collector.events]

    def _became_shorter(self) -> None:
        self.shorter += 1


@asynccontextmanager
async def scene(*script: Answer, **settings: Any) -> AsyncIterator[Scene]:
    async with Collector(*script) as collector, MoesifCollector() as client:
        built = Scene(collector, client, **settings)
        built.delivery.start()
        try:
            yield built
        finally:
            await built.delivery.stop(limit=0, reason=DropReason.SHUTDOWN)
