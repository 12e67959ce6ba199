"""Brings the schema up to date, or tells that it is not.

What callers can rely on:

1. Each migration is applied in one transaction with the note that it was: all of it or nothing.
2. Any number of processes may migrate at once; each migration is applied by one of them.
3. A migration that was edited after it was applied, and a database that is newer than this
   program, are refused and left alone.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib import resources

import asyncpg

from authsvc.errors import SchemaVersionError, StoreUnavailableError
from authsvc.postgres.connections import Connection, connect
from authsvc.postgres.violations import translated

_LOCK_ID = 0x746F6C6C  # "toll": the advisory lock of whoever migrates
_CREATE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    bigint PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
_EXISTS = "SELECT to_regclass('schema_migrations') IS NOT NULL"
_APPLIED = "SELECT version, name, checksum FROM schema_migrations ORDER BY version"
_NOTE = "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)"
_TRY_LOCK = "SELECT pg_try_advisory_xact_lock($1)"
_LOCK_AND_WAIT = "SELECT pg_advisory_xact_lock($1)"
_CALL_SECONDS = 600.0  # each statement: a big table, or the wait for another process
_CLOSE_SECONDS = 2.0
_RACES = 10


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file; ``checksum`` is the SHA-256 of its bytes."""

    version: int
    name: str
    checksum: str
    sql: str


def shipped_migrations() -> tuple[Migration, ...]:
    """Return the migrations of this program, in order."""
    folder = resources.files("authsvc.postgres") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(_read(name, (folder / name).read_bytes()) for name in names)


async def migrate(dsn: str) -> list[str]:
    """Apply what the database lacks; return the names of what was applied, in order.

    Raises:
        DatabaseUrlError: ``dsn`` is malformed.
        SchemaVersionError: The schema is newer than this program, or is not its own.
        StoreUnavailableError: The database is away, or did not let us.
    """
    async with _connected(dsn) as connection:
        shipped = shipped_migrations()
        locks = await _has_locks(connection)
        applied: list[str] = []
        while (migration := await _apply_next(connection, shipped, locks=locks)) is not None:
            applied.append(migration.name)
        return applied


async def check_schema(dsn: str) -> None:
    """Change nothing; return if the schema is exactly this program's.

    Raises:
        DatabaseUrlError: ``dsn`` is malformed.
        SchemaVersionError: The schema is older, newer, or is not this program's.
        StoreUnavailableError: The database is away, or did not let us.
    """
    async with _connected(dsn) as connection:
        exists = await connection.fetchval(_EXISTS, timeout=_CALL_SECONDS)
        if not exists or await _next(connection, shipped_migrations()) is not None:
            raise SchemaVersionError(
                "the database's schema is older than this program: run `tollkeeper migrate`"
            )


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Connection]:
    connection = await connect(dsn)
    try:
        with translated():
            yield connection
    finally:
        with suppress(OSError, asyncpg.InterfaceError, asyncpg.PostgresError):
            await connection.close(timeout=_CLOSE_SECONDS)


async def _has_locks(connection: Connection) -> bool:
    try:
        await connection.execute(_TRY_LOCK, _LOCK_ID, timeout=_CALL_SECONDS)
    except (asyncpg.UndefinedFunctionError, asyncpg.FeatureNotSupportedError):
        return False
    return True


async def _apply_next(
    connection: Connection, shipped: Sequence[Migration], *, locks: bool
) -> Migration | None:
    for _ in range(_RACES):
        # Without the lock, two processes may apply the same migration at once: one of them
        # cannot note it then, undoes its own, and looks again.
        with suppress(asyncpg.UniqueViolationError, asyncpg.DuplicateTableError):
            async with connection.transaction():
                if locks:
                    await connection.execute(_LOCK_AND_WAIT, _LOCK_ID, timeout=_CALL_SECONDS)
                await connection.execute(_CREATE, timeout=_CALL_SECONDS)
                migration = await _next(connection, shipped)
                if migration is not None:
                    await _apply(connection, migration)
                return migration
    raise StoreUnavailableError("the database is being migrated by others over and over")


async def _apply(connection: Connection, migration: Migration) -> None:
    note = (migration.version, migration.name, migration.checksum)
    await connection.execute(_NOTE, *note, timeout=_CALL_SECONDS)
    await connection.execute(migration.sql, timeout=_CALL_SECONDS)


async def _next(connection: Connection, shipped: Sequence[Migration]) -> Migration | None:
    """Return the first migration that was not applied yet."""
    applied = await connection.fetch(_APPLIED, timeout=_CALL_SECONDS)
    for row, migration in zip(applied, shipped, strict=False):
        if (row["version"], row["checksum"]) != (migration.version, migration.checksum):
            raise SchemaVersionError(
                f"migration {row['name']} was applied to the database in another form"
                " than this program has it"
            )
    if len(applied) > len(shipped):
        raise SchemaVersionError(
            f"the database's schema is newer than this program: it has {applied[-1]['name']}"
        )
    return shipped[len(applied)] if len(applied) < len(shipped) else None


def _read(file_name: str, content: bytes) -> Migration:
    name = file_name.removesuffix(".sql")
    checksum = hashlib.sha256(content).hexdigest()
    return Migration(int(name.partition("_")[0]), name, checksum, content.decode())
