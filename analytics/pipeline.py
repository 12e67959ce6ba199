"""From the bytes of access log messages to queued events: the composition of this package.

What callers can rely on, strongest first:

1. ``LogStream`` never raises and never waits: it decodes, makes events, and queues them; a large
   message in portions, so that others get their turn.
2. No event is made before the first ``configure``: until then nobody knows under which names
   clients send credentials.  What comes earlier is held, within bounds.
3. ``configure`` changes everything at once; events of an application id that stays are kept.
4. Leaving sends what is queued, within a limit; the rest is left on disk, or without one dropped
   and counted.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

import structlog

from analytics.backoff import Backoff, Pause, pause
from analytics.bodies.captured import NO_BODIES, Bodies
from analytics.bodies.effort import Effort
from analytics.bodies.join import BodyJoin
from analytics.bodies.metrics import BodyMetrics, BodyOutcome, NullBodyMetrics
from analytics.bodies.recording import Limits
from analytics.codec import Decoder
from analytics.collector import Collector
from analytics.config import MoesifConfig
from analytics.delivery import Delivery
from analytics.destinations import Destinations
from analytics.encoding import encode_event
from analytics.event import EventMaker, can_be_event
from analytics.instruction_book import InstructionBook
from analytics.instructions import NEVER_TOLD, Instructions
from analytics.masking import CredentialNames
from analytics.metrics import AnalyticsMetrics, DropReason, SkipReason
from analytics.record import AccessRecord, Sender
from analytics.routing import Routing, ScopedConfig, Topology
from analytics.sampler import Sampler
from analytics.shelves import Shelves
from analytics.skip_rules import SkipRules
from analytics.tail import Tail
from analytics.transaction import TransactionIds

STOP_SECONDS = 5.0  # for what is queued when the process stops, or a configuration goes
MAX_HELD = 10_000  # entries that came before the first configuration

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Use:
    """What was made of one configuration."""

    skip_rules: SkipRules
    sampler: Sampler
    events: EventMaker
    delivery: Delivery


class Pipeline:
    """Takes what Envoy logs and brings it to the collector; an async context manager.

    Args:
        collector: Where batches go.
        metrics: Who counts.
        backoff: How long to wait after failures.
        wait: How to wait.
        stop_seconds: How long leaving may take.
        shelves: Where events wait on disk; None: they wait in memory only.
        now: The time in nanoseconds since the epoch.
        body_metrics: Who counts bodies.
        tail: Who watches; None: nobody does.
        instructions: What Moesif wants sampled; None: everything is sent.
    """

    def __init__(
        self,
        *,
        collector: Collector,
        metrics: AnalyticsMetrics,
        backoff: Backoff | None = None,
        wait: Pause = pause,
        stop_seconds: float = STOP_SECONDS,
        shelves: Shelves | None = None,
        now: Callable[[], int] = time.time_ns,
        body_metrics: BodyMetrics | None = None,
        tail: Tail | None = None,
        instructions: InstructionBook | None = None,
    ) -> None:
        self._metrics = metrics
        self._now = now
        self._destinations = Destinations(
            collector=collector,
            metrics=metrics,
            backoff=backoff or Backoff(),
            wait=wait,
            stop_seconds=stop_seconds,
            shelves=shelves or Shelves.without_disk(),
        )
        self._book = instructions
        self._decoder = Decoder()
        self._tail = tail or Tail()
        self._transactions = TransactionIds()
        self._routing: Routing[_Use] | None = None
        self._held: deque[tuple[AccessRecord, Sender]] = deque()
        self._is_stopped = False
        self._body_metrics = body_metrics or NullBodyMetrics()
        self._effort = Effort()
        #: Where streams of bodies go; entries wait there for theirs.
        self.bodies = BodyJoin(release=self._release, metrics=self._body_metrics)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.bodies.stop()
        self._is_stopped = True
        self._drop(DropReason.SHUTDOWN, len(self._held))
        self._held.clear()
        await self._destinations.stop()

    def configure(
        self,
        scopes: Sequence[ScopedConfig],
        *,
        credential_names: Iterable[str],
        topology: Topology | None = None,
    ) -> None:
        """Go on with these configurations; nothing happens any more once the context was left.

        Args:
            scopes: All that are enabled; the most specific one applies to an entry.
            credential_names: Headers and query parameters in which clients send keys (the
                ``key_names`` of every configuration), beside the usual ones.
            topology: The routes and services that entries and scopes may name.
        """
        if self._is_stopped:
            return
        names = frozenset(credential_names)
        self._destinations.configure(scopes)
        if self._book is not None:
            self._book.configure(scopes)
        uses = [(scope, self._use(scope.config, names)) for scope in scopes]
        self._routing = Routing(uses, topology or Topology())
        self.bodies.configure(Limits.of_configs(scope.config for scope in scopes))
        while self._held:
            self._take(*self._held.popleft())
        self._destinations.report()

    def _instructions(self, config: MoesifConfig) -> Instructions:
        return NEVER_TOLD if self._book is None else self._book.instructions(config)

    def open_stream(self) -> "LogStream":
        """Return what takes the messages of one stream."""
        return LogStream(self._accept)

    def _use(self, config: MoesifConfig, names: frozenset[str]) -> _Use:
        delivery = self._destinations[config.application_id]
        credentials = CredentialNames(names, usual=not config.disable_credential_masking)
        return _Use(
            SkipRules(config.skip),
            Sampler(
                partial(self._instructions, config), trusts_headers=config.trust_client_ip_headers
            ),
            EventMaker(config, credentials, self._body_metrics),
            delivery,
        )

    def _accept(self, message: bytes, stream: "LogStream") -> Iterator[None]:
        is_first = True
        for decoded in self._decoder.decode(message, received=self._now()):
            if not is_first:
                yield
            is_first = False
            stream.sender = sender = decoded.sender or stream.sender
            self._metrics.received(len(decoded.records) + decoded.unfinished + decoded.malformed)
            self._skip(SkipReason.UNFINISHED, decoded.unfinished)
            self._drop(DropReason.MALFORMED, decoded.malformed)
            for record in decoded.records:
                self._take(record, sender)
        self._destinations.report()

    def _take(self, record: AccessRecord, sender: Sender) -> None:
        if self._is_stopped:
            self._drop(DropReason.SHUTDOWN, 1)
        elif not can_be_event(record):
            self._skip(SkipReason.NO_REQUEST, 1)
        elif self._routing is None:
            self._hold(record, sender)
        elif (use := self._routing.find(record.route, record.service)) is None:
            self._skip(SkipReason.NOT_CONFIGURED, 1)
        elif use.skip_rules.skip(record):
            self._skip(SkipReason.SKIP_RULE, 1)
        else:
            self._join(record, sender, use)

    def _hold(self, record: AccessRecord, sender: Sender) -> None:
        if len(self._held) >= MAX_HELD:
            self._held.popleft()
            self._drop(DropReason.NOT_YET_CONFIGURED, 1)
        self._held.append((record, sender))

    def _join(self, record: AccessRecord, sender: Sender, use: _Use) -> None:
        is_awaited = self.bodies.is_expected and use.events.wants_bodies(record)
        bodies = self.bodies.offer(record, sender) if is_awaited else NO_BODIES
        if bodies is not None:  # else it was set aside
            self._queue(record, sender, use, bodies)

    def _release(self, record: AccessRecord, sender: Sender, bodies: Bodies) -> None:
        """Go on with an entry that waited for its bodies, by what is configured now."""
        use = self._routing.find(record.route, record.service) if self._routing else None
        if use is None:
            self._skip(SkipReason.NOT_CONFIGURED, 1)
        else:
            self._queue(record, sender, use, bodies)
        self._destinations.report()

    def _queue(self, record: AccessRecord, sender: Sender, use: _Use, bodies: Bodies) -> None:
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

    def _offer(self, record: AccessRecord, sender: Sender, use: _Use, bodies: Bodies) -> None:
        try:
            encoded = self._encode(record, sender, use, bodies)
        except Exception as error:  # noqa: BLE001 - one entry must not end a stream of thousands
            # The text of the error, or its traceback, may show what is in the entry.
            _log.error("an entry could not become an event", error=type(error).__name__)
            self._drop(DropReason.INTERNAL_ERROR, 1)
        else:
            if encoded is not None:
                use.delivery.offer(encoded)
                self._tail.show(encoded)

    def _encode(
        self, record: AccessRecord, sender: Sender, use: _Use, bodies: Bodies
    ) -> bytes | None:
        """Return the event of an entry, or None: sampling leaves it out."""
        identity = use.events.identify(record)
        draw = use.sampler.draw(identity, record, bodies)
        if draw.left_out_by is not None:
            self._skip(draw.left_out_by, 1)
            return None
        transaction_id = self._transactions.choose(record)
        event = use.events.make(
            record, sender, transaction_id, bodies, identity=identity, weight=draw.weight
        )
        return encode_event(event)

    def _skip(self, reason: SkipReason, entries: int) -> None:
        if entries:
            self._metrics.skipped(reason, entries)

    def _drop(self, reason: DropReason, events: int) -> None:
        if events:
            self._metrics.dropped(reason, events)


class LogStream:
    """One stream from one Envoy, which says who it is in the first message only.

    Attributes:
        sender: Who that is, as far as it was said.
    """

    def __init__(self, accept: Callable[[bytes, "LogStream"], Iterator[None]]) -> None:
        self.sender = Sender()
        self._accept = accept

    def accept(self, message: bytes) -> None:
        """Take one message; never raises, never waits."""
        for _ in self.portions(message):
            pass

    def portions(self, message: bytes) -> Iterator[None]:
        """Take one message; stop between its portions, to be gone on with in any case."""
        return self._accept(message, self)
