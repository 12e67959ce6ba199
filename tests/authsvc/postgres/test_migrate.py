"""Migrations: fresh, again, at once, changed, newer."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

import authsvc.postgres
from authsvc.errors import DatabaseUrlError, SchemaVersionError, StoreUnavailableError
from authsvc.postgres.migrate import check_schema, migrate, shipped_migrations
from tests.fakes.postgres import PostgresServer

FOLDER = Path(authsvc.postgres.__file__).parent / "migrations"
NAMES = [migration.name for migration in shipped_migrations()]


@pytest.fixture
def empty_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database without any schema."""
    with postgres_server.new_database(migrated=False) as url:
        yield url


async def execute(url: str, sql: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(sql, *arguments)
    finally:
        await connection.close()


def test_migrations_are_numbered_without_gaps() -> None:
    assert [one.version for one in shipped_migrations()] == list(range(1, len(NAMES) + 1))


def test_a_checksum_is_that_of_the_files_bytes() -> None:
    for one in shipped_migrations():
        content = (FOLDER / f"{one.name}.sql").read_bytes()
        assert one.checksum == hashlib.sha256(content).hexdigest()


async def test_a_fresh_database_gets_every_migration_in_order(empty_url: str) -> None:
    assert await migrate(empty_url) == NAMES
    rows = await execute(empty_url, "SELECT name FROM schema_migrations ORDER BY version")
    assert [row["name"] for row in rows] == NAMES


async def test_a_second_time_nothing_is_applied(empty_url: str) -> None:
    await migrate(empty_url)
    assert await migrate(empty_url) == []


async def test_of_many_processes_at_once_one_applies_each_migration(empty_url: str) -> None:
    outcomes = await asyncio.gather(*(migrate(empty_url) for _ in range(6)))
    assert sorted(name for names in outcomes for name in names) == NAMES


async def test_without_advisory_locks_one_of_many_still_applies_each(empty_url: str) -> None:
    # As on a server that has none: the functions are called as before, but are not there.
    for name in ("pg_try_advisory_xact_lock", "pg_advisory_xact_lock"):
        await execute(empty_url, f"ALTER FUNCTION {name}(bigint) RENAME TO was_{name}")
    outcomes = await asyncio.gather(*(migrate(empty_url) for _ in range(6)))
    assert sorted(name for names in outcomes for name in names) == NAMES


async def test_a_newer_database_is_refused(database_url: str) -> None:
    await execute(
        database_url,
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, '9999_later', '')",
    )
    for attempt in (migrate, check_schema):
        with pytest.raises(SchemaVersionError, match=r"newer than this program.*9999_later"):
            await attempt(database_url)


async def test_a_migration_that_was_edited_is_refused(database_url: str) -> None:
    await execute(database_url, "UPDATE schema_migrations SET checksum = 'x' WHERE version = 1")
    for attempt in (migrate, check_schema):
        with pytest.raises(SchemaVersionError, match=NAMES[0]):
            await attempt(database_url)


async def test_every_refusal_is_one_line(database_url: str, empty_url: str) -> None:
    await execute(database_url, "UPDATE schema_migrations SET checksum = 'x' WHERE version = 1")
    for url in (database_url, empty_url):
        with pytest.raises(SchemaVersionError) as caught:
            await check_schema(url)
        assert "\n" not in str(caught.value)


async def test_a_refused_database_is_left_alone(database_url: str) -> None:
    await execute(
        database_url,
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, '9999_later', '')",
    )
    before = await execute(database_url, "SELECT * FROM schema_migrations ORDER BY version")
    with pytest.raises(SchemaVersionError):
        await migrate(database_url)
    after = await execute(database_url, "SELECT * FROM schema_migrations ORDER BY version")
    assert before == after


async def test_a_failed_migration_leaves_nothing_behind(empty_url: str) -> None:
    await execute(empty_url, "CREATE TABLE workers (other text)")
    with pytest.raises(StoreUnavailableError):
        await migrate(empty_url)
    tables = await execute(empty_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert [row["tablename"] for row in tables] == ["workers"]


async def test_checking_accepts_what_is_up_to_date(database_url: str) -> None:
    await check_schema(database_url)


async def test_checking_refuses_an_older_database_and_changes_nothing(empty_url: str) -> None:
    with pytest.raises(SchemaVersionError, match="older than this program"):
        await check_schema(empty_url)
    tables = await execute(empty_url, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'")
    assert tables == []


async def test_a_database_that_is_away_is_unavailable(tmp_path: Path) -> None:
    url = f"postgresql://u:secret-word@/d?host={tmp_path}"
    for attempt in (migrate, check_schema):
        with pytest.raises(StoreUnavailableError) as caught:
            await attempt(url)
        assert "secret" not in str(caught.value)


async def test_a_malformed_url_is_refused_without_showing_it() -> None:
    for attempt in (migrate, check_schema):
        with pytest.raises(DatabaseUrlError) as caught:
            await attempt("http://u:secret-word@h/d")
        assert "secret" not in str(caught.value)
