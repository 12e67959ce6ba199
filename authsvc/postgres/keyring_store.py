"""The wrapped keys on Postgres."""

from collections.abc import Mapping, Sequence

from authsvc.entities import StoredCredential, WrappedKey
from authsvc.errors import KeyInUseError, KeyRemovedError, RingChangedError
from authsvc.kinds import Written
from authsvc.postgres.change_log import ChangeLog
from authsvc.postgres.connections import Connections, Lease
from authsvc.sealing import DATA, INDEX, keys_of
from authsvc.storable import check_key, is_storable_text

USAGE_SECONDS = 60.0

_COLUMNS = "id, created_at, purpose, wrapped, active, recovery, encryptions"
_LOAD = f"SELECT {_COLUMNS} FROM keyring ORDER BY created_at, id"  # noqa: S608 - column names alone
_ADD = f"INSERT INTO keyring ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)"  # noqa: S608 - as above
_RETURNED = "DELETE FROM keyring_removed WHERE id = $1"
_LOCK = "SELECT purpose, active FROM keyring WHERE id = $1 FOR UPDATE"
# Two statements: the index that allows one active key of a purpose is checked row by row.
_REST = "UPDATE keyring SET active = false WHERE purpose = $1 AND active"
_ACTIVATE = "UPDATE keyring SET active = true WHERE id = $1"
_REMOVE = "DELETE FROM keyring WHERE id = $1"
_NOTE_REMOVED = "INSERT INTO keyring_removed (id) VALUES ($1) ON CONFLICT (id) DO NOTHING"
_IS_USED = {
    DATA: "SELECT 1 AS used FROM credentials WHERE key_id = $1 LIMIT 1",
    INDEX: """
SELECT 1 AS used FROM credentials WHERE index_key_id = $1 OR index_key_id IS NULL LIMIT 1
""",
}
_ARE_REMOVED = "SELECT 1 AS removed FROM keyring_removed WHERE id = ANY($1::text[]) LIMIT 1"
_LOCK_ALL = "SELECT id FROM keyring ORDER BY id FOR UPDATE"
_REWRAP = "UPDATE keyring SET wrapped = $2, recovery = $3 WHERE id = $1"
_COUNT = """
UPDATE keyring SET encryptions = encryptions + $2::bigint WHERE id = $1 RETURNING encryptions
"""
_USAGE = """
SELECT key_id, count(*) AS rows FROM credentials WHERE key_id IS NOT NULL GROUP BY key_id
"""


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
            await add_key(lease, key)
            return await self._log.append(lease, (Written("keyring", key.id),))

        return await self._log.write(work)

    async def activate(self, key_id: str) -> int | None:
        """Make a key the active one of its purpose."""
        if not is_storable_text(key_id):
            return None

        async def work(lease: Lease) -> int | None:
            if not await activate_key(lease, key_id):
                return None
            return await self._log.append(lease, (Written("keyring", key_id),))

        return await self._log.write(work)

    async def remove(self, key_id: str) -> int | None:
        """Take a key off the ring."""
        if not is_storable_text(key_id):
            return None

        async def work(lease: Lease) -> int | None:
            row = await lease.fetchrow(_LOCK, key_id)
            if row is None:
                return None
            if row["active"]:
                raise KeyInUseError("the key is active")
            await lease.execute(_REMOVE, key_id)
            await lease.execute(_NOTE_REMOVED, key_id)
            seq = await self._log.append(lease, (Written("keyring", key_id),))
            # Looked at last, with the change counter in hand: whoever wrote a row under the key
            # has committed, and whoever is about to will find the key among the removed ones.
            is_used = _IS_USED.get(row["purpose"])
            if is_used and await lease.fetchrow(is_used, key_id) is not None:
                raise KeyInUseError("credentials are sealed or found under the key")
            return seq

        return await self._log.write(work)

    async def rewrap(self, keys: Sequence[WrappedKey], *, announce: bool) -> int | None:
        """Store every key wrapped anew."""

        async def work(lease: Lease) -> int | None:
            there = {row["id"] for row in await lease.fetch(_LOCK_ALL)}
            if there != {key.id for key in keys}:
                raise RingChangedError("the ring was changed meanwhile")
            for key in keys:
                await lease.execute(_REWRAP, key.id, key.wrapped, key.recovery)
            if not announce or not keys:
                return None
            return await self._log.append(lease, [Written("keyring", key.id) for key in keys])

        return await self._log.write(work)

    async def count(self, key_id: str, encryptions: int) -> int | None:
        """Add to a key's encryptions."""
        rows = await self._connections.fetch(_COUNT, key_id, encryptions)
        return rows[0]["encryptions"] if rows else None

    async def usage(self) -> Mapping[str, int]:
        """Return how many credentials are sealed under each key."""
        rows = await self._connections.fetch(_USAGE, seconds=USAGE_SECONDS)
        return {row["key_id"]: row["rows"] for row in rows}


async def add_key(lease: Lease, key: WrappedKey) -> None:
    """Put a key on the ring, within a transaction."""
    values = (key.id, key.created_at, key.purpose, key.wrapped, key.active)
    await lease.execute(_ADD, *values, key.recovery, key.encryptions)
    await lease.execute(_RETURNED, key.id)


async def activate_key(lease: Lease, key_id: str) -> bool:
    """Make a key the active one of its purpose, within a transaction; False: there is none."""
    row = await lease.fetchrow(_LOCK, key_id)
    if row is None:
        return False
    await lease.execute(_REST, row["purpose"])
    await lease.execute(_ACTIVATE, key_id)
    return True


async def refuse_removed_keys(lease: Lease, credential: StoredCredential) -> None:
    """Refuse a row under a key that is off the ring, after the change log was appended to.

    Raises:
        KeyRemovedError: The writer does not know yet that the key was removed.
    """
    if await lease.fetchrow(_ARE_REMOVED, list(keys_of(credential))) is not None:
        raise KeyRemovedError
