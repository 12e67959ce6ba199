"""What the command is told of TLS between Envoy and authsvc, and what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from sidecar.address import Address, TcpAddress
from sidecar.envoy_config.plan import AuthsvcTls
from sidecar.settings import Tls

_OPTIONS = (
    click.option(
        "--authsvc-ca",
        metavar="PATH",
        help="On Envoy's machine: the authorities that authsvc's certificate is checked against."
        " [as --trusted-ca]",
    ),
    click.option(
        "--authsvc-server-name",
        metavar="NAME",
        help="The name, or IP address, in authsvc's certificate. [as in its address]",
    ),
    click.option(
        "--authsvc-cert",
        metavar="PATH",
        help="On Envoy's machine: the certificate that it shows to authsvc.",
    ),
    click.option(
        "--authsvc-key", metavar="PATH", help="On Envoy's machine: that certificate's key."
    ),
)


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """The options as given."""

    ca: str | None
    server_name: str | None
    cert: str | None
    key: str | None

    def plan(self, settings: Tls, address: Address | None, *, trusted_ca: str) -> AuthsvcTls | None:
        """Return how Envoy speaks TLS to authsvc; None: it does not.

        It does where the settings or the options say so.

        Raises:
            click.UsageError: What is given does not fit together, or something is missing.
        """
        given = (settings.cert_file, self.ca, self.server_name, self.cert, self.key)
        if address is None or not any(given):
            return None
        if settings.client_ca_file and not self.cert:
            raise click.UsageError(
                "authsvc.tls.client_ca_file: Envoy has to show a certificate;"
                " give --authsvc-cert and --authsvc-key"
            )
        return AuthsvcTls(
            trusted_ca=self.ca or trusted_ca,
            server_name=self.server_name or _name_of(address),
            shown=self._shown(),
        )

    def _shown(self) -> tuple[str, str] | None:
        if self.cert and self.key:
            return self.cert, self.key
        if self.cert or self.key:
            raise click.UsageError("--authsvc-cert and --authsvc-key belong together")
        return None


def tls_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which gets them as one argument, ``tls``."""

    @wraps(command)
    def told(
        *,
        authsvc_ca: str | None,
        authsvc_server_name: str | None,
        authsvc_cert: str | None,
        authsvc_key: str | None,
        **others: Any,
    ) -> None:
        tls = TlsOptions(authsvc_ca, authsvc_server_name, authsvc_cert, authsvc_key)
        command(tls=tls, **others)

    for option in reversed(_OPTIONS):
        told = option(told)
    return told


def _name_of(address: Address) -> str:
    if isinstance(address, TcpAddress):
        return address.host
    raise click.UsageError("a socket has no name: give --authsvc-server-name")
