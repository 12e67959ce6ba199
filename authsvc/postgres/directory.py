"""What a worker looks up on Postgres: one statement for each look-up."""

from collections.abc import Mapping, Sequence

from authsvc.identifier import canonical_id
from authsvc.kinds import CONSUMERS, CREDENTIALS
from authsvc.postgres.connections import Connections, Row
from authsvc.postgres.table import Conditions, Table
from authsvc.storable import lookup
from authsvc.store import KnownConsumer, KnownCredential

# A client waits for this, through Envoy, which gives up after a second or so.
READ_SECONDS = 0.8

_CONSUMERS = Table(CONSUMERS)
_CREDENTIALS = Table(CREDENTIALS)
_CONSUMER_COLUMNS = f"""{_CONSUMERS.selected("consumer_")},
    ARRAY(SELECT acls."group" FROM acls WHERE acls.consumer_id = consumers.id) AS groups
"""  # noqa: S608 - made of column names alone
_FIND_CREDENTIALS = f"""
SELECT {_CREDENTIALS.selected("credential_")}, {_CONSUMER_COLUMNS}
FROM credentials JOIN consumers ON consumers.id = credentials.consumer_id
WHERE credentials.digest = ANY($1::bytea[])
"""  # noqa: S608 - as above
_FIND_CONSUMER = f"SELECT {_CONSUMER_COLUMNS} FROM consumers"  # noqa: S608 - as above


class PostgresDirectory:
    """A ``Directory``."""

    def __init__(self, *, connections: Connections) -> None:
        self._connections = connections

    async def find_credentials(self, digests: Sequence[bytes]) -> Mapping[bytes, KnownCredential]:
        """Return the credentials with these blind indexes."""
        rows = await self._connections.fetch(_FIND_CREDENTIALS, digests, seconds=READ_SECONDS)
        return {
            row["credential_digest"]: KnownCredential(
                _CREDENTIALS.entity(row, "credential_"), _known(row)
            )
            for row in rows
        }

    async def find_consumer(self, reference: str) -> KnownConsumer | None:
        """Return the consumer with this id or username."""
        column = "username" if canonical_id(reference) is None else "id"
        wanted = lookup(CONSUMERS, {column: reference})
        if wanted is None:
            return None
        where = Conditions()
        where.add_equal(column, wanted[column])
        rows = await self._connections.fetch(
            f"{_FIND_CONSUMER} {where}", *where.arguments, seconds=READ_SECONDS
        )
        return _known(rows[0]) if rows else None


def _known(row: Row) -> KnownConsumer:
    # Sorted here: the database sorts by its locale, which is not the same everywhere.
    return KnownConsumer(_CONSUMERS.entity(row, "consumer_"), tuple(sorted(row["groups"])))
