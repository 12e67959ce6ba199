"""A database as it was at one moment, read page by page: for exports, however long they take."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from authsvc.entities import Entity
from authsvc.kinds import Kind
from authsvc.postgres.connections import Lease
from authsvc.postgres.table import Conditions, Table
from authsvc.postgres.violations import translated

E = TypeVar("E", bound=Entity)

_SECONDS = 60.0  # for a page


class PostgresSnapshot:
    """Reads within one transaction; made by ``Database.snapshot``."""

    def __init__(self, lease: Lease, *, clock: Callable[[], float]) -> None:
        self._lease = lease
        self._now = int(clock())

    async def page(self, kind: Kind[E], *, size: int, after: str | None = None) -> Sequence[E]:
        """Return at most ``size`` entities in the order of their ids, those after ``after``.

        Credentials that had expired at that moment are absent.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        table = Table(kind)
        where = Conditions()
        if after is not None:
            where.add("id > {}", after)
        if kind.expires:
            where.add("(expires_at IS NULL OR expires_at > {})", self._now)
        with translated():
            rows = await self._lease.fetch(
                f"SELECT {table.selected()} FROM {table.name} {where}"  # noqa: S608 - names alone
                f" ORDER BY id LIMIT {where.parameter(size)}",
                *where.arguments,
                timeout=_SECONDS,
            )
        return [table.entity(row) for row in rows]

    async def count(self, kind: Kind[E]) -> int:
        """Return how many entities of a kind there are, expired ones included.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        with translated():
            counted = await self._lease.fetchval(
                f"SELECT count(*) FROM {kind.name}",  # noqa: S608 - a name of ours
                timeout=_SECONDS,
            )
        return int(counted)
