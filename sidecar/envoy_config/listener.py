"""The listener that clients connect to, and what happens to a request before it is routed."""

from typing import Any

from sidecar.envoy_config import body_capture
from sidecar.envoy_config.access_log import access_log
from sidecar.envoy_config.authorization import ext_authz
from sidecar.envoy_config.body_hiding import ext_proc, is_needed
from sidecar.envoy_config.clusters import socket
from sidecar.envoy_config.edge_cache import edge_cache
from sidecar.envoy_config.extensions import typed
from sidecar.envoy_config.http_authorization import path_rewriter
from sidecar.envoy_config.plan import EnvoyPlan
from sidecar.envoy_config.routing import routes
from sidecar.envoy_config.stripping import drops_underscores, early_mutations

_MANAGER = "envoy.filters.network.http_connection_manager"


def listener(plan: EnvoyPlan) -> dict[str, Any]:
    """Return the plan's one listener."""
    return {
        "name": "ingress",
        "address": _bound(plan),
        "per_connection_buffer_limit_bytes": 32_768,  # Envoy's advice for an edge
        "filter_chains": [{"filters": [{"name": _MANAGER, "typed_config": _manager(plan)}]}],
    }


def _bound(plan: EnvoyPlan) -> dict[str, Any]:
    address = socket(plan.listen)
    if plan.listen.host == "::":
        address["socket_address"]["ipv4_compat"] = True
    return address


def _manager(plan: EnvoyPlan) -> dict[str, Any]:
    return typed(
        "HttpConnectionManager",
        stat_prefix="ingress",
        codec_type="AUTO",
        **_request_identity(plan),
        **_path_handling(plan),
        **_limits(plan),
        early_header_mutation_extensions=early_mutations(),
        access_log=access_log(plan),
        http_filters=[
            *([edge_cache(plan)] if plan.edge_cache else []),
            *body_capture.before_check(plan),
            ext_authz(plan),
            *([path_rewriter()] if plan.authsvc_http else []),
            *([ext_proc()] if is_needed(plan) else []),
            *body_capture.after_check(plan),
            {"name": "envoy.filters.http.router", "typed_config": typed("Router")},
        ],
        route_config={
            "name": "tollkeeper",
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [route for planned in plan.routes for route in routes(plan, planned)],
                }
            ],
        },
    )


def _request_identity(plan: EnvoyPlan) -> dict[str, Any]:
    return {
        "use_remote_address": True,  # the client's address is what we saw, not what it says
        "xff_num_trusted_hops": plan.trusted_hops,
        "generate_request_id": True,  # joins the check and the log entry
        "always_set_request_id_in_response": True,
    }


def _path_handling(plan: EnvoyPlan) -> dict[str, Any]:
    return {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": (
            "REJECT_REQUEST" if plan.reject_escaped_slashes else "KEEP_UNCHANGED"
        ),
    }


def _limits(plan: EnvoyPlan) -> dict[str, Any]:
    """Return what a client may take of us. Upgrades (WebSocket, CONNECT) are off: none is named."""
    # X_Consumer_ID is X-Consumer-ID to some servers.  The spellings are stripped one by one as
    # well, so a key in a header with an underscore can be let through.
    underscores = "DROP_HEADER" if drops_underscores(plan) else "ALLOW"
    return {
        "common_http_protocol_options": {
            "idle_timeout": "3600s",
            "headers_with_underscores_action": underscores,
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65_536,
            "initial_connection_window_size": 1_048_576,
        },
        "request_headers_timeout": "10s",
        "stream_idle_timeout": "300s",
    }
