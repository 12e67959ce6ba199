"""Brings the events of one application id to the collector.

What callers can rely on, strongest first:

1. Nothing is sent again once it was answered with a 2xx.
2. A batch is sent as the same bytes, and so with the same transaction ids, until it is answered
   for good.  Back-off, jitter and ``Retry-After`` are in ``analytics.backoff``.
3. One bad event costs that event only: a batch that is refused for what is in it (400) or for its
   size (413) is halved, down to the single event, which is dropped and counted.
4. Where the application id is refused (401, 402, 403) nothing is dropped but what the queue
   cannot hold; the collector is asked again now and then, and at once after a change of settings.
5. Every event ends as sent or as dropped for a reason, in the metrics.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from analytics.backoff import Backoff, Pause
from analytics.collector import Answer, Collector, Payload, Target, outcome_of
from analytics.encoding import encode_batch
from analytics.errors import CollectorUnreachableError
from analytics.event_queue import EventQueue, QueueLimits
from analytics.metrics import AnalyticsMetrics, DropReason, PostOutcome

_SETTLED = frozenset({PostOutcome.ACCEPTED, PostOutcome.SPLIT, PostOutcome.REJECTED})
_TOO_LARGE = 413
_HURRIED_PAUSE = 0.25  # seconds, the longest between tries while the process stops

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How the events of one application id are queued and sent."""

    target: Target
    limits: QueueLimits
    compress: bool


class Delivery:
    """The queue of one application id, and the task that empties it."""

    def __init__(
        self,
        settings: DeliverySettings,
        *,
        name: str,
        collector: Collector,
        metrics: AnalyticsMetrics,
        changed: Callable[[], None],
        backoff: Backoff,
        wait: Pause,
    ) -> None:
        """Prepare a delivery; ``start`` begins it.

        Args:
            settings: How to queue and send.
            name: What to call it in logs; not the application id, which is a secret.
            collector: Where batches go.
            metrics: Who counts.
            changed: Called when the queue has become shorter.
            backoff: How long to wait after failures.
            wait: How to wait.
        """
        self.queue = EventQueue(settings.limits)
        self._settings = settings
        self._collector = collector
        self._metrics = metrics
        self._changed = changed
        self._backoff = backoff
        self._wait = wait
        self._log = _log.bind(plugin=name)
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._is_asked_to_wait = False
        self._hurry = asyncio.Event()
        self._is_failing = False
        self._is_overflowing = False

    def start(self) -> None:
        """Begin to send what is offered."""
        self._task = asyncio.create_task(self._run(), name="analytics-delivery")

    def offer(self, event: bytes) -> None:
        """Queue an event; never blocks, never raises."""
        dropped = self.queue.offer(event)
        if dropped and not self._is_overflowing:
            self._is_overflowing = True  # said once, until something is delivered again
            self._log.error("the queue is full; the oldest events are dropped")
        self._dropped(DropReason.QUEUE_FULL, dropped)

    def adjust(self, settings: DeliverySettings) -> None:
        """Go on with other settings, from the next request on; what is queued stays queued."""
        if settings != self._settings:
            self._settings = settings
            self._dropped(DropReason.QUEUE_FULL, self.queue.adjust(settings.limits))
            self._hurry.set()

    async def stop(self, *, limit: float, reason: DropReason) -> None:
        """Send what is queued, for ``limit`` seconds, and drop what then remains."""
        self._stopping = True
        if not self._is_asked_to_wait:
            self._hurry.set()
        self.queue.close()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=limit)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        lost = self.queue.abandon()
        if lost:
            self._log.error("events dropped: they could not be sent in time", events=lost)
        self._dropped(reason, lost)
        self._changed()

    async def _run(self) -> None:
        while (batch := await self.queue.take()) is not None:
            await self._deliver(batch)

    async def _deliver(self, batch: list[bytes]) -> None:
        rejected = 0
        parts = [batch]  # the oldest last
        while parts:
            part = parts.pop()
            outcome, status = await self._send(part)
            if outcome is PostOutcome.SPLIT and len(part) > 1:
                middle = (len(part) + 1) // 2
                parts += part[middle:], part[:middle]
            elif outcome is PostOutcome.ACCEPTED:
                self._metrics.sent(len(part))
                self._settled(part)
            else:
                reason = DropReason.TOO_LARGE if status == _TOO_LARGE else DropReason.REJECTED
                self._dropped(reason, len(part))
                self._settled(part)
                rejected += len(part)
        if rejected:
            self._log.error("the collector rejects events; they are dropped", events=rejected)

    def _settled(self, part: list[bytes]) -> None:
        self._is_overflowing = False
        self.queue.release(part)
        self._changed()

    async def _send(self, part: list[bytes]) -> tuple[PostOutcome, int]:
        """Send a part of a batch until it is answered for good."""
        payload = encode_batch(part, compress=self._settings.compress)
        failures = 0
        while True:
            self._hurry.clear()
            answer, outcome = await self._post(payload)
            if answer is not None and outcome in _SETTLED:
                self._recovered()
                return outcome, answer.status
            failures += 1
            self._failed(outcome, answer)
            await self._hold(outcome, answer, failures)
            self._metrics.retried(len(part))

    async def _post(self, payload: Payload) -> tuple[Answer | None, PostOutcome]:
        started = time.monotonic()
        answer = None
        try:
            answer = await self._collector.send(payload, self._settings.target)
        except CollectorUnreachableError:
            pass
        except Exception:  # noqa: BLE001 - a fault in here must not end the delivery of all that follows
            self._log.exception("sending failed")
        outcome = PostOutcome.RETRY if answer is None else outcome_of(answer)
        self._metrics.posted(outcome, time.monotonic() - started)
        return answer, outcome

    async def _hold(self, outcome: PostOutcome, answer: Answer | None, failures: int) -> None:
        """Wait before the next try, as long as the outcome and the collector ask for."""
        asked = answer.retry_after if answer else None
        # Kept to even while stopping: coming back early is what this collector cannot bear.
        self._is_asked_to_wait = asked is not None
        if outcome is PostOutcome.REFUSED and asked is None:
            seconds = self._backoff.until_probe()
        else:
            seconds = self._backoff.after_failure(failures, asked)
        if self._stopping and asked is None:
            seconds = min(seconds, _HURRIED_PAUSE)
        await self._wait(seconds, self._hurry)
        self._is_asked_to_wait = False

    def _failed(self, outcome: PostOutcome, answer: Answer | None) -> None:
        status = answer.status if answer else None
        if outcome is PostOutcome.REFUSED:
            self._log.error(
                "the collector refuses this application id; events wait",
                status=status,
                waiting=self.queue.events,
            )
        elif not self._is_failing:
            self._log.warning(
                "the collector does not take events; they wait",
                status=status,
                waiting=self.queue.events,
            )
        self._is_failing = True

    def _recovered(self) -> None:
        if self._is_failing:
            self._is_failing = False
            self._log.info("the collector takes events again", waiting=self.queue.events)

    def _dropped(self, reason: DropReason, events: int) -> None:
        if events:
            self._metrics.dropped(reason, events)
