"""What the database's errors mean here.

Nothing of a foreign error's text is passed on: it may hold a value, or the password of the URL.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from authsvc.errors import (
    ForeignKeyViolationError,
    StoreError,
    StoreUnavailableError,
    UniqueViolationError,
)

# By the name of the constraint or unique index.
_UNIQUE = {
    "consumers_pkey": ("id",),
    "consumers_username_key": ("username",),
    "consumers_custom_id_key": ("custom_id",),
    "credentials_pkey": ("id",),
    "credentials_digest_key": ("digest",),
    "acls_pkey": ("id",),
    "acls_consumer_id_group_key": ("consumer_id", "group"),
    "services_pkey": ("id",),
    "services_name_key": ("name",),
    "routes_pkey": ("id",),
    "routes_name_key": ("name",),
    "plugins_pkey": ("id",),
    "plugins_instance_name_key": ("instance_name",),
    "plugins_global_key": ("name", "route_id", "service_id"),
    "plugins_route_key": ("name", "route_id", "service_id"),
    "plugins_service_key": ("name", "route_id", "service_id"),
    "plugins_route_and_service_key": ("name", "route_id", "service_id"),
    "tokens_pkey": ("id",),
    "tokens_name_key": ("name",),
    "tokens_token_hash_key": ("token_hash",),
    "keyring_pkey": ("id",),
    "keyring_active_key": ("purpose", "active"),
}
_FOREIGN_KEYS = {
    "credentials_consumer_id_fkey": "consumer_id",
    "acls_consumer_id_fkey": "consumer_id",
    "routes_service_id_fkey": "service_id",
    "plugins_route_id_fkey": "route_id",
    "plugins_service_id_fkey": "service_id",
}
# By the SQLSTATE, or by its first two characters.
_UNAVAILABLE = {
    "25006": "the database is read-only: it is a standby, or was made so",
    "42501": "the database does not let this user do that",
    "42P01": "the database lacks a table: run `tollkeeper migrate`",
    "28": "the database refused the login",
    "3D": "the database does not exist on its server",
    "53": "the database server has no room for another connection, or no disk or memory",
    "57": "the database server is stopping, starting or cancelled the call",
}


@contextmanager
def translated() -> Iterator[None]:
    """Let nothing out but ``StoreError``s.

    Raises:
        UniqueViolationError: A unique constraint that is known here was violated.
        ForeignKeyViolationError: A foreign key that is known here was violated.
        StoreUnavailableError: Anything else went wrong at the database, or on the way to it.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        raise _meaning(error) from None
    except TimeoutError:
        raise StoreUnavailableError("the database did not answer in time") from None
    except (OSError, EOFError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        raise StoreUnavailableError("the database cannot be reached") from None


def _meaning(error: asyncpg.PostgresError) -> StoreError:
    constraint = getattr(error, "constraint_name", None)
    if isinstance(error, asyncpg.UniqueViolationError) and constraint in _UNIQUE:
        return UniqueViolationError(_UNIQUE[constraint])
    if isinstance(error, asyncpg.ForeignKeyViolationError) and constraint in _FOREIGN_KEYS:
        return ForeignKeyViolationError(_FOREIGN_KEYS[constraint])
    state = error.sqlstate or ""
    why = _UNAVAILABLE.get(state) or _UNAVAILABLE.get(state[:2], "the database failed")
    return StoreUnavailableError(f"{why} (SQLSTATE {state})")
