"""The access log that Envoy streams to analytics.

No header that carries a credential is ever listed here, and neither is ``:path``: a denied
request still has its key in it.
"""

from typing import Any

from sidecar.envoy_config.clusters import ANALYTICS
from sidecar.envoy_config.extensions import typed
from sidecar.envoy_config.plan import EnvoyPlan

_REQUEST_HEADERS = (
    ":method",  # the log's own field knows only the usual ones
    "accept",
    "b3",
    "content-length",
    "content-type",
    "origin",
    "traceparent",
    "x-b3-parentspanid",
    "x-b3-spanid",
    "x-b3-traceid",
    "x-forwarded-proto",
)
_RESPONSE_HEADERS = ("content-length", "content-type", "grpc-status", "retry-after")
_NEVER_LOGGED = frozenset(
    {":path", "authorization", "proxy-authorization", "cookie", "set-cookie", "apikey"}
)
_FLUSH_INTERVAL = "0.2s"  # so much of the log goes with an Envoy that is killed; Envoy's own: 1 s
_BUFFER_BYTES = 1024 * 1024  # what can wait in Envoy while analytics is away; Envoy's own: 16 KiB


def access_log(plan: EnvoyPlan) -> list[dict[str, Any]]:
    """Return the HTTP connection manager's ``access_log``: empty without analytics."""
    if plan.analytics is None:
        return []
    config = typed(
        "HttpGrpcAccessLogConfig",
        common_config={
            "log_name": "tollkeeper",
            "transport_api_version": "V3",
            "grpc_service": {"envoy_grpc": {"cluster_name": ANALYTICS, "authority": "tollkeeper"}},
            "buffer_flush_interval": _FLUSH_INTERVAL,
            "buffer_size_bytes": _BUFFER_BYTES,
        },
        additional_request_headers_to_log=_loggable(plan, _REQUEST_HEADERS),
        additional_response_headers_to_log=_loggable(plan, _RESPONSE_HEADERS),
        additional_response_trailers_to_log=["grpc-status"],
    )
    return [{"name": "envoy.access_loggers.http_grpc", "typed_config": config}]


def _loggable(plan: EnvoyPlan, ours: tuple[str, ...]) -> list[str]:
    wanted = dict.fromkeys([*ours, *(name.lower() for name in plan.logged_headers)])
    secret = _NEVER_LOGGED | {_canonical(name) for name in plan.secret_headers}
    return [name for name in wanted if _canonical(name) not in secret]


def _canonical(name: str) -> str:
    # A key name with an underscore is also found in the header with a hyphen.
    return name.lower().replace("_", "-")
