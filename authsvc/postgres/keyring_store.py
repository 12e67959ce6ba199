"""The wrapped keys on Postgres."""

from collections.abc import Sequence

from authsvc.entities import WrappedKey
from authsvc.kinds import Written
from authsvc.postgres.change_log import ChangeLog
from authsvc.postgres.connections import Connections, Lease
from authsvc.storable import check_key

_LOAD = "SELECT id, created_at, purpose, wrapped, active FROM keyring ORDER BY created_at, id"
_ADD = "INSERT INTO keyring (id, created_at, purpose, wrapped, active) VALUES ($1, $2, $3, $4, $5)"


class PostgresKeyringStore:
    """A ``KeyringStore``."""

    def __init__(self, *, connections: Connections, log: ChangeLog) -> None:
        self._connections = connections
        self._log = log

    async def load(self) -> Sequence[WrappedKey]:
        """Return every key, oldest first."""
        return [WrappedKey(**row) for row in await self._connections.fetch(_LOAD)]

    async def add(self, key: WrappedKey) -> int:
        """Add a key."""
        check_key(key)

        async def work(lease: Lease) -> int:
            await lease.execute(_ADD, key.id, key.created_at, key.purpose, key.wrapped, key.active)
            return await self._log.append(lease, (Written("keyring", key.id),))

        return await self._log.write(work)
