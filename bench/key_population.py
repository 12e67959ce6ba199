"""A database with very many keys, written as fast as Postgres takes them."""

from collections.abc import Iterator
from itertools import islice

import asyncpg

from authsvc.apikey import ApiKey
from authsvc.keyring import key_id_of
from authsvc.postgres.database import Database
from authsvc.postgres.migrate import migrate
from authsvc.root_key import RootKey
from authsvc.sealing import Sealer
from sidecar.keyring_bootstrap import ensure_keyring

CONSUMERS = 100_000  # at most; the keys are theirs in turn
_CHUNK = 20_000  # rows
_CONSUMER_COLUMNS = ("id", "created_at", "updated_at", "username", "custom_id")
_COLUMNS = (
    *("id", "created_at", "consumer_id", "digest", "sealed_key", "key_id", "index_key_id"),
    "enabled",
)


def key_text(number: int) -> str:
    """Return a key that exists, if the number is less than how many there are."""
    return f"bench{number:027d}"


async def populate(url: str, *, root_key: RootKey, keys: int) -> None:
    """Make the schema, a keyring and so many keys in an empty database."""
    await migrate(url)
    async with Database.open(url, pool_size=1) as database:
        await ensure_keyring(database.keyring, root_key)
        sealer = Sealer.unwrap(await database.keyring.load(), root_key)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET synchronous_commit = off")
        consumers = min(keys, CONSUMERS)
        await _copy(connection, "consumers", _CONSUMER_COLUMNS, _consumers(consumers))
        await _copy(connection, "credentials", _COLUMNS, _credentials(sealer, keys, consumers))
        await connection.execute("VACUUM (ANALYZE) credentials")
        await connection.execute("VACUUM (ANALYZE) consumers")
    finally:
        await connection.close()


async def _copy(
    connection: "asyncpg.Connection[asyncpg.Record]",
    table: str,
    columns: tuple[str, ...],
    rows: Iterator[tuple[object, ...]],
) -> None:
    while chunk := list(islice(rows, _CHUNK)):
        await connection.copy_records_to_table(table, records=chunk, columns=columns)


def _consumers(count: int) -> Iterator[tuple[object, ...]]:
    for number in range(count):
        name = f"consumer-{number:07d}"
        yield (_consumer_id(number), 1, 1, name, f"custom-{number:07d}")


def _credentials(sealer: Sealer, count: int, consumers: int) -> Iterator[tuple[object, ...]]:
    for number in range(count):
        row_id, owner = f"d0000000-0000-4000-8000-{number:012d}", _consumer_id(number % consumers)
        key = ApiKey.from_text(key_text(number))
        made = sealer.seal(key, credential_id=row_id, consumer_id=owner, created_at=1)
        key_id = key_id_of(made.sealed_key)
        yield (row_id, 1, owner, made.digest, made.sealed_key, key_id, made.index_key_id, True)


def _consumer_id(number: int) -> str:
    return f"c0000000-0000-4000-8000-{number:012d}"
