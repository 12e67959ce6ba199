"""Who has applied which change, on Postgres.

Times are the database's: the workers' clocks may differ.
"""

from authsvc.postgres.connections import Connections
from authsvc.store import LIVE_SECONDS

# Workers that ended without a word are removed in passing, long after they stopped counting.
_REPORT = """
WITH gone AS (
    DELETE FROM workers WHERE worker <> $1 AND seen_at < now() - interval '1 hour'
)
INSERT INTO workers (worker, seq, seen_at) VALUES ($1, $2, now())
ON CONFLICT (worker) DO UPDATE SET seq = excluded.seq, seen_at = excluded.seen_at
"""
_LEAVE = "DELETE FROM workers WHERE worker = $1"
_SLOWEST = """
SELECT min(seq) AS seq FROM workers
WHERE seen_at >= now() - $1::float8 * interval '1 second'
"""


class PostgresAppliedBoard:
    """An ``AppliedBoard``."""

    def __init__(self, *, connections: Connections) -> None:
        self._connections = connections

    async def report(self, worker: str, seq: int) -> None:
        """Note that this worker lives and how far it is."""
        await self._connections.fetch(_REPORT, worker, seq)

    async def leave(self, worker: str) -> None:
        """Forget this worker."""
        await self._connections.fetch(_LEAVE, worker)

    async def slowest(self) -> int | None:
        """Return the smallest seq among live workers."""
        rows = await self._connections.fetch(_SLOWEST, LIVE_SECONDS)
        slowest: int | None = rows[0]["seq"]
        return slowest
