"""The audit log on Postgres: an entry is made within the transaction of the write itself."""

from collections.abc import Iterable, Sequence

from authsvc.audit import AuditEntry, AuditHead, Deed, Write, current_recording
from authsvc.postgres.connections import Connections, Lease, Row

_COLUMNS = "seq, at, who, role, source, method, route, entities, mac"
_PAGE = f"SELECT {_COLUMNS} FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2"  # noqa: S608 - a constant
_HEAD = "SELECT seq, mac FROM audit_head WHERE id = 1"
_ADD = f"""
WITH head AS (UPDATE audit_head SET seq = $1::bigint, mac = $9::bytea WHERE id = 1)
INSERT INTO audit ({_COLUMNS}) VALUES ($1::bigint, $2, $3, $4, $5, $6, $7, $8, $9::bytea)
"""  # noqa: S608 - a constant


async def record(lease: Lease, writes: Iterable[Write]) -> None:
    """Add an entry for a write, if one is being recorded.

    To be called where the change counter is locked: so entries have the order of the changes.
    """
    recording = current_recording()
    if recording is None:
        return
    row = await lease.fetchrow(f"{_HEAD} FOR UPDATE")
    previous = AuditHead() if row is None else AuditHead(row["seq"], row["mac"])
    entry = recording.entry(writes, previous=previous)
    deed = entry.deed
    said = (deed.who, deed.role, deed.source, deed.method, deed.route)
    await lease.execute(_ADD, entry.seq, entry.at, *said, entry.entities, entry.mac)


class PostgresAuditTrail:
    """An ``AuditTrail``."""

    def __init__(self, *, connections: Connections) -> None:
        self._connections = connections

    async def page(self, *, size: int, after: int = 0) -> Sequence[AuditEntry]:
        """Return entries in their order."""
        return [_entry(row) for row in await self._connections.fetch(_PAGE, after, size)]

    async def head(self) -> AuditHead:
        """Return the head."""
        rows = await self._connections.fetch(_HEAD)
        return AuditHead(rows[0]["seq"], rows[0]["mac"]) if rows else AuditHead()


def _entry(row: Row) -> AuditEntry:
    names = ("who", "role", "source", "method", "route")
    return AuditEntry(
        seq=row["seq"],
        at=row["at"],
        deed=Deed(**{name: row[name] for name in names}),
        entities=tuple(row["entities"]),
        mac=row["mac"],
    )
