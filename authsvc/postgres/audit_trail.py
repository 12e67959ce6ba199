"""The audit log on Postgres: an entry is made within the transaction of the write itself."""

from collections.abc import Iterable, Sequence

from authsvc.audit import AuditEntry, AuditHead, Deed, Recording, Write, current_recording
from authsvc.postgres.connections import Connections, Lease, Row

_DEED = ("who", "role", "source", "method", "route", "refused", "times")
_COLUMNS = f"seq, at, {', '.join(_DEED)}, entities, mac"
_PAGE = f"SELECT {_COLUMNS} FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2"  # noqa: S608 - a constant
_HEAD = "SELECT seq, mac FROM audit_head WHERE id = 1"
_ADD = f"""
WITH head AS (UPDATE audit_head SET seq = $1::bigint, mac = $11::bytea WHERE id = 1)
INSERT INTO audit ({_COLUMNS}) VALUES ($1::bigint, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::bytea)
"""  # noqa: S608 - a constant


LOCKED_HEAD = f"{_HEAD} FOR UPDATE"
"""Selects the head for whoever adds the next entry in the same transaction."""


async def record(
    lease: Lease, recording: Recording, writes: Iterable[Write], *, previous: AuditHead
) -> None:
    """Add an entry after the head, which the transaction has locked."""
    entry = recording.entry(writes, previous=previous)
    said = (getattr(entry.deed, name) for name in _DEED)
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
        return head_of(rows[0]) if rows else AuditHead()

    async def start(self) -> AuditHead:
        """Return nothing: every entry is kept, and one that is missing was taken away."""
        return AuditHead()

    async def note(self) -> None:
        """Make an entry without anything written."""
        recording = current_recording()
        if recording is None:
            return

        async def work(lease: Lease) -> None:
            row = await lease.fetchrow(LOCKED_HEAD)
            previous = AuditHead() if row is None else head_of(row)
            await record(lease, recording, (), previous=previous)

        await self._connections.write(work)


def head_of(row: Row) -> AuditHead:
    """Return the head that a row of ``audit_head`` tells."""
    return AuditHead(row["seq"], row["mac"])


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(
        seq=row["seq"],
        at=row["at"],
        deed=Deed(**{name: row[name] for name in _DEED}),
        entities=tuple(row["entities"]),
        mac=row["mac"],
    )
