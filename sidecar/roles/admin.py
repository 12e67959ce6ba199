"""The Admin API's process."""

from sidecar.address import parse_address
from sidecar.admin.app import create_admin_app
from sidecar.admin.read_only import Configuration
from sidecar.admin.server import AdminServer
from sidecar.audit_key import open_audit_key
from sidecar.declarative.config_endpoint import ConfigurationEndpoint
from sidecar.errors import SettingsError
from sidecar.expiry_upkeep import keep_purged
from sidecar.ring_opening import open_ring
from sidecar.roles.opening import Declared, OpenedRole, Opening
from sidecar.sealed_keys import FileKeyReader
from sidecar.settings import Settings, read_token, reveals_keys
from sidecar.tls import admin_tls


async def open_admin(opening: Opening) -> OpenedRole:
    """Open the Admin API.

    Raises:
        SettingsError: The address cannot be listened on, or there is none.
        StoreUnavailableError: The database is not there.
        RootKeyError: The root key does not open the keyring.
    """
    settings, stores, root_key = opening.spec.settings, opening.stores, opening.root_key
    metrics, default = opening.telemetry.admin, opening.default_policy
    listen = settings.admin.listen
    if listen is None:
        raise SettingsError("admin.listen: nothing to listen on")
    ring = await opening.stack.enter_async_context(open_ring(settings, root_key, stores, metrics))
    purging = keep_purged(stores, metrics=metrics)
    opening.cancel_at_end(purging, name="expiry-upkeep")
    app = create_admin_app(
        stores=stores,
        sealer=ring.sealer,
        keyring=ring.endpoints,
        reload_ring=ring.custodian.reload,
        token=read_token(settings),
        on_request=metrics.requested,
        key_format=default.key_format if default else None,
        cors_origins=settings.admin.cors_origins,
        reveal_keys=reveals_keys(settings),
        audit_key=await open_audit_key(stores.keyring, root_key),
        configuration=_configuration(settings, opening.declared),
    )
    server = AdminServer(app, address=parse_address(listen), tls=admin_tls(settings.admin.tls))
    await opening.listen(server, "admin.listen", listen)
    return OpenedRole({})


def _configuration(settings: Settings, declared: Declared | None) -> Configuration | None:
    """Return what answers ``/config``, where there is no database."""
    if declared is None:
        return None
    return ConfigurationEndpoint(
        edition=lambda: declared.edition,
        publish=declared.publish,
        keys=FileKeyReader(settings, has_keyring=False),
        reveal=reveals_keys(settings),
    )
