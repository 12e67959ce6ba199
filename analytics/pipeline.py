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
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Self

from analytics.backoff import Backoff, Pause, pause
from analytics.bodies.effort import Effort
from analytics.bodies.join import BodyJoin
from analytics.bodies.metrics import BodyMetrics, NullBodyMetrics
from analytics.bodies.recording import Limits
from analytics.codec import Decoded, Decoder
from analytics.collector import Collector
from analytics.config import MoesifConfig
from analytics.destinations import Destinations
from analytics.event import EventMaker
from analytics.instruction_book import InstructionBook
from analytics.instructions import NEVER_TOLD, Instructions
from analytics.intake import Intake, Use
from analytics.masking import CredentialNames
from analytics.metrics import AnalyticsMetrics, DropReason, SkipReason
from analytics.record import Sender
from analytics.routing import Routing, ScopedConfig, Topology
from analytics.sampler import Sampler
from analytics.shelves import Shelves
from analytics.skip_rules import SkipRules
from analytics.tail import Tail

STOP_SECONDS = 5.0  # for what is queued when the process stops, or a configuration goes


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
        effort: How much time bodies may take.
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
        effort: Effort | None = None,
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
        self._is_stopped = False
        self._body_metrics = body_metrics or NullBodyMetrics()
        self._intake = Intake(
            metrics=metrics,
            body_metrics=self._body_metrics,
            tail=tail or Tail(),
            released=self._destinations.report,
            effort=effort,
        )

    @property
    def bodies(self) -> BodyJoin:
        """Where streams of bodies go; entries wait there for theirs."""
        return self._intake.bodies

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_stopped = True
        self._intake.stop()
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
        self.bodies.configure(Limits.of_configs(scope.config for scope in scopes))
        self._intake.configure(Routing(uses, topology or Topology()))
        self._destinations.report()

    def _instructions(self, config: MoesifConfig) -> Instructions:
        return NEVER_TOLD if self._book is None else self._book.instructions(config)

    def open_stream(self) -> "LogStream":
        """Return what takes the messages of one stream."""
        return LogStream(self._accept)

    def _use(self, config: MoesifConfig, names: frozenset[str]) -> Use:
        delivery = self._destinations[config.application_id]
        credentials = CredentialNames(names, usual=not config.disable_credential_masking)
        return Use(
            SkipRules(config.skip) if config.skip else None,
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
            self._count(decoded)
            self._intake.take(decoded.records, sender)
        self._destinations.report()

    def _count(self, decoded: Decoded) -> None:
        self._metrics.received(len(decoded.records) + decoded.unfinished + decoded.malformed)
        if decoded.unfinished:
            self._metrics.skipped(SkipReason.UNFINISHED, decoded.unfinished)
        if decoded.malformed:
            self._metrics.dropped(DropReason.MALFORMED, decoded.malformed)


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
