"""Refused requests in the audit log: all that matter are told, and no flood of them fills it.

Within a window, the first refusal of each kind is an entry at once.  Those like it are counted, and
told by one entry when the window ends; so are, together, those of further kinds.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import structlog

from authsvc.audit import AuditChain, AuditTrail, Deed, recording
from authsvc.errors import StoreUnavailableError
from sidecar.admin.operation import Listed, Operation, Shown
from sidecar.admin.roles import WRITES, Role
from sidecar.admin.routing import Endpoint
from sidecar.admin.schema import Schema

WINDOW = 60.0  # seconds
MOST_KINDS = 10  # that have an entry of their own in a window
_LEAVE_SECONDS = 1.0  # for what is left to tell when the process stops

_REFUSALS = frozenset({401, 403, 421})  # somebody was kept from doing something

UNMATCHED = "unmatched"
"""The route of a path that leads nowhere."""

UNKNOWN = "unknown"
"""Who did something, where nobody can tell."""

VARIOUS = "various"
"""Stands for who, where and what in the entry of all that have no entry of their own."""

_log = structlog.get_logger(__name__)


class Refusals:
    """What was refused in the window that is open, and how often."""

    def __init__(
        self,
        trail: AuditTrail,
        chain: AuditChain,
        *,
        window: float = WINDOW,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trail = trail
        self._chain = chain
        self._window = window
        self._monotonic = monotonic
        self._ends = float("-inf")
        self._known: set[Deed] = set()
        self._untold: Counter[Deed] = Counter()

    async def note(self, deed: Deed) -> None:
        """Tell of a refusal, now or when the window ends. Never raises for want of a database."""
        if self._monotonic() >= self._ends:
            await self.tell()
        if deed in self._known:
            self._untold[deed] += 1
        elif len(self._known) < MOST_KINDS:
            self._known.add(deed)
            await self._tell({deed: 1})
        else:
            self._untold[_anybody(deed)] += 1

    async def tell(self) -> None:
        """End the window: tell of what was only counted, and begin another."""
        self._ends = self._monotonic() + self._window
        untold, self._untold = self._untold, Counter()
        self._known.clear()
        await self._tell(untold)

    @asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Tell at the end of each window while the context lasts, and when it is left."""
        telling = asyncio.create_task(self._keep_telling(), name="refusals")
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.wait((telling,))
            with suppress(TimeoutError):
                async with asyncio.timeout(_LEAVE_SECONDS):
                    await self.tell()

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(self._window)
            if self._monotonic() >= self._ends:
                await self.tell()

    async def _tell(self, deeds: Mapping[Deed, int]) -> None:
        for deed, times in deeds.items():
            try:
                with recording(replace(deed, times=times), self._chain):
                    await self._trail.note()
            except StoreUnavailableError:
                self._untold[deed] += times
                _log.warning("a refusal is not in the audit log yet", times=times)


def is_told(status: int, method: str, endpoint: Endpoint | None) -> bool:
    """Tell whether a request that ended in this status belongs into the log.

    It was refused, and could have written something or seen a secret; or it failed where every
    use is to be told.
    """
    if endpoint is not None and endpoint.audits(method):
        return True
    shows = endpoint is not None and _shows_secrets(endpoint)
    return status in _REFUSALS and (method in WRITES or shows)


def _anybody(deed: Deed) -> Deed:
    return Deed(
        who=VARIOUS,
        role=VARIOUS,
        source=VARIOUS,
        method=VARIOUS,
        route=VARIOUS,
        refused=deed.refused,
    )


def _shows_secrets(endpoint: Endpoint) -> bool:
    if endpoint.access.read is Role.ADMIN:
        return True
    operation = endpoint.operation("GET")
    return operation is not None and _gives_secrets(operation)


def _gives_secrets(operation: Operation) -> bool:
    match operation.gives:
        case Shown(schema) | Listed(Schema() as schema):
            return schema.variants is not None or any(
                known.secret for known in schema.fields.values()
            )
        case _:
            return False
