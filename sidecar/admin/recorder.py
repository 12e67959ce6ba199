"""Puts what requests do, and what they are refused, into the audit log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web

from authsvc.audit import AuditChain, AuditTrail, Deed, recording
from sidecar.admin.refusals import Refusals, is_told
from sidecar.admin.routing import Endpoint


class Recorder:
    """Records under one chain."""

    def __init__(self, trail: AuditTrail, chain: AuditChain) -> None:
        self._trail = trail
        self._chain = chain
        self._refusals = Refusals(trail, chain)

    @asynccontextmanager
    async def recording(self, deed: Deed, endpoint: Endpoint) -> AsyncIterator[None]:
        """Record what is written inside; where each use is told, also that nothing was.

        Raises:
            StoreUnavailableError: That cannot be told: nobody must see what was made inside.
        """
        with recording(deed, self._chain) as recorded:
            yield
            if endpoint.audits(deed.method) and not recorded.made:
                await self._trail.note()

    async def refused(self, deed: Deed, endpoint: Endpoint | None, *, status: int) -> None:
        """Tell of a request that ended in this status, if it matters."""
        if is_told(status, deed.method, endpoint):
            await self._refusals.note(replace(deed, refused=status))

    async def telling(self, _app: web.Application) -> AsyncIterator[None]:
        """Tell of what was counted, until the application ends: for its ``cleanup_ctx``."""
        async with self._refusals.told():
            yield
