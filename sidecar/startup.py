"""What must be there before any role: a database with the right schema, and a keyring that opens.

Each step is safe to do in several processes at once, as when one role runs per container.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from authsvc.postgres.database import Database
from authsvc.postgres.migrate import check_schema, migrate
from authsvc.ring_store import KeyringStore
from authsvc.root_key import RootKey
from sidecar.embedded_postgres import EmbeddedPostgres
from sidecar.keyring_bootstrap import ensure_keyring
from sidecar.root_key_file import read_or_generate
from sidecar.root_key_sources import fetch_root_key
from sidecar.secret import Secret
from sidecar.settings import DB_LESS, Settings, SettingsError, read_recovery_key

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Where the database is, and what opens its keyring: None for who opens no keys."""

    database_url: Secret
    root_key: Secret | None


NO_DATABASE = Prepared(database_url=Secret(DB_LESS), root_key=None)
"""What there is to prepare where everything is declared in a file."""


@asynccontextmanager
async def prepare(settings: Settings, *, opens_keys: bool = True) -> AsyncIterator[Prepared]:
    """Make ready what every role needs; an embedded database runs inside the context.

    Where no keys are to be opened, there need be neither a root key nor a keyring.

    Raises:
        SettingsError: A file of the settings cannot be read, or there is to be no database.
        RootKeyError: The root key is not the keyring's.
        SchemaVersionError: The schema is not one that this program can work with.
        StoreUnavailableError: The database is away.
        StartupError: The embedded database cannot be had.
    """
    async with open_database(settings) as url:
        if settings.database.migrate:
            await bring_up_to_date(url)
        else:
            await check_schema(url.reveal())
        root_key = await _opened_keyring(settings, url) if opens_keys else None
        yield Prepared(database_url=url, root_key=root_key)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Secret]:
    """Yield the database's URL; start the embedded one if the settings name none.

    Raises:
        SettingsError: The settings say that there is no database.
        StartupError: The embedded database cannot be had.
    """
    _need_database(settings)
    if settings.database.url is not None:
        yield settings.database.url
        return
    async with EmbeddedPostgres(Path(settings.data_dir)) as dsn:
        yield Secret(dsn)


async def bring_up_to_date(url: Secret) -> list[str]:
    """Apply the migrations that the database lacks; return their names.

    Raises:
        SchemaVersionError: The schema is newer than this program, or is not its own.
        StoreUnavailableError: The database is away.
    """
    applied = await migrate(url.reveal())
    if applied:
        _log.info("database migrated", migrations=applied)
    return applied


@asynccontextmanager
async def open_keyring(settings: Settings) -> AsyncIterator[KeyringStore]:
    """Yield the database's keyring alone, whatever root key it was wrapped by.

    Raises:
        SchemaVersionError: The schema is not this program's.
        StoreUnavailableError: The database is away.
        StartupError: The embedded database cannot be had.
    """
    async with open_database(settings) as url:
        await check_schema(url.reveal())
        async with Database.open(url.reveal(), pool_size=1) as database:
            yield database.keyring


async def existing_root_key(settings: Settings) -> RootKey:
    """Return the root key from where the settings say, or that was generated before.

    Raises:
        SettingsError, RootKeyError: There is none, or it cannot be read.
        StartupError: Its source cannot be reached.
    """
    _need_database(settings)
    given = await fetch_root_key(settings)
    if given is None:
        given = read_or_generate(Path(settings.data_dir), has_keyring=True)
    return RootKey.from_base64(given.reveal())


def _need_database(settings: Settings) -> None:
    if settings.database.is_off:
        raise SettingsError('database.url is "off": there is no database')


async def _opened_keyring(settings: Settings, url: Secret) -> Secret:
    """Make sure that there is a keyring that the root key opens; return the root key."""
    async with Database.open(url.reveal(), pool_size=1) as database:
        root_key = await _root_key(settings, database.keyring)
        await ensure_keyring(
            database.keyring,
            RootKey.from_base64(root_key.reveal()),
            recovery=read_recovery_key(settings),
        )
    return root_key


async def _root_key(settings: Settings, store: KeyringStore) -> Secret:
    given = await fetch_root_key(settings)
    if given is not None:
        return given
    has_keyring = bool(await store.load())
    return read_or_generate(Path(settings.data_dir), has_keyring=has_keyring)
