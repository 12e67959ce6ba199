"""The composition root: what one process consists of.

``open_role`` opens what the process is; nesting is the life cycle: what was opened last is closed
first.  Stores, faces and clients are constructed here and in ``sidecar.roles`` alone.

Each process imports what its own role works with, and nothing else: with what only other roles
need it would be twice as large, and slower to start.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from authsvc.store import Stores
from sidecar.control import KEY_ROLES, ChildSpec
from sidecar.declarative.editions import Declarations
from sidecar.lean_imports import import_lean_protobuf
from sidecar.roles.opening import OpenedRole, Opening
from sidecar.telemetry import Telemetry


@asynccontextmanager
async def open_role(
    spec: ChildSpec, *, telemetry: Telemetry, declarations: Declarations | None = None
) -> AsyncIterator[OpenedRole]:
    """Open the role that the spec says; serve inside the context, drain at its end.

    ``declarations`` are what the role goes by where the settings say that there is no database.

    Raises:
        SettingsError: An address cannot be listened on.
        StoreUnavailableError: The database is not there.
        RootKeyError: The root key does not open the database's keyring.
    """
    async with AsyncExitStack() as stack:
        if declarations is not None:
            yield await _open_declared(spec, declarations, telemetry, stack)
        else:
            stores = await _open_database(spec, stack)
            yield await _open(Opening(spec, stores, telemetry, stack))


async def _open_declared(
    spec: ChildSpec, declarations: Declarations, telemetry: Telemetry, stack: AsyncExitStack
) -> OpenedRole:
    from sidecar.declared_stores import open_declared  # noqa: PLC0415 - see the module

    declared = await stack.enter_async_context(
        open_declared(declarations, with_keys=spec.role in KEY_ROLES)
    )
    spec = msgspec.structs.replace(spec, root_key=declared.root_key)
    role = await _open(Opening(spec, declared.stores, telemetry, stack, declared.loader))
    return role.needing("declaration", declared.loader.is_following)


async def _open_database(spec: ChildSpec, stack: AsyncExitStack) -> Stores:
    from authsvc.postgres.database import Database  # noqa: PLC0415 - see the module

    opening = Database.open(spec.database_url.reveal(), pool_size=spec.settings.database.pool_size)
    return await stack.enter_async_context(opening)


async def _open(opening: Opening) -> OpenedRole:
    match opening.spec.role:
        case "authsvc":
            from sidecar.roles.authsvc import open_authsvc  # noqa: PLC0415 - see the module

            return await open_authsvc(opening)
        case "analytics":
            import_lean_protobuf()
            from sidecar.roles.analytics import open_analytics  # noqa: PLC0415 - as above

            return await open_analytics(opening)
        case "admin":
            from sidecar.roles.admin import open_admin  # noqa: PLC0415 - as above

            return await open_admin(opening)
