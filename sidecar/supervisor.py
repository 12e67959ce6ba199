"""Keeps one process per role alive, and ends all of them in order.

What callers can rely on:

1. A process that ends, or falls silent, is started again, after a pause that grows each time up
   to a limit and is forgotten once the process was healthy for a while.
2. A process that cannot be configured, and never served, ends everything: trying again cannot
   help.
3. Leaving the context drains: first who takes requests, then who is told about them. Who takes
   too long is killed. No process is left.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from sidecar.child import WORKER_COMMAND
from sidecar.control import ChildSpec, Load, Offer, Role
from sidecar.keeper import Keeper, Pace
from sidecar.readiness import INFORMING, Check, is_ready
from sidecar.stopping import Stop
from sidecar.telemetry import ProcessCounters

# Analytics goes last: it is told of the requests that authsvc answered last.
_WAVES: tuple[frozenset[Role], ...] = (frozenset({"authsvc", "admin"}), frozenset({"analytics"}))
# Requests must not wait for analytics.
NEEDED: frozenset[Role] = frozenset({"authsvc", "admin"})


class Declared(Protocol):
    """What all processes go by, where there is no database."""

    def load(self, role: Role) -> Load:
        """Return what a role is told of the declaration in force."""

    def offered(self, keeper: Keeper, offer: Offer) -> None:
        """Take a new declaration from a process. Must not block."""


class Supervisor:
    """The processes that are kept."""

    def __init__(
        self,
        specs: Iterable[ChildSpec],
        *,
        counters: ProcessCounters,
        command: Sequence[str],
        pace: Pace,
        declared: "Declared | None" = None,
    ) -> None:
        self._heard = asyncio.Event()
        offers: dict[str, Any] = {"on_offer": declared.offered} if declared else {}
        self._keepers = [
            Keeper(
                spec,
                counters=counters,
                command=command,
                pace=pace,
                on_report=self._heard.set,
                **offers,
            )
            for spec in specs
        ]
        if declared is not None:
            self.declare(declared.load)
        self._tasks = [
            asyncio.create_task(keeper.keep(), name=f"keep-{keeper.spec.name}")
            for keeper in self._keepers
        ]

    def checks(self) -> list[Check]:
        """Return what each role and each process needs, and whether it has it."""
        roles = dict.fromkeys(keeper.spec.role for keeper in self._keepers)
        return [check for role in roles for check in self._checks_of(role)]

    def declare(self, load: Callable[[Role], Load]) -> None:
        """Tell every process by which declaration to go: what it is for each role."""
        for keeper in self._keepers:
            keeper.declare(load(keeper.spec.role))

    async def until_applied(self, number: int, *, seconds: float) -> bool:
        """Wait until every process that serves goes by a declaration; tell whether that is so."""
        try:
            async with asyncio.timeout(seconds):
                while not all(keeper.has_applied(number) for keeper in self._keepers):
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            return False
        return True

    async def until_ready(self) -> None:
        """Return once every process serves, and traffic may come."""
        while not (all(keeper.report for keeper in self._keepers) and is_ready(self.checks())):
            self._heard.clear()
            await self._heard.wait()

    async def watch(self, stop: Stop) -> None:
        """Return when asked to stop.

        Raises:
            SettingsError: A process could not be configured; the text is what it said.
        """
        asked = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((asked, *self._tasks), return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
        for task in self._tasks:
            if task.done():
                task.result()

    def kill(self) -> None:
        """End all processes at once."""
        for keeper in self._keepers:
            keeper.kill()

    async def drain(self) -> None:
        """End all processes in order."""
        for wave in _WAVES:
            leaving = [keeper for keeper in self._keepers if keeper.spec.role in wave]
            await asyncio.gather(*(keeper.drain() for keeper in leaving))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _checks_of(self, role: Role) -> Iterator[Check]:
        """One worker of several that is just being restarted takes no requests: it needs nothing.

        One that serves does, and must have what it needs.
        """
        needed = role in NEEDED
        keepers = [keeper for keeper in self._keepers if keeper.spec.role == role]
        yield Check(role, any(keeper.report for keeper in keepers), needed)
        for keeper in keepers:
            name = keeper.spec.name
            if keeper.report is None:
                yield Check(f"{name}.running", ok=False, needed=False)
                continue
            yield Check(f"{name}.responsive", not keeper.is_stale, needed)
            for subject, ok in keeper.report.checks.items():
                yield Check(f"{name}.{subject}", ok, needed and subject not in INFORMING)


@asynccontextmanager
async def supervise(
    specs: Iterable[ChildSpec],
    *,
    counters: ProcessCounters,
    command: Sequence[str] = WORKER_COMMAND,
    pace: Pace = Pace(),  # noqa: B008 - frozen
    declared: Declared | None = None,
) -> AsyncIterator[Supervisor]:
    """Keep a process for each spec inside the context.

    Args:
        specs: What the processes are to be.
        counters: Counts what becomes of them.
        command: Starts a process; the descriptor of its control socket is added.
        pace: How patient to be with it.
        declared: What they go by; None: a database.
    """
    supervisor = Supervisor(specs, counters=counters, command=command, pace=pace, declared=declared)
    try:
        yield supervisor
    finally:
        try:
            await supervisor.drain()
        except asyncio.CancelledError:
            supervisor.kill()
            await asyncio.shield(supervisor.drain())
            raise
