"""``tollkeeper envoy-config``: prints a bootstrap."""

import os
from pathlib import Path
from typing import Any

import click

from authsvc.policy import KeyAuthConfig, parse_key_auth
from sidecar.address import Address, TcpAddress, parse_address
from sidecar.envoy_config.admin_options import AdminOptions, admin_options
from sidecar.envoy_config.body_use import body_use
from sidecar.envoy_config.bootstrap import render
from sidecar.envoy_config.kong import Gateway, with_bodies
from sidecar.envoy_config.plan import (
    TRUSTED_CA,
    BodyUse,
    Capture,
    EnvoyPlan,
    PlannedRoute,
    Upstream,
)
from sidecar.envoy_config.targets import target_of
from sidecar.envoy_config.tls_options import TlsOptions, tls_options
from sidecar.errors import SettingsError
from sidecar.settings import Settings, addresses, load

_ROUTE = "default"
_PROTOCOLS = ("http", "https", "grpc", "grpcs")


def _address(_: click.Context, parameter: click.Parameter, text: str | None) -> Address | None:
    try:
        return parse_address(text) if text is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), param=parameter) from None


@click.command("envoy-config")
@click.option("--config", type=click.Path(path_type=Path), help="Settings, as for run.")
@click.option("--upstream", callback=_address, help="One upstream for every request: HOST:PORT.")
@click.option(
    "--upstream-protocol",
    type=click.Choice(_PROTOCOLS),
    default="http",
    show_default=True,
    help="How --upstream is spoken to; grpc is HTTP/2 without TLS.",
)
@click.option(
    "--capture-bodies",
    is_flag=True,
    help="With --upstream: show bodies to analytics, for a moesif plugin that captures them.",
)
@click.option(
    "--check-bodies",
    is_flag=True,
    help="Show bodies of requests to authsvc, up to 8 KiB: governance rules may ask for them.",
)
@click.option(
    "--listen",
    callback=_address,
    default="0.0.0.0:8000",
    show_default=True,
    help="Where Envoy takes requests.",
)
@click.option(
    "--envoy-admin",
    callback=_address,
    help="Envoy's own admin listener: a loopback address or unix:/path; without, there is none.",
)
@click.option(
    "--http", "over_http", is_flag=True, help="Ask authsvc over plain HTTP instead of gRPC."
)
@click.option(
    "--authsvc-http",
    callback=_address,
    help="With --http: where Envoy reaches authsvc over HTTP. [as in the settings]",
)
@click.option(
    "--authsvc", callback=_address, help="Where Envoy reaches authsvc. [as in the settings]"
)
@click.option(
    "--analytics", callback=_address, help="Where Envoy reaches analytics. [as in the settings]"
)
@click.option(
    "--trusted-hops",
    type=click.IntRange(0, 100),
    default=0,
    show_default=True,
    help="Proxies in front of Envoy whose X-Forwarded-For and -Proto are true.",
)
@click.option(
    "--trusted-ca",
    default=TRUSTED_CA,
    show_default=True,
    help="On Envoy's machine: the authorities that certificates of upstreams are checked against.",
)
@click.option(
    "--edge-cache",
    is_flag=True,
    help="Let Envoy answer again by itself, where a plugin's edge_cache allows it.",
)
@click.option(
    "--reject-escaped-slashes", is_flag=True, help="Answer 400 where a path has %2F or %5C."
)
@admin_options
@tls_options
def envoy_config(
    *,
    config: Path | None,
    upstream: Address | None,
    upstream_protocol: str,
    capture_bodies: bool,
    check_bodies: bool,
    admin: AdminOptions,
    **planned: Any,
) -> None:
    """Print a complete, hardened Envoy bootstrap.

    It serves the services and routes of the Admin API, or --upstream alone.
    """
    settings = load(config=config, environ=os.environ, opens_keys=False)
    if upstream is not None:
        capture = Capture(request=capture_bodies, response=capture_bodies)
        served = _catch_all(upstream, upstream_protocol, _default(settings), capture)
    elif capture_bodies:
        raise click.UsageError("--capture-bodies goes with --upstream: else the plugins say it")
    else:
        served = admin.fetch(settings, default=_default(settings))
    if check_bodies:
        served = with_bodies(served)
    for reason in served.skipped:
        click.echo(f"left out: {reason}", err=True)
    if not served.routes:
        click.echo("there is no route to serve: Envoy will answer 404 to everything", err=True)
    click.echo(render(_plan(settings, served, **planned)), nl=False)


def _catch_all(
    address: Address, protocol: str, default: KeyAuthConfig | None, capture: Capture
) -> Gateway:
    upstream = Upstream(
        name="upstream",
        address=address,
        http2=protocol in {"grpc", "grpcs"},
        tls=protocol in {"https", "grpcs"},
    )
    return Gateway(
        upstreams=(upstream,),
        routes=(
            PlannedRoute(
                name=_ROUTE,
                upstream=upstream.name,
                body=BodyUse.NONE if upstream.http2 else body_use(default),
                captures=capture,
            ),
        ),
        key_names=(),
        logged_headers=(),
        skipped=(),
    )


def _default(settings: Settings) -> KeyAuthConfig | None:
    config = settings.authsvc.default_plugin
    return None if config is None else parse_key_auth(config)


def _plan(
    settings: Settings,
    served: Gateway,
    *,
    listen: Address,
    authsvc: Address | None,
    analytics: Address | None,
    envoy_admin: Address | None,
    over_http: bool,
    authsvc_http: Address | None,
    trusted_ca: str,
    tls: TlsOptions,
    **rest: Any,
) -> EnvoyPlan:
    ours = addresses(settings)
    checked_by = _target(authsvc or ours.get("authsvc.grpc"))
    asked_by = _target(authsvc_http or ours.get("authsvc.http")) if over_http else None
    if over_http and asked_by is None:
        raise SettingsError("authsvc.http: Envoy needs it; give --authsvc-http if it is elsewhere")
    if checked_by is None and not over_http:
        raise SettingsError("authsvc.grpc: Envoy needs it; give --authsvc if it is elsewhere")
    if not isinstance(listen, TcpAddress):
        raise click.BadParameter("Envoy listens on host:port", param_hint="--listen")
    try:
        return EnvoyPlan(
            listen=listen,
            authsvc=checked_by,
            authsvc_tls=tls.plan(settings.authsvc.tls, checked_by, trusted_ca=trusted_ca),
            authsvc_http=asked_by,
            analytics=_target(analytics or ours.get("analytics.grpc")),
            upstreams=served.upstreams,
            routes=served.routes,
            admin=envoy_admin,
            logged_headers=served.logged_headers,
            secret_headers=_secret_headers(settings, served),
            trusted_ca=trusted_ca,
            **rest,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _target(address: Address | None) -> Address | None:
    return None if address is None else target_of(address)


def _secret_headers(settings: Settings, served: Gateway) -> tuple[str, ...]:
    default = (settings.authsvc.default_plugin or {}).get("key_names", ("apikey",))
    return tuple(dict.fromkeys([*served.key_names, *default]))
