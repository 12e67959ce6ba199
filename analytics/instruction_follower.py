"""Follows what Moesif wants for one application id.

What callers can rely on, strongest first:

1. ``current`` is always there, and is only ever replaced by what a collector answered with 200 and
   made sense: an error, or nonsense, leaves the last good one in force.  So does a restart, where
   there is a disk.
2. Documents are asked for at the start, again and again (``interval``, with jitter), and soon after
   the collector, or a process beside this one, lets know that they have changed; but never more
   often than every ``_SPACING`` seconds.
3. Reading them never holds up the event loop for long: it happens in a thread.
4. The metrics are told how it goes after every round, and when it is over; nothing after that.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from analytics.app_config import AppConfig, read_app_config
from analytics.backoff import Backoff, Pause
from analytics.collector import Answer, DocumentKind, DocumentSource, Fetched, Target, outcome_of
from analytics.errors import CollectorUnreachableError, DocumentError
from analytics.governance import Rulebook
from analytics.instruction_metrics import (
    DocumentStatus,
    FetchOutcome,
    FollowStatus,
    InstructionMetrics,
    Origin,
)
from analytics.instruction_store import Document, InstructionStore, Stamp, saved_at_of
from analytics.instructions import Instructions
from analytics.metrics import PostOutcome
from analytics.rules import Flaw, RefusesHeader, read_rules

_SPACING = 2.0  # seconds between the beginnings of two rounds
_LOOK_SECONDS = 1.0  # between two looks at what processes beside this one have saved
_MAX_TOLD = 20  # flaws of one document, in the log
_OK = 200
_GOOD = frozenset({FetchOutcome.CHANGED, FetchOutcome.UNCHANGED})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """Whom to ask, how often (seconds), and whether rules are wanted."""

    target: Target
    interval: float
    wants_rules: bool


class InstructionFollower:
    """What one application id's plugin goes by, and the task that keeps it up to date.

    Attributes:
        current: What is in force now.
        name: What the plugin is called in logs and metrics.
    """

    def __init__(
        self,
        settings: FollowSettings,
        *,
        name: str,
        source: DocumentSource,
        store: InstructionStore | None,
        metrics: InstructionMetrics,
        refuses_header: RefusesHeader,
        backoff: Backoff,
        wait: Pause,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; ``start`` begins.

        Args:
            settings: How to follow.
            name: What to call the plugin in logs; not the application id, which is a secret.
            source: Whom to ask.
            store: Keeps what was good; None: nothing is kept.
            metrics: Who counts.
            refuses_header: Tells which headers no rule may set.
            backoff: How long to wait after failures.
            wait: How to wait.
            monotonic: A clock, in seconds.
            clock: Tells the time, as Unix time.
        """
        self.current = Instructions()
        self._settings = settings
        self._source = source
        self._store = store
        self._metrics = metrics
        self._refuses_header = refuses_header
        self._backoff = backoff
        self._wait = wait
        self._monotonic = monotonic
        self._clock = clock
        self.name = name
        self._log = _log.bind(plugin=name)
        target = settings.target
        self._name = target.application_id.digest(target.endpoint)
        self._held: dict[DocumentKind, Document] = {}
        self._stamps: dict[DocumentKind, Stamp | None] = {}
        self._status: dict[DocumentKind, DocumentStatus] = defaultdict(DocumentStatus)
        self._hint: str | None = None
        self._hurry = asyncio.Event()
        self._failures = 0
        self._is_over = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._run(), name="moesif-instructions")
        self._task.add_done_callback(self._ended)

    def adjust(self, settings: FollowSettings) -> None:
        """Go on with other settings, at once."""
        if settings != self._settings:
            self._settings = settings
            self._hurry.set()

    def rename(self, name: str) -> None:
        """Go by another name from now on; the metrics are told of it at once."""
        self.name, self._log = name, _log.bind(plugin=name)
        self._report()

    def notice(self, tag: str) -> None:
        """Take note of the tag of a configuration: if it is a new one, ask for it soon."""
        held = self._held.get(DocumentKind.CONFIG)
        if tag not in (self._hint, held.tag if held else None):
            self._hint = tag
            self._hurry.set()

    def retire(self) -> None:
        """Begin to end: from now on nothing is followed, and nothing told of it."""
        if self._task is not None and not self._is_over:
            self._is_over = True
            self._task.cancel()
            self._metrics.following(self.name, None)

    async def stop(self) -> None:
        """End."""
        self.retire()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Say that following ended by itself, which it is not meant to."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("the collector is not asked any more", exc_info=error)

    async def _run(self) -> None:
        self._status.update(dict.fromkeys(self._kinds, DocumentStatus()))
        await self._remember()
        self._report()
        while True:
            began = self._monotonic()
            self._hurry.clear()
            delay = await self._round()
            self._report()
            await self._until_due(began, delay)

    async def _remember(self) -> None:
        """Go by what was good before the restart, until there is better."""
        if self._store is None:
            return
        for kind in self._kinds:
            stamp = self._stamps[kind] = self._store.stamp(self._file(kind))
            document = await asyncio.to_thread(self._store.load, self._file(kind))
            if document is None:
                continue
            try:
                await self._adopt(kind, document)
            except DocumentError:
                self._log.warning("what was kept on disk makes no sense", document=kind)
            else:
                saved_at = saved_at_of(stamp) if stamp else 0.0
                self._status[kind] = self._status[kind].good(Origin.DISK, saved_at)

    async def _round(self) -> float:
        """Ask for everything once; return the seconds until the next time."""
        bad: tuple[FetchOutcome, float | None] | None = None
        for kind in self._kinds:
            outcome, asked = await self._ask(kind)
            self._metrics.fetched(kind, outcome)
            now = self._clock()
            if outcome in _GOOD:
                self._status[kind] = self._status[kind].good(Origin.COLLECTOR, now)
            else:
                self._status[kind] = self._status[kind].failed(outcome, now)
                bad = bad or (outcome, asked)
        if bad is not None:
            return self._failed(*bad)
        if self._failures:
            self._log.info("the collector tells its configuration again")
        self._failures = 0
        return self._settings.interval * (0.75 + 0.5 * self._backoff.chance())

    async def _ask(self, kind: DocumentKind) -> tuple[FetchOutcome, float | None]:
        try:
            fetched = await self._source.fetch(kind, self._settings.target)
            if fetched.status != _OK:
                return _refusal(fetched), fetched.retry_after
            document = Document(fetched.body, fetched.tag, fetched.rules_tag)
            changed = document != self._held.get(kind)
            if changed:
                await self._adopt(kind, document)
        except CollectorUnreachableError:
            return FetchOutcome.UNREACHABLE, None
        except DocumentError as problem:
            if not self._failures:
                self._log.warning("a document is not used", document=kind, why=str(problem))
            return FetchOutcome.INVALID, None
        if not changed:
            return FetchOutcome.UNCHANGED, None
        await self._keep(kind, document)
        return FetchOutcome.CHANGED, None

    async def _adopt(self, kind: DocumentKind, document: Document) -> None:
        """Go by a document from now on.

        Raises:
            DocumentError: It makes no sense; what was in force stays so.
        """
        held = self._held.get(kind)
        if held is None or held.body != document.body:
            flaws = await self._read(kind, document.body)
            self._tell(kind, flaws)
        self._held[kind] = document

    async def _read(self, kind: DocumentKind, body: bytes) -> Sequence[Flaw]:
        flaws: Sequence[Flaw]
        if kind is DocumentKind.CONFIG:
            config: AppConfig
            config, flaws = await asyncio.to_thread(read_app_config, body)
            self.current = replace(self.current, config=config)
        else:
            rules, flaws = await asyncio.to_thread(
                read_rules, body, refuses_header=self._refuses_header
            )
            self.current = replace(self.current, rulebook=Rulebook(rules))
            self._log.info("governance rules in force", rules=len(rules))
        return flaws

    def _report(self) -> None:
        current, enforces = self.current, self._settings.wants_rules
        self._metrics.following(
            self.name,
            FollowStatus(
                documents=dict(self._status),
                rules=current.rulebook.sizes if enforces else None,
                sample_rate=None if enforces else current.sampling.everyone,
            ),
        )

    def _tell(self, kind: DocumentKind, flaws: Sequence[Flaw]) -> None:
        for flaw in flaws[:_MAX_TOLD]:
            self._log.warning("a part is ignored", document=kind, part=flaw.where, why=flaw.why)
        if len(flaws) > _MAX_TOLD:
            self._log.warning("more parts are ignored", document=kind, parts=len(flaws) - _MAX_TOLD)
        self._metrics.ignored(kind, len(flaws))

    async def _keep(self, kind: DocumentKind, document: Document) -> None:
        if self._store is None:
            return
        if self._store.stamp(self._file(kind)) != self._stamps.get(kind):
            # Saved by a process beside this one: if it is the same, it is not saved again.
            beside = await asyncio.to_thread(self._store.load, self._file(kind))
            if beside == document:
                self._stamps[kind] = self._store.stamp(self._file(kind))
                return
        await asyncio.to_thread(self._store.save, self._file(kind), document)
        self._stamps[kind] = self._store.stamp(self._file(kind))

    async def _until_due(self, began: float, delay: float) -> None:
        due = began + delay
        while (left := due - self._monotonic()) > 0 and not self._hurry.is_set():
            await self._wait(min(left, _LOOK_SECONDS), self._hurry)
            if self._is_news_on_disk():
                break
        early = began + _SPACING - self._monotonic()
        if early > 0:
            await self._wait(early, asyncio.Event())

    def _is_news_on_disk(self) -> bool:
        """Tell whether a process beside this one has saved something else than this one knows."""
        if self._store is None:
            return False
        is_news = False
        for kind in self._kinds:
            stamp = self._store.stamp(self._file(kind))
            if stamp != self._stamps.get(kind):
                self._stamps[kind] = stamp
                is_news = True
        return is_news

    @property
    def _kinds(self) -> Sequence[DocumentKind]:
        wants_rules = self._settings.wants_rules
        return tuple(DocumentKind) if wants_rules else (DocumentKind.CONFIG,)

    def _failed(self, outcome: FetchOutcome, asked: float | None) -> float:
        self._failures += 1
        if self._failures == 1:
            self._log.warning("the collector does not tell its configuration", outcome=outcome)
        if outcome is FetchOutcome.REFUSED and asked is None:
            return self._backoff.until_probe()
        return self._backoff.after_failure(self._failures, asked)

    def _file(self, kind: DocumentKind) -> str:
        return f"{self._name}.{kind}"


def _refusal(fetched: Fetched) -> FetchOutcome:
    meant = outcome_of(Answer(fetched.status))
    return FetchOutcome.REFUSED if meant is PostOutcome.REFUSED else FetchOutcome.FAILED
