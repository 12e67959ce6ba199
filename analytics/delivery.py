"""Brings the events of one application id to the collector.

What callers can rely on, strongest first:

1. Nothing is sent again once it was answered with a 2xx, as long as this process lives; after it
   was killed, the batch that was under way may be.
2. With a spool, what ``offer`` took survives the end of this process, but for the last
   ``COMMIT_SECONDS`` and what the disk has not taken yet.
3. A batch is sent as the same bytes, and so with the same transaction ids, until it is answered
   for good: see ``analytics.batch_sender``.
4. One bad event costs that event only: a batch that is refused for what is in it (400) or for its
   size (413) is halved, down to the single event, which goes to the dead letters and is counted.
5. Where the application id is refused (401, 402, 403) nothing is dropped but what the queue
   cannot hold; the collector is asked again now and then, and at once after a change of settings.
6. Every event ends as sent, as dropped for a reason, or on disk for the next run.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from analytics.batch_sender import BatchSender
from analytics.collector import Payload
from analytics.dead_letters import DeadLetter
from analytics.delivery_settings import DeliverySettings
from analytics.encoding import encode_batch, open_events, open_payload
from analytics.event_queue import EventQueue, QueueBounds
from analytics.metrics import (
    AnalyticsMetrics,
    BreakerState,
    DeliveryStatus,
    DropReason,
    PostOutcome,
    SpoolFault,
)
from analytics.queued_batch import QueuedBatch
from analytics.shelf import Shelf

COMMIT_SECONDS = 0.02  # after which an event is handed to the disk, also if its batch is not full
_TOO_LARGE = 413
_FIRST_LOOK = 5.0  # seconds that sending waits for what is on disk, which is older
_LAST_TRY = 1.0  # seconds to stop in where the collector was away, and there is a disk
_DISK_SECONDS = 1.0  # that what is left has to get to the disk when the process stops

_log = structlog.get_logger(__name__)


class Delivery:
    """The queue of one application id, and the task that empties it."""

    def __init__(
        self,
        settings: DeliverySettings,
        *,
        name: str,
        sender: BatchSender,
        metrics: AnalyticsMetrics,
        changed: Callable[[], None],
        shelf: Shelf,
    ) -> None:
        """Prepare a delivery; ``start`` begins it.

        Args:
            settings: How to queue and send.
            name: What to call it in logs; not the application id, which is a secret.
            sender: Brings batches to the collector.
            metrics: Who counts.
            changed: Called when the queue has become shorter.
            shelf: What of this delivery is on disk.
        """
        self.queue = EventQueue(
            settings.limits, observer=self, bounds=QueueBounds(disk=shelf.max_size)
        )
        self._settings = settings
        self._name = name
        self._sender = sender
        self._metrics = metrics
        self._changed = changed
        self._shelf = shelf
        self._log = _log.bind(plugin=name)
        self._task: asyncio.Task[None] | None = None
        self._commit_timer: asyncio.TimerHandle | None = None
        self._is_overflowing = False
        self._is_over = False

    @property
    def status(self) -> DeliveryStatus:
        """How it goes now."""
        use = self._shelf.use
        oldest = self.queue.oldest
        return DeliveryStatus(
            events=self.queue.events,
            size=self.queue.size,
            spool_size=use.size,
            spool_segments=use.segments,
            oldest_age=0.0 if oldest is None else max(0.0, time.time() - oldest),
            breaker=self._sender.breaker.state,
        )

    def start(self) -> None:
        """Begin to send what is offered, and what an earlier run left."""
        self._shelf.start(self)
        self._task = asyncio.create_task(self._run(), name="analytics-delivery")

    def offer(self, event: bytes) -> None:
        """Queue an event; never blocks, never raises."""
        self.queue.offer(event)
        if self._commit_timer is None and self._shelf.is_usable:
            loop = asyncio.get_running_loop()
            self._commit_timer = loop.call_later(COMMIT_SECONDS, self._commit)

    def adjust(self, settings: DeliverySettings) -> None:
        """Go on with other settings, from the next request on; what is queued stays queued."""
        if settings != self._settings:
            self._settings = settings
            self.queue.adjust(settings.limits)
            self._sender.hurry()

    def rename(self, name: str) -> None:
        """Go by another name from now on, in logs, metrics and dead letters."""
        if name != self._name:
            self._metrics.delivery(self._name, None)
            self._name, self._log = name, _log.bind(plugin=name)
            self._sender.rename(name)

    def tidy(self) -> None:
        """Do what is to be done now and then: each second is fine."""
        if self._is_over:
            return
        self._shelf.sync()
        if (age := self._shelf.max_age) is not None:
            self.queue.expire(time.time() - age)
        self._metrics.delivery(self._name, self.status)

    async def stop(self, *, limit: float, reason: DropReason) -> None:
        """Send what is queued, for ``limit`` seconds; what then remains is left on disk.

        Without a disk it is dropped, for the reason that is given.
        """
        self._sender.stop()
        self.queue.close()
        # The disk may only just be being opened; what waits is handed to it then.
        await self._shelf.looked(limit=_DISK_SECONDS)
        if self._shelf.is_usable and self._sender.breaker.state is not BreakerState.CLOSED:
            limit = min(limit, _LAST_TRY)  # the collector is away: what waits is safe where it is
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=limit)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._commit_timer is not None:
            self._commit_timer.cancel()
        await self._shelf.close(limit=_DISK_SECONDS)
        self._leave(reason)
        self._changed()
        self._is_over = True
        self._metrics.delivery(self._name, None)

    # What the queue tells.

    def closed(self, batch: QueuedBatch) -> None:
        """Have a batch that was made kept on disk."""
        self._metrics.batched(batch.events)
        self._shelf.keep(batch)

    def forgotten(self, batch: QueuedBatch) -> None:
        """Have a batch that is needed no more removed from disk."""
        self._shelf.settle(batch)

    def dropped(self, reason: DropReason, events: int) -> None:
        """Count events that are lost."""
        if not events:
            return
        overflow = reason in {DropReason.QUEUE_FULL, DropReason.SPOOL_FULL}
        if overflow and not self._is_overflowing:
            self._is_overflowing = True  # said once, until something is delivered again
            self._log.error("the queue is full; the oldest events are dropped", reason=reason)
        self._metrics.dropped(reason, events)

    # What the spool tells.

    def found(self, batches: Sequence[QueuedBatch]) -> None:
        """Queue what an earlier run left."""
        self.queue.found(batches)
        self._log.info(
            "events of an earlier run are sent", events=sum(each.remaining for each in batches)
        )
        self._changed()

    def usable(self) -> None:
        """Hand over what the disk has not."""
        for batch in self.queue.batches():
            if batch.place is None and not batch.is_being_kept:
                self._shelf.keep(batch)
        self.queue.open.forget_kept()
        self._commit()

    def kept(self, batch: QueuedBatch) -> None:
        """Count a batch that is on disk."""
        self.queue.kept(batch)

    def failed(self, fault: SpoolFault) -> None:
        """Count what the disk did not do."""
        self._metrics.spool_failed(fault)

    def _commit(self) -> None:
        """Hand the events of the open batch to the disk, one lot at a time."""
        self._commit_timer = None
        if not self.queue.open.has_news or not self._shelf.is_usable:
            return
        if self._shelf.takes_open_events:
            batch = self.queue.open
            self._shelf.keep_open(batch.number, batch.news(), batch.since)
        else:
            loop = asyncio.get_running_loop()
            self._commit_timer = loop.call_later(COMMIT_SECONDS, self._commit)

    async def _run(self) -> None:
        await self._shelf.looked(limit=_FIRST_LOOK)
        while (batch := await self.queue.take()) is not None:
            await self._sender.pace(batch.remaining, rate=lambda: self._settings.max_rate)
            await self._deliver(batch)

    async def _deliver(self, batch: QueuedBatch) -> None:
        body = batch.body or await self._shelf.read(batch)
        if body is None:
            self.dropped(DropReason.DAMAGED, batch.remaining)
            self._settle(batch, batch.remaining)
            return
        if batch.done:
            await self._deliver_parts(batch, [open_events(body)[batch.done :]])
            return
        outcome, status = await self._send(
            open_payload(body, compress=self._settings.compress), batch.remaining
        )
        if outcome is PostOutcome.SPLIT and batch.remaining > 1:
            await self._deliver_parts(batch, _halves(open_events(body)))
        elif outcome is PostOutcome.ACCEPTED:
            self._sent(batch, batch.remaining)
        else:
            await self._bury(batch, open_events(body), status)

    async def _deliver_parts(self, batch: QueuedBatch, parts: list[list[bytes]]) -> None:
        """Send the rest of a batch in parts, of which the oldest is the last."""
        while parts:
            part = parts.pop()
            payload = encode_batch(part, compress=self._settings.compress)
            outcome, status = await self._send(payload, len(part))
            if outcome is PostOutcome.SPLIT and len(part) > 1:
                parts += _halves(part)
            elif outcome is PostOutcome.ACCEPTED:
                self._sent(batch, len(part))
            else:
                await self._bury(batch, part, status)

    async def _send(self, payload: Payload, events: int) -> tuple[PostOutcome, int]:
        return await self._sender.send(
            payload, events, target=lambda: self._settings.target, waiting=lambda: self.queue.events
        )

    def _sent(self, batch: QueuedBatch, events: int) -> None:
        self._metrics.sent(events)
        self._settle(batch, events)

    async def _bury(self, batch: QueuedBatch, events: list[bytes], status: int) -> None:
        """Put events that the collector will not take into the dead letter file."""
        reason = DropReason.TOO_LARGE if status == _TOO_LARGE else DropReason.REJECTED
        letters = [DeadLetter(event, self._name, reason, status) for event in events]
        if await self._shelf.bury(letters):
            self._metrics.dead_lettered(len(letters))
        self._log.error(
            "the collector rejects events; they are dropped", events=len(events), status=status
        )
        self.dropped(reason, len(events))
        self._settle(batch, len(events))

    def _settle(self, batch: QueuedBatch, events: int) -> None:
        self._is_overflowing = False
        self.queue.settle(batch, events)
        self._changed()

    def _leave(self, reason: DropReason) -> None:
        """Count what could not be sent: as lost, or as left on disk."""
        kept = sum(batch.remaining for batch in self.queue.batches() if batch.place is not None)
        lost = self.queue.events - kept
        self.queue.abandon()
        if kept:
            self._log.info("events are left on disk, for the next run", events=kept)
        if lost:
            self._log.error("events dropped: they could not be sent in time", events=lost)
            self._metrics.dropped(reason, lost)


def _halves(part: list[bytes]) -> list[list[bytes]]:
    """Return both halves, the older last."""
    middle = (len(part) + 1) // 2
    return [part[middle:], part[:middle]]
