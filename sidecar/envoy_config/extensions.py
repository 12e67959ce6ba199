"""Envoy's names for its extensions: each is configured as an ``Any`` with a type URL."""

from typing import Any

_HTTP = "envoy.extensions.filters.http"
_TYPES = {
    "HttpConnectionManager": (
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    ),
    "HeaderMutation": (
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    ),
    "HttpGrpcAccessLogConfig": "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
    "ExtAuthz": f"{_HTTP}.ext_authz.v3.ExtAuthz",
    "ExtAuthzPerRoute": f"{_HTTP}.ext_authz.v3.ExtAuthzPerRoute",
    "ExternalProcessor": f"{_HTTP}.ext_proc.v3.ExternalProcessor",
    "ExtProcPerRoute": f"{_HTTP}.ext_proc.v3.ExtProcPerRoute",
    "Lua": f"{_HTTP}.lua.v3.Lua",
    "Router": f"{_HTTP}.router.v3.Router",
    "HttpProtocolOptions": "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    "UpstreamTlsContext": "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
    "DownstreamConnectionsConfig": (
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    ),
}


def typed(name: str, **fields: Any) -> dict[str, Any]:
    """Return the typed configuration of the extension type ``name``."""
    return {"@type": f"type.googleapis.com/{_TYPES[name]}", **fields}
