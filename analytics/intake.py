"""From records to queued events: what is done with each entry of the access log.

What callers can rely on, strongest first:

1. ``Intake.take`` never raises and never waits.
2. No event is made before the first ``configure``: until then nobody knows under which names
   clients send credentials.  What comes earlier is held, within bounds.
3. One entry that cannot become an event costs that entry only.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from analytics.bodies.captured import NO_BODIES, Bodies
from analytics.bodies.effort import Effort
from analytics.bodies.join import BodyJoin
from analytics.bodies.metrics import BodyMetrics, BodyOutcome
from analytics.delivery import Delivery
from analytics.event import EventMaker, can_be_event
from analytics.metrics import AnalyticsMetrics, DropReason, SkipReason
from analytics.record import AccessRecord, Sender
from analytics.routing import Routing
from analytics.sampler import Sampler
from analytics.skip_rules import SkipRules
from analytics.tail import Tail
from analytics.transaction import TransactionIds

MAX_HELD = 10_000  # entries that came before the first configuration

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Use:
    """What was made of one configuration."""

    skip_rules: SkipRules | None  # None: there are none
    sampler: Sampler
    events: EventMaker
    delivery: Delivery


class Intake:
    """Takes records, and queues their events.

    Attributes:
        bodies: Where streams of bodies go; entries wait there for theirs.
    """

    def __init__(
        self,
        *,
        metrics: AnalyticsMetrics,
        body_metrics: BodyMetrics,
        tail: Tail,
        released: Callable[[], None],
        effort: Effort | None = None,
    ) -> None:
        """Begin without a configuration.

        Args:
            metrics: Who counts.
            body_metrics: Who counts bodies.
            tail: Who watches.
            released: Called when an entry that waited for its bodies went on.
            effort: How much time bodies may take.
        """
        self._metrics = metrics
        self._body_metrics = body_metrics
        self._tail = tail
        self._released = released
        self._effort = effort or Effort()
        self._transactions = TransactionIds()
        self._routing: Routing[Use] | None = None
        self._held: deque[tuple[AccessRecord, Sender]] = deque()
        self._is_stopped = False
        self.bodies = BodyJoin(release=self._release, metrics=body_metrics)

    def configure(self, routing: Routing[Use]) -> None:
        """Go on with these configurations; what was held goes first."""
        self._routing = routing
        while self._held:
            record, sender = self._held.popleft()
            self.take([record], sender)

    def stop(self) -> None:
        """Let go of entries that wait for bodies; drop those that are held, and all that come."""
        self.bodies.stop()
        self._is_stopped = True
        self._drop(DropReason.SHUTDOWN, len(self._held))
        self._held.clear()

    def take(self, records: list[AccessRecord], sender: Sender) -> None:
        """Queue the events of records, as far as they are to become any."""
        if self._is_stopped:
            self._drop(DropReason.SHUTDOWN, len(records))
            return
        bodies_may_come = self.bodies.is_expected
        for record in records:
            self._take(record, sender, bodies_may_come)

    def _take(self, record: AccessRecord, sender: Sender, bodies_may_come: bool) -> None:
        if not can_be_event(record):
            self._skip(SkipReason.NO_REQUEST)
        elif self._routing is None:
            self._hold(record, sender)
        elif (use := self._routing.find(record.route, record.service)) is None:
            self._skip(SkipReason.NOT_CONFIGURED)
        elif use.skip_rules is not None and use.skip_rules.skip(record):
            self._skip(SkipReason.SKIP_RULE)
        elif bodies_may_come and use.events.wants_bodies(record):
            bodies = self.bodies.offer(record, sender)
            if bodies is not None:  # else it was set aside
                self._queue(record, sender, use, bodies)
        else:
            self._offer(record, sender, use, NO_BODIES)

    def _hold(self, record: AccessRecord, sender: Sender) -> None:
        if len(self._held) >= MAX_HELD:
            self._held.popleft()
            self._drop(DropReason.NOT_YET_CONFIGURED, 1)
        self._held.append((record, sender))

    def _release(self, record: AccessRecord, sender: Sender, bodies: Bodies) -> None:
        """Go on with an entry that waited for its bodies, by what is configured now."""
        use = self._routing.find(record.route, record.service) if self._routing else None
        if use is None:
            self._skip(SkipReason.NOT_CONFIGURED)
        else:
            self._queue(record, sender, use, bodies)
        self._released()

    def _queue(self, record: AccessRecord, sender: Sender, use: Use, bodies: Bodies) -> None:
        if bodies.request is not None and record.verdict and record.verdict.is_stranger:
            # Before any work: a flood of strangers must not take the time for what clients say.
            self._body_metrics.bodies(BodyOutcome.REFUSED, 1)
            bodies = bodies.without_request()
        if not bodies.count:
            self._offer(record, sender, use, NO_BODIES)
        elif self._effort.is_left:
            with self._effort.spending():
                self._offer(record, sender, use, bodies)
        else:
            self._body_metrics.bodies(BodyOutcome.NO_TIME, bodies.count)
            self._offer(record, sender, use, NO_BODIES)

    def _offer(self, record: AccessRecord, sender: Sender, use: Use, bodies: Bodies) -> None:
        try:
            event = self._event(record, sender, use, bodies)
        except Exception as error:  # noqa: BLE001 - one entry must not end a stream of thousands
            # The text of the error, or its traceback, may show what is in the entry.
            _log.error("an entry could not become an event", error=type(error).__name__)
            self._drop(DropReason.INTERNAL_ERROR, 1)
        else:
            if event is not None:
                use.delivery.offer(event)
                self._tail.show(event)

    def _event(
        self, record: AccessRecord, sender: Sender, use: Use, bodies: Bodies
    ) -> bytes | None:
        """Return the event of an entry, or None: sampling leaves it out."""
        identity = use.events.identify(record)
        draw = use.sampler.draw(identity, record, bodies)
        if draw.left_out_by is not None:
            self._skip(draw.left_out_by)
            return None
        transaction_id = self._transactions.choose(record)
        return use.events.make(
            record, sender, transaction_id, bodies, identity=identity, weight=draw.weight
        )

    def _skip(self, reason: SkipReason) -> None:
        self._metrics.skipped(reason, 1)

    def _drop(self, reason: DropReason, events: int) -> None:
        if events:
            self._metrics.dropped(reason, events)
