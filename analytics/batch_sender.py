"""Sends the bytes of one application id to the collector until they are answered for good.

Back-off, jitter and ``Retry-After`` are in ``analytics.backoff``, when to stop asking in
``analytics.breaker``.
"""

import asyncio
import time
from collections.abc import Callable

import structlog

from analytics.backoff import Pause
from analytics.breaker import Breaker
from analytics.collector import Answer, Collector, Payload, Target, outcome_of
from analytics.errors import CollectorUnreachableError
from analytics.metrics import AnalyticsMetrics, PostOutcome
from analytics.send_rate import SendRate

_SETTLED = frozenset({PostOutcome.ACCEPTED, PostOutcome.SPLIT, PostOutcome.REJECTED})
_HURRIED_PAUSE = 0.25  # seconds, the longest between tries while the process stops

_log = structlog.get_logger(__name__)


class BatchSender:
    """Sends one payload at a time.

    Args:
        collector: Where to.
        breaker: When to send, and how long to wait after failures.
        wait: How to wait.
        metrics: Who counts.
        name: What to call the delivery in logs.
    """

    def __init__(
        self,
        *,
        collector: Collector,
        breaker: Breaker,
        wait: Pause,
        metrics: AnalyticsMetrics,
        name: str,
    ) -> None:
        self.breaker = breaker
        self._collector = collector
        self._wait = wait
        self._metrics = metrics
        self._log = _log.bind(plugin=name)
        self._stopping = False
        self._is_asked_to_wait = False
        self._hurry = asyncio.Event()
        self._is_failing = False
        self._rate = SendRate()

    def rename(self, name: str) -> None:
        """Go by another name in logs."""
        self._log = _log.bind(plugin=name)

    def hurry(self) -> None:
        """Try again at once: something changed that may help."""
        self._hurry.set()

    def stop(self) -> None:
        """Try again at once, and from now on soon, unless the collector asked to wait."""
        self._stopping = True
        if not self._is_asked_to_wait:
            self._hurry.set()

    async def pace(self, events: int, *, rate: Callable[[], int | None]) -> None:
        """Wait until so many events may go, by a rate that is asked for again when it may change.

        The rate is also kept to while stopping.
        """
        while (seconds := self._rate.wait(rate())) > 0:
            self._hurry.clear()
            await self._wait(seconds, self._hurry)
        self._rate.spend(events)

    async def send(
        self,
        payload: Payload,
        events: int,
        *,
        target: Callable[[], Target],
        waiting: Callable[[], int],
    ) -> tuple[PostOutcome, int]:
        """Send until there is an answer for good; return what it means, and its status.

        Args:
            payload: What to send; however often that is, it is these bytes.
            events: So many events are in it.
            target: Where to, asked for each try.
            waiting: How many events wait in all, for the log.
        """
        while True:
            self._hurry.clear()
            answer, outcome = await self._post(payload, target())
            if answer is not None and outcome in _SETTLED:
                self._recovered(waiting())
                return outcome, answer.status
            self._say_failed(outcome, answer, waiting())
            await self._hold(outcome, answer)
            self._metrics.retried(events)

    async def _post(self, payload: Payload, target: Target) -> tuple[Answer | None, PostOutcome]:
        started = time.monotonic()
        answer = None
        try:
            answer = await self._collector.send(payload, target)
        except CollectorUnreachableError:
            pass
        except Exception:  # noqa: BLE001 - a fault in here must not end the delivery of all that follows
            self._log.exception("sending failed")
        outcome = PostOutcome.RETRY if answer is None else outcome_of(answer)
        self._metrics.posted(outcome, time.monotonic() - started)
        return answer, outcome

    async def _hold(self, outcome: PostOutcome, answer: Answer | None) -> None:
        """Wait before the next try, as long as the breaker and the collector ask for."""
        asked = answer.retry_after if answer else None
        # Kept to even while stopping: coming back early is what this collector cannot bear.
        self._is_asked_to_wait = asked is not None
        seconds = self.breaker.failed(outcome, asked)
        if self._stopping and asked is None:
            seconds = min(seconds, _HURRIED_PAUSE)
        await self._wait(seconds, self._hurry)
        self.breaker.waited()
        self._is_asked_to_wait = False

    def _say_failed(self, outcome: PostOutcome, answer: Answer | None, waiting: int) -> None:
        status = answer.status if answer else None
        if outcome is PostOutcome.REFUSED:
            self._log.error(
                "the collector refuses this application id; events wait",
                status=status,
                waiting=waiting,
            )
        elif not self._is_failing:
            self._log.warning(
                "the collector does not take events; they wait",
                status=status,
                waiting=waiting,
            )
        self._is_failing = True

    def _recovered(self, waiting: int) -> None:
        self.breaker.succeeded()
        if self._is_failing:
            self._is_failing = False
            self._log.info("the collector takes events again", waiting=waiting)
