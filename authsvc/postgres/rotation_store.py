"""The rotation of a key on Postgres.

``FOR UPDATE SKIP LOCKED`` keeps it out of the way of whoever writes a row at the same time: that
writer seals it under the active key itself, or the next pass finds it. Not so for an index key:
the database cannot tell which rows are left under the old one, so that each has to be seen.
"""

from collections.abc import Sequence
from typing import Any

from authsvc.entities import StoredCredential, WrappedKey
from authsvc.errors import LeaseLostError, RingChangedError, RotationRunningError
from authsvc.keyring import key_id_of
from authsvc.kinds import CREDENTIALS, Written
from authsvc.postgres.change_log import ChangeLog
from authsvc.postgres.connections import Connections, Lease, Row
from authsvc.postgres.keyring_store import activate_key, add_key
from authsvc.postgres.table import Conditions, Table
from authsvc.ring_store import Batch, Reseal, Rotation
from authsvc.storable import check_key

_CREDENTIALS = Table(CREDENTIALS)
_COLUMNS = "purpose, target, status, total, done, failed, started_at, finished_at"
_READ = f"SELECT {_COLUMNS} FROM keyring_rotation"  # noqa: S608 - column names alone
_LOCK = "SELECT status FROM keyring_rotation FOR UPDATE"
_BEGIN = f"""
INSERT INTO keyring_rotation (id, {_COLUMNS}) VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO UPDATE SET
    ({_COLUMNS}, owner, lease_until) = ($1, $2, $3, $4, $5, $6, $7, $8, NULL, NULL)
"""  # noqa: S608 - as above
_CLAIM = f"""
UPDATE keyring_rotation
SET owner = $1, lease_until = clock_timestamp() + $2::float8 * interval '1 second'
WHERE status = 'running'
  AND (owner IS NULL OR owner = $1 OR lease_until < clock_timestamp())
RETURNING {_COLUMNS}
"""  # noqa: S608 - as above
_PROGRESS = """
UPDATE keyring_rotation
SET done = done + $2::bigint,
    lease_until = clock_timestamp() + $3::float8 * interval '1 second'
WHERE owner = $1 AND status = 'running'
RETURNING target, purpose
"""
# Reserved before it is used, and locked: nobody activates another key until the batch is done.
_RESERVE = """
UPDATE keyring SET encryptions = encryptions + $2::bigint WHERE id = $1 RETURNING active
"""
_CHANGE = """
UPDATE credentials
SET sealed_key = new.sealed_key, digest = new.digest, key_id = new.key_id,
    index_key_id = new.index_key_id
FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::text[], $5::text[])
    AS new (id, sealed_key, digest, key_id, index_key_id)
WHERE credentials.id = new.id
"""
_FINISH = """
UPDATE keyring_rotation
SET status = $2, failed = $3, finished_at = $4, owner = NULL, lease_until = NULL
WHERE owner = $1 AND status = 'running'
RETURNING target
"""


class PostgresRotationStore:
    """A ``RotationStore``."""

    def __init__(self, *, connections: Connections, log: ChangeLog) -> None:
        self._connections = connections
        self._log = log

    async def read(self) -> Rotation | None:
        """Return the rotation."""
        return _rotation(await self._connections.fetch(_READ))

    async def begin(self, key: WrappedKey, rotation: Rotation) -> int:
        """Begin a rotation to a new key."""
        check_key(key)

        async def work(lease: Lease) -> int:
            row = await lease.fetchrow(_LOCK)
            if row is not None and row["status"] == "running":
                raise RotationRunningError
            await add_key(lease, key)
            if key.purpose == "data":
                await activate_key(lease, key.id)
            await lease.execute(_BEGIN, *_values(rotation))
            return await self._log.append(lease, (Written("keyring", key.id),))

        return await self._log.write(work)

    async def claim(self, owner: str, *, seconds: float) -> Rotation | None:
        """Take the running rotation."""
        return _rotation(await self._connections.fetch(_CLAIM, owner, seconds))

    async def reseal(
        self,
        owner: str,
        change: Reseal,
        *,
        under: str | None,
        after: str | None,
        size: int,
        seconds: float,
    ) -> Batch:
        """Change a batch of rows."""

        async def work(lease: Lease) -> Batch:
            await _hold(lease, owner, seconds, size)
            rows = await lease.fetch(*_select(under, after, size))
            old = [_CREDENTIALS.entity(row) for row in rows]
            new = [change(each) for each in old]
            changed = [now for was, now in zip(old, new, strict=True) if now and now != was]
            if changed:
                await lease.execute(_CHANGE, *_columns(changed))
                await lease.execute(_PROGRESS, owner, len(changed), seconds)
            return Batch(len(changed), new.count(None), old[-1].id if old else None)

        return await self._connections.write(work)

    async def finish(self, owner: str, rotation: Rotation) -> int:
        """End the rotation."""

        async def work(lease: Lease) -> int:
            ending = (rotation.status, rotation.failed, rotation.finished_at)
            if await lease.fetchrow(_FINISH, owner, *ending) is None:
                raise LeaseLostError
            if rotation.purpose == "index" and rotation.status == "done":
                await activate_key(lease, rotation.target)
            return await self._log.append(lease, (Written("keyring", rotation.target),))

        return await self._log.write(work)


async def _hold(lease: Lease, owner: str, seconds: float, size: int) -> None:
    """Make sure, until the transaction ends, that the rotation is ours and its target right."""
    row = await lease.fetchrow(_PROGRESS, owner, 0, seconds)
    if row is None:
        raise LeaseLostError
    key = await lease.fetchrow(_RESERVE, row["target"], size)
    if key is None or (row["purpose"] == "data" and not key["active"]):
        raise RingChangedError("another key was made the active one")


def _select(under: str | None, after: str | None, size: int) -> tuple[Any, ...]:
    where = Conditions()
    if under is not None:
        where.add("key_id = {}", under)
    if after is not None:
        where.add("id > {}", after)
    limit = where.parameter(size)
    held = "" if under is None else " SKIP LOCKED"
    sql = (
        f"SELECT {_CREDENTIALS.selected()} FROM credentials {where}"  # noqa: S608 - column names
        f" ORDER BY id LIMIT {limit} FOR UPDATE{held}"
    )
    return (sql, *where.arguments)


def _columns(credentials: Sequence[StoredCredential]) -> tuple[list[object], ...]:
    return (
        [each.id for each in credentials],
        [each.sealed_key for each in credentials],
        [each.digest for each in credentials],
        [key_id_of(each.sealed_key) for each in credentials],
        [each.index_key_id for each in credentials],
    )


def _values(rotation: Rotation) -> tuple[object, ...]:
    return tuple(getattr(rotation, name) for name in _COLUMNS.split(", "))


def _rotation(rows: Sequence[Row]) -> Rotation | None:
    return Rotation(**rows[0]) if rows else None
