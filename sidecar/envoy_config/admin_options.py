"""What the command is told of the Admin API, and what that answers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from authsvc.policy import KeyAuthConfig
from sidecar.address import TcpAddress
from sidecar.envoy_config.admin_source import fetch_gateway
from sidecar.envoy_config.kong import Gateway
from sidecar.envoy_config.targets import target_of
from sidecar.errors import SettingsError
from sidecar.secret_file import read_secret
from sidecar.settings import Settings, addresses, read_token
from sidecar.settings_sources import ADMIN_URL_VARIABLE
from sidecar.tls import client_context

_OPTIONS = (
    click.option(
        "--admin-url",
        envvar=ADMIN_URL_VARIABLE,
        show_envvar=True,
        help="The Admin API to ask without --upstream. [as in the settings]",
    ),
    click.option("--token-file", type=click.Path(), help="The Admin API's token."),
    click.option(
        "--ca-file",
        type=click.Path(),
        help="Whom to trust of the Admin API's, in PEM.  [default: whom this machine trusts]",
    ),
    click.option(
        "--client-cert-file",
        type=click.Path(),
        help="A certificate to show to the Admin API, with its key, in PEM.",
    ),
)


@dataclass(frozen=True, slots=True)
class AdminOptions:
    """The options as given."""

    url: str | None
    token_file: str | None
    ca_file: str | None
    client_cert_file: str | None

    def fetch(self, settings: Settings, *, default: KeyAuthConfig | None) -> Gateway:
        """Return what the Admin API knows; ``default`` applies where no plugin does.

        Raises:
            SettingsError: It is nowhere, or a file cannot be used.
            AdminApiError: It cannot be reached.
            AdminRefusedError: It answers with an error.
        """
        token = (
            read_secret(self.token_file, name="--token-file")
            if self.token_file
            else read_token(settings)
        )
        tls = (
            client_context(ca_file=self.ca_file, cert_file=self.client_cert_file)
            if self.ca_file or self.client_cert_file
            else None
        )
        url = self.url or _url_of(settings)
        return asyncio.run(fetch_gateway(url, token=token, tls=tls, default=default))


def admin_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which gets them as one argument, ``admin``."""

    @wraps(command)
    def told(
        *,
        admin_url: str | None,
        token_file: str | None,
        ca_file: str | None,
        client_cert_file: str | None,
        **others: Any,
    ) -> None:
        admin = AdminOptions(admin_url, token_file, ca_file, client_cert_file)
        command(admin=admin, **others)

    for option in reversed(_OPTIONS):
        told = option(told)
    return told


def _url_of(settings: Settings) -> str:
    address = addresses(settings).get("admin.listen")
    if not isinstance(address, TcpAddress):
        raise SettingsError("admin.listen: give --admin-url, or --upstream for one upstream")
    scheme = "https" if settings.admin.tls.cert_file else "http"
    return f"{scheme}://{target_of(address)}"
