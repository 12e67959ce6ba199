"""Keeps one process alive: starts it, listens to it, starts it again."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from sidecar.child import Child
from sidecar.control import (
    DRAIN_SECONDS,
    Applied,
    ChildSpec,
    Failure,
    Load,
    Message,
    Offer,
    Order,
    Report,
)
from sidecar.errors import SettingsError
from sidecar.telemetry import ProcessCounters

T = TypeVar("T")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a keeper is. All in seconds."""

    first_pause: float = 0.25  # before the first restart; doubled for each further one
    longest_pause: float = 30.0
    healthy_after: float = 30.0  # ready for so long, the pauses start from the first again
    start_within: float = 60.0  # else it is killed
    stale_after: float = 5.0  # without a report it does not count as ready
    silent_after: float = 30.0  # without a report it is killed
    exit_within: float = 5.0  # after closing its end of the channel

    def pause(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row, without jitter."""
        return min(self.longest_pause, self.first_pause * 2.0 ** min(failures - 1, 30))


def _nothing() -> None:
    return


def _refuse(_keeper: "Keeper", offer: Offer) -> None:
    raise ValueError(f"{offer}: nobody takes offers")


class Keeper:
    """One process, kept until it is drained."""

    def __init__(
        self,
        spec: ChildSpec,
        *,
        counters: ProcessCounters,
        command: Sequence[str],
        pace: Pace,
        on_report: Callable[[], None] = _nothing,
        on_offer: "Callable[[Keeper, Offer], None]" = _refuse,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.spec = spec
        self._command = command
        self._counters = counters
        self._pace = pace
        self._on_report = on_report
        self._on_offer = on_offer
        self._load: Load | None = None
        self._orders: asyncio.Queue[Order] = asyncio.Queue()
        self._applied = 0
        self._monotonic = monotonic
        self._jitter = jitter
        self._child: Child | None = None
        self._report: Report | None = None
        self._heard_at = 0.0
        self._ready_since: float | None = None
        self._ever_served = False
        self._refusal: str | None = None
        self._failures = 0
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._log = _log.bind(process=spec.name)

    @property
    def report(self) -> Report | None:
        """What the process last said of itself; None while it does not serve."""
        return self._report

    @property
    def is_stale(self) -> bool:
        """Whether the process that served says nothing any more."""
        return self._monotonic() - self._heard_at > self._pace.stale_after

    def declare(self, load: Load) -> None:
        """Tell the process, and each that comes after it, by which declaration to go."""
        self._load = load
        self._orders.put_nowait(load)

    def order(self, order: Order) -> None:
        """Tell the process that there is now something, once."""
        self._orders.put_nowait(order)

    def has_applied(self, number: int) -> bool:
        """Tell whether the process, if it serves, goes by a declaration or a newer one."""
        return self._report is None or self._applied >= number

    async def keep(self) -> None:
        """Keep the process until ``drain`` or ``kill``.

        Raises:
            SettingsError: It could not be configured, and never served before.
        """
        try:
            while not self._stopping.is_set():
                await self._live_once()
                if self._refusal is not None and not self._ever_served:
                    raise SettingsError(self._refusal)
                if not self._stopping.is_set():
                    await self._rest()
        finally:
            self._ended.set()

    async def drain(self) -> None:
        """Let the process drain, kill it if that takes too long, and keep it no more."""
        self._stopping.set()
        if self._child is not None:
            self._child.ask_to_stop()
        try:
            async with asyncio.timeout(DRAIN_SECONDS[self.spec.role]):
                await self._ended.wait()
        except TimeoutError:
            self._log.warning("process did not drain in time; killing it")
            self.kill()
            await self._ended.wait()

    def kill(self) -> None:
        """End the process at once, and keep it no more."""
        self._stopping.set()
        if self._child is not None:
            self._child.kill()

    async def _live_once(self) -> None:
        self._refusal = None
        try:
            child = await Child.start(self.spec, command=self._command)
        except OSError as error:
            self._log.error("process could not be started", why=error.strerror)
            return
        self._child = child
        self._counters.started(self.spec.name)
        self._applied, self._orders = 0, asyncio.Queue()
        if self._load is not None:
            self._orders.put_nowait(self._load)
        telling = asyncio.create_task(self._tell(child), name=f"tell-{self.spec.name}")
        if self._stopping.is_set():  # asked while it was being started
            child.ask_to_stop()
        try:
            await self._listen(child)
        finally:
            telling.cancel()
            self._child = None
            self._forget(await child.end())

    async def _tell(self, child: Child) -> None:
        while True:
            order = await self._orders.get()
            if isinstance(order, Load) and order is not self._load:
                continue  # there is a newer one behind it
            await child.order(order)

    async def _listen(self, child: Child) -> None:
        patience = self._pace.start_within
        try:
            while (message := await _within(patience, child.receive())) is not None:
                self._hear(message)
                patience = self._pace.silent_after
            await _within(self._pace.exit_within, child.exit_code())
        except TimeoutError:
            self._log.error("process is silent; killing it", pid=child.pid)
        except ValueError:
            self._log.error("process says what is not understood; killing it", pid=child.pid)

    def _hear(self, message: Message) -> None:
        now = self._monotonic()
        if isinstance(message, Failure):
            self._log.error("process cannot go on", why=message.message)
            self._refusal = message.message if message.configuration else None
            return
        if isinstance(message, Offer):
            self._on_offer(self, message)
            return
        if isinstance(message, Applied):
            self._applied = message.number
            self._on_report()
            return
        self._report, self._heard_at = message, now
        self._ever_served = True
        if not message.ready:
            self._ready_since = None
        elif self._ready_since is None:
            self._ready_since = now
        self._counters.reported(self.spec.name, ready=message.ready)
        self._on_report()

    def _forget(self, exit_code: int) -> None:
        if self._ready_for() >= self._pace.healthy_after:
            self._failures = 0
        self._report, self._ready_since = None, None
        self._counters.ended(self.spec.name)
        if not self._stopping.is_set():
            self._log.error("process ended", exit_code=exit_code)

    def _ready_for(self) -> float:
        return 0.0 if self._ready_since is None else self._monotonic() - self._ready_since

    async def _rest(self) -> None:
        self._failures += 1
        pause = self._pace.pause(self._failures)
        # Jitter, so that processes that fell together do not rise together.
        pause = self._jitter(pause / 2, pause)
        self._log.info("process restarts", in_seconds=round(pause, 3), failures=self._failures)
        try:
            await _within(pause, self._stopping.wait())
        except TimeoutError:
            return


async def _within(seconds: float, wait: Awaitable[T]) -> T:
    async with asyncio.timeout(seconds):
        return await wait
