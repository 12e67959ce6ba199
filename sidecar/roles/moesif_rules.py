"""What ``moesif`` plugins want of a worker of authsvc: annotations, and rules that block.

Nothing of analytics is imported before there is such a plugin: most of it would be carried by each
worker for nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import structlog

from authsvc.annotation_rules import AnnotationRules
from authsvc.entities import Plugin
from authsvc.governance import Caller, Governance, Judgement
from authsvc.request import Request
from sidecar.moesif_plugin import MOESIF
from sidecar.roles.opening import Opening

_log = structlog.get_logger(__name__)


class MoesifRules:
    """``authsvc.governance.Governance`` that is there from the start, and knows rules later.

    What is not there yet blocks nothing, as rules that are still being fetched.
    """

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._wanted = asyncio.Event()
        self._governance: Governance | None = None

    @property
    def is_following(self) -> bool:
        """Whether there was a plugin, so that rules are followed."""
        return self._governance is not None

    def annotation_of(self, plugin: Plugin) -> AnnotationRules | None:
        """Return what a plugin wants to be told of requests; from its first one on, follow rules.

        None: it is not of those that want anything.
        """
        if plugin.name != MOESIF:
            return None
        self._wanted.set()
        from sidecar.annotation_source import annotation_rules  # noqa: PLC0415 - see the module

        return annotation_rules(plugin)

    def governs(self, route: str | None, service: str | None) -> bool:
        """Tell whether there are rules for the requests of a route and a service at all."""
        return self._governance is not None and self._governance.governs(route, service)

    def judge(self, request: Request, caller: Caller) -> Judgement:
        """Return what the rules say; from memory, without waiting for anything."""
        return _NOTHING if self._governance is None else self._governance.judge(request, caller)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the rules inside the context, as soon as there may be any."""
        task = asyncio.create_task(self._follow(), name="governance")
        task.add_done_callback(_report)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def _follow(self) -> None:
        await self._wanted.wait()
        governing = await asyncio.to_thread(_governing, self._opening)  # checks go on meanwhile
        async with governing as self._governance:
            await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class _Nothing:
    """No rule says anything."""

    headers: Sequence[tuple[str, str]] = ()
    block: None = None


_NOTHING = _Nothing()


def _governing(opening: Opening) -> AbstractAsyncContextManager[Governance]:
    from sidecar.governance import governing  # noqa: PLC0415 - see the module
    from sidecar.instruction_metrics import InstructionCounters  # noqa: PLC0415 - as above

    return governing(
        opening.spec.settings,
        opening.stores,
        default=opening.default_policy,
        metrics=opening.telemetry.counting(InstructionCounters),
    )


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("rules are not followed", exc_info=error)
