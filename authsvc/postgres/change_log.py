"""The change log on Postgres: appended to by every write, polled by every worker.

A seq comes from the one row of ``change_counter``, updated by the last statement of a
transaction: whoever comes later waits for the commit, so seqs appear in order and without gaps.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from authsvc.audit import AuditHead, current_recording
from authsvc.errors import StoreError
from authsvc.kinds import Written
from authsvc.postgres.audit_trail import LOCKED_HEAD, record
from authsvc.postgres.change_hints import CHANNEL, ChangeHints
from authsvc.postgres.connections import Connections, Lease, Row
from authsvc.store import Change, Changes, Retention

T = TypeVar("T", bound=int | None)

_COUNTED = """
WITH counter AS (
    UPDATE change_counter SET seq = seq + $1::bigint WHERE id = 1 RETURNING seq
)
"""
# Locked with the counter in hand, by the same statement: entries have the order of the changes,
# and a trip to the database is saved while everybody else waits.
_COUNTED_AND_CHAINED = f"{_COUNTED}, head AS ({LOCKED_HEAD})"
_ADDED = """
INSERT INTO change_log (seq, entity, entity_id, consumer_id, digest)
SELECT counter.seq - $1::bigint + entry.place,
       entry.entity, entry.entity_id, entry.consumer_id, entry.digest
FROM counter,
     unnest($2::text[], $3::text[], $4::uuid[], $5::bytea[])
         WITH ORDINALITY AS entry (entity, entity_id, consumer_id, digest, place)
RETURNING seq
"""
_CHAINED = ", (SELECT seq FROM head) AS head_seq, (SELECT mac FROM head) AS head_mac"
_NOTIFIED = f", pg_notify('{CHANNEL}', '')"  # Postgres sends equal ones of a transaction once
# By whether it is recorded, and whether notifications are sent.
_APPEND = {
    (False, False): f"{_COUNTED}{_ADDED}",
    (False, True): f"{_COUNTED}{_ADDED}{_NOTIFIED}",
    (True, False): f"{_COUNTED_AND_CHAINED}{_ADDED}{_CHAINED}",
    (True, True): f"{_COUNTED_AND_CHAINED}{_ADDED}{_CHAINED}{_NOTIFIED}",
}
_HEAD = "SELECT seq FROM change_counter"
# The head in the same snapshot as the changes: it tells "nothing new" from "no longer there".
_SINCE = """
SELECT counter.seq AS head, log.seq, log.entity, log.entity_id, log.consumer_id, log.digest
FROM change_counter AS counter
LEFT JOIN (SELECT * FROM change_log WHERE seq > $1 ORDER BY seq LIMIT $2) AS log ON true
ORDER BY log.seq
"""
# Always a prefix: what is left has no gap, even if a clock went back.
_PRUNE = """
DELETE FROM change_log
WHERE seq <= $1::bigint - $2::bigint
  AND seq < coalesce(
      (SELECT min(seq) FROM change_log
       WHERE written_at > now() - $3::float8 * interval '1 second'),
      $1::bigint + 1)
"""


_ASIDE_SECONDS = 1.0  # for pruning, which the writer should hardly notice


class ChangeLog:
    """A ``ChangeFeed``, and what the other stores write through."""

    def __init__(
        self, connections: Connections, *, hints: ChangeHints, retention: Retention
    ) -> None:
        self._connections = connections
        self._hints = hints
        self._retention = retention
        self._pruned = -1  # how many times ``retention.every`` the seq was, when last pruned
        self._notifies = False  # as far as is known

    async def write(self, work: Callable[[Lease], Awaitable[T]]) -> T:
        """Run a transaction whose last statement is an ``append``; return what ``work`` returns.

        That is the seq, or None if there was nothing to write.
        """
        # Asked outside of the transaction: in it, a refusal would abort the write.
        self._notifies = self._notifies or await self._hints.are_sent()
        seq = await self._connections.write(work)
        if seq is not None and seq // self._retention.every > self._pruned:
            self._pruned = seq // self._retention.every
            await self._prune(seq)
        return seq

    async def append(self, lease: Lease, entries: Sequence[Written]) -> int:
        """Add changes to the log in a transaction, and to the audit; return the last one's seq."""
        recording = current_recording()
        rows = await lease.fetch(
            _APPEND[recording is not None, self._notifies],
            len(entries),
            [entry.entity for entry in entries],
            [entry.entity_id for entry in entries],
            [entry.consumer_id for entry in entries],
            [entry.digest for entry in entries],
        )
        if recording is not None:
            head = AuditHead(rows[0]["head_seq"] or 0, rows[0]["head_mac"] or b"")
            await record(lease, recording, entries, previous=head)
        return int(max(row["seq"] for row in rows))

    async def head(self) -> int:
        """Return the newest committed seq."""
        rows = await self._connections.fetch(_HEAD)
        return max((row["seq"] for row in rows), default=0)

    async def since(self, seq: int, *, limit: int = 1000) -> Changes:
        """Return the changes after ``seq``."""
        rows = await self._connections.fetch(_SINCE, seq, limit)
        head = rows[0]["head"] if rows else 0
        changes = tuple(_change(row) for row in rows if row["seq"] is not None)
        first = changes[0].seq if changes else head + 1
        return Changes(changes, complete=first == seq + 1)

    async def wait(self, seconds: float) -> None:
        """Return at the next notification, at the latest after ``seconds``."""
        await self._hints.wait(seconds)

    async def _prune(self, seq: int) -> None:
        with suppress(StoreError):  # the write is done; the next one that is due prunes as well
            await self._connections.fetch(
                *(_PRUNE, seq, self._retention.changes, self._retention.seconds),
                seconds=_ASIDE_SECONDS,
            )


def _change(row: Row) -> Change:
    consumer_id = row["consumer_id"]
    return Change(
        seq=row["seq"],
        entity=row["entity"],
        entity_id=row["entity_id"],
        consumer_id=None if consumer_id is None else str(consumer_id),
        digest=row["digest"],
    )
