"""Asks the Admin API what Envoy is to serve."""

import asyncio
import ssl

from authsvc.policy import KeyAuthConfig
from sidecar.admin_client import open_admin
from sidecar.envoy_config.kong import Gateway, gateway
from sidecar.secret import Secret


async def fetch_gateway(
    url: str,
    *,
    token: Secret | None = None,
    tls: ssl.SSLContext | None = None,
    default: KeyAuthConfig | None = None,
) -> Gateway:
    """Return what the Admin API at this URL knows; ``default`` applies where no plugin does.

    ``tls`` is as for ``open_admin``.

    Raises:
        AdminUrlError, AdminApiError: It cannot be reached.
        AdminRefusedError: It answers with an error.
    """
    async with open_admin(url, token=token, tls=tls) as admin:
        services, routes, plugins = await asyncio.gather(
            admin.rows("/services"), admin.rows("/routes"), admin.rows("/plugins")
        )
    return gateway(services=services, routes=routes, plugins=plugins, default=default)
