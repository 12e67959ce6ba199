"""A database with the right schema and an open keyring, or one clear reason why not."""

import base64
from pathlib import Path

import asyncpg
import pytest

from authsvc.errors import RootKeyError, SchemaVersionError, StoreUnavailableError
from sidecar.secret import Secret
from sidecar.settings import Database, Keyring, Settings
from sidecar.startup import prepare
from tests.fakes.postgres import PostgresServer


def root_key(tmp_path: Path, byte: int = 0) -> Keyring:
    file = tmp_path / f"root-{byte}.key"
    file.write_text(base64.b64encode(bytes([byte]) * 32).decode())
    return Keyring(root_key_file=str(file))


def settings_for(url: str, keyring: Keyring, *, migrate: bool = True) -> Settings:
    return Settings(database=Database(url=Secret(url), migrate=migrate), keyring=keyring)


async def test_an_empty_database_is_made_ready(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    with postgres_server.new_database(migrated=False) as url:
        settings = settings_for(url, root_key(tmp_path))
        async with prepare(settings) as prepared:
            assert prepared.database_url == Secret(url)
            assert prepared.root_key == Secret(base64.b64encode(bytes(32)).decode())
        async with prepare(settings):  # and again, with what is there
            pass


async def test_an_empty_database_is_refused_where_nobody_may_migrate_it(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    with postgres_server.new_database(migrated=False) as url:
        settings = settings_for(url, root_key(tmp_path), migrate=False)
        with pytest.raises(SchemaVersionError):
            async with prepare(settings):
                pass


async def test_another_root_key_is_refused(database_url: str, tmp_path: Path) -> None:
    async with prepare(settings_for(database_url, root_key(tmp_path))):
        pass
    with pytest.raises(RootKeyError):
        async with prepare(settings_for(database_url, root_key(tmp_path, 1))):
            pass


async def test_a_newer_schema_is_refused(database_url: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'later', 'x')"
    )
    await connection.close()
    with pytest.raises(SchemaVersionError, match="newer"):
        async with prepare(settings_for(database_url, root_key(tmp_path))):
            pass


async def test_a_database_that_is_away_is_told_without_its_url(tmp_path: Path) -> None:
    url = "postgresql://user:canary@127.0.0.1:1/db"
    with pytest.raises(StoreUnavailableError) as caught:
        async with prepare(settings_for(url, root_key(tmp_path))):
            pass
    assert "canary" not in str(caught.value)


async def test_an_embedded_database_brings_its_own_root_key_and_keeps_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    async with prepare(settings) as first:
        assert (tmp_path / "root.key").read_text().strip() == first.root_key.reveal()
    async with prepare(settings) as second:
        assert second.root_key == first.root_key
    (tmp_path / "root.key").unlink()
    with pytest.raises(RootKeyError, match=r"root\.key is missing"):
        async with prepare(settings):
            pass
    assert not (tmp_path / "root.key").exists()
