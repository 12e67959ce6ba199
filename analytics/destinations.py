"""The deliveries there are: one for each application id that is configured.

None delays another.  One that is no longer configured gets some time to send what it has; what is
then left on disk waits there until it is configured again, or too old.
"""

import asyncio
import time
from collections.abc import Iterable
from functools import partial

from analytics.application_id import ApplicationId
from analytics.backoff import Backoff, Pause
from analytics.batch_sender import BatchSender
from analytics.breaker import Breaker
from analytics.collector import Collector, Target
from analytics.config import MoesifConfig
from analytics.delivery import Delivery
from analytics.delivery_settings import DeliverySettings
from analytics.disk_thread import DiskThread
from analytics.event_queue import QueueLimits
from analytics.metrics import AnalyticsMetrics, DropReason
from analytics.routing import ScopedConfig
from analytics.shelves import Shelves

_TIDY_SECONDS = 1.0
_SWEEP_SECONDS = 3600.0  # between looks for spools that nobody uses and are too old
_FIRST_SWEEP = 60.0  # seconds: until then other deliveries have taken what is theirs


class Destinations:
    """Starts, adjusts and stops deliveries as the configuration changes."""

    def __init__(
        self,
        *,
        collector: Collector,
        metrics: AnalyticsMetrics,
        backoff: Backoff,
        wait: Pause,
        stop_seconds: float,
        shelves: Shelves,
    ) -> None:
        self._shelves = shelves
        self._tidying: asyncio.Task[None] | None = None
        self._collector = collector
        self._metrics = metrics
        self._backoff = backoff
        self._wait = wait
        self._stop_seconds = stop_seconds
        self._deliveries: dict[ApplicationId, Delivery] = {}
        self._retiring: dict[Delivery, asyncio.Task[None]] = {}

    def configure(self, scopes: Iterable[ScopedConfig]) -> None:
        """Have one delivery for each application id; those that stay keep what they have.

        Where scopes share an application id, the broadest one says how to queue and send.
        """
        if self._tidying is None:
            self._tidying = asyncio.create_task(self._tidy(), name="analytics-tidying")
        wanted: dict[ApplicationId, ScopedConfig] = {}
        for scope in sorted(scopes, key=breadth):
            wanted.setdefault(scope.config.application_id, scope)
        for gone in self._deliveries.keys() - wanted.keys():
            self._retire(self._deliveries.pop(gone))
        for application_id, scope in wanted.items():
            settings = _settings(scope.config)
            if application_id in self._deliveries:
                self._deliveries[application_id].rename(scope.label)
                self._deliveries[application_id].adjust(settings)
            else:
                self._deliveries[application_id] = self._start(
                    application_id, settings, scope.label
                )

    def __getitem__(self, application_id: ApplicationId) -> Delivery:
        """Return the delivery for an application id that is configured."""
        return self._deliveries[application_id]

    def report(self) -> None:
        """Tell the metrics how much waits."""
        queues = [delivery.queue for delivery in (*self._deliveries.values(), *self._retiring)]
        self._metrics.waiting(
            events=sum(queue.events for queue in queues), size=sum(queue.size for queue in queues)
        )

    async def stop(self) -> None:
        """Send what is queued, all deliveries at once, within the limit."""
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.wait({self._tidying})
        stopping = [
            delivery.stop(limit=self._stop_seconds, reason=DropReason.SHUTDOWN)
            for delivery in self._deliveries.values()
        ]
        await asyncio.gather(*stopping, *self._retiring.values())
        self._deliveries.clear()

    def _start(
        self, application_id: ApplicationId, settings: DeliverySettings, name: str
    ) -> Delivery:
        delivery = Delivery(
            settings,
            name=name,
            sender=BatchSender(
                collector=self._collector,
                breaker=Breaker(self._backoff),
                wait=self._wait,
                metrics=self._metrics,
                name=name,
            ),
            metrics=self._metrics,
            changed=self.report,
            shelf=self._shelves.make(application_id, plugin=name),
        )
        delivery.start()
        return delivery

    def _retire(self, delivery: Delivery) -> None:
        stopping = delivery.stop(limit=self._stop_seconds, reason=DropReason.REMOVED)
        task = asyncio.create_task(stopping, name="analytics-retiring")
        self._retiring[delivery] = task
        task.add_done_callback(lambda _: self._retiring.pop(delivery))

    async def _tidy(self) -> None:
        """Look after all deliveries, and after what nobody delivers any more, for ever."""
        thread = DiskThread("spool-sweep")
        sweep_at = time.monotonic() + _FIRST_SWEEP
        while True:
            for delivery in (*self._deliveries.values(), *self._retiring):
                delivery.tidy()
            self.report()
            if time.monotonic() >= sweep_at:
                sweep_at = time.monotonic() + _SWEEP_SECONDS
                used = {self._shelves.name(each) for each in self._deliveries}
                thread.submit(partial(self._shelves.sweep, used))
            await asyncio.sleep(_TIDY_SECONDS)


def breadth(scope: ScopedConfig) -> tuple[bool, bool, str, str]:
    """Return what sorts scopes, the broadest first."""
    return (
        scope.route is not None,
        scope.service is not None,
        scope.route or "",
        scope.service or "",
    )


def target_of(config: MoesifConfig) -> Target:
    """Return the collector that a configuration names."""
    return Target(
        application_id=config.application_id,
        endpoint=config.api_endpoint,
        connect_timeout=config.connect_timeout / 1000,
        send_timeout=config.send_timeout / 1000,
    )


def _settings(config: MoesifConfig) -> DeliverySettings:
    return DeliverySettings(
        target=target_of(config),
        limits=QueueLimits(
            events=config.event_queue_size,
            batch_events=config.batch_size,
            batch_wait=config.batch_max_wait / 1000,
        ),
        compress=config.enable_compression,
        max_rate=config.max_send_rate,
    )
